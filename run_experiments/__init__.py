"""The paper's experiments: flags, data, model, fit, report."""

import os

ENVIRONMENT = {
    # TensorFlow's default CPU allocator returns memory after every operation and requests it again, which takes as
    # long as the arithmetic for batches of 64 x 64 images
    "TF_CPU_ALLOCATOR_USE_BFC": "1",
    # TensorFlow enables oneDNN only on processors with AVX-512, but its convolutions are much faster on others as well
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # warnings and errors, but not the notes about the processor that every process would print
    "TF_CPP_MIN_LOG_LEVEL": "1",
}
"""Variables that TensorFlow reads when it is first imported; values that are already set take precedence."""

os.environ.update({**ENVIRONMENT, **os.environ})

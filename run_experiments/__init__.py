"""The paper's experiments: flags, data, model, fit, report."""

import os

from data_generators.commands import stopping

ENVIRONMENT = {
    # TensorFlow's default CPU allocator returns memory after every operation and requests it again, which takes as
    # long as the arithmetic for batches of 64 x 64 images
    "TF_CPU_ALLOCATOR_USE_BFC": "1",
    # TensorFlow enables oneDNN only on processors with AVX-512, but its convolutions are much faster on others as well
    "TF_ENABLE_ONEDNN_OPTS": "1",
}
"""Variables that TensorFlow reads when it is first imported; values that are already set take precedence."""

os.environ.update({**ENVIRONMENT, **os.environ})
stopping.end_at_once_while_starting()

from data_generators.commands import quiet  # noqa: E402, F401  now that TensorFlow's environment is set

"""The paper's experiments: flags, data, model, fit, report."""

import os

ENVIRONMENT = {
    # by default the CPU allocator gives memory back after each operation and asks for it again, which for batches of
    # 64 x 64 images costs as much time as the arithmetic
    "TF_CPU_ALLOCATOR_USE_BFC": "1",
    # without AVX-512 TensorFlow leaves oneDNN off, whose convolutions are much faster on the other processors, too
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # of the log, warnings and errors: not what every process says of its processor
    "TF_CPP_MIN_LOG_LEVEL": "1",
}
"""What TensorFlow reads when it is first imported, unless it is set already."""

os.environ.update({**ENVIRONMENT, **os.environ})

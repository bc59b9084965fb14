"""The paper's experiments: flags, data, model, fit, report."""

import os

# TensorFlow reads it when it is first imported. By default its CPU allocator gives memory back after each operation and
# asks for it again, which for batches of 64 x 64 images costs as much time as the arithmetic.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")

# Without AVX-512 TensorFlow leaves oneDNN off, whose convolutions are much faster on the other processors, too.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# Of TensorFlow's log, warnings and errors: not what every process says of its processor.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

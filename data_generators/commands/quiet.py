"""Imports TensorFlow without the notes about the machine that it prints at every start.

To be imported before TensorFlow. The notes come from code that runs when the libraries are loaded, before they look at
TF_CPP_MIN_LOG_LEVEL, so they are taken out of what is written to the standard error meanwhile. Another process does it,
so that the message of a crash arrives as well. A missing CUDA driver is reported as an error when devices are looked
for; that is taken out too, but not other errors of CUDA. With TF_CPP_MIN_LOG_LEVEL=0 nothing is taken out.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
NOTES = r"I\d{4} |WARNING: All log messages before absl::InitializeLog|E\d{4} .* cuInit: .*\(303\)"
FILTER = f"""
import re, sys
for line in sys.stdin.buffer:
    if not re.match(rb"{NOTES}", line):
        sys.stderr.buffer.write(line)
        sys.stderr.flush()
"""


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """A context in which libraries write warnings and errors to the standard error, but no notes."""
    sys.stderr.flush()
    stderr = os.dup(2)
    line = [sys.executable, "-I", "-S", "-c", FILTER]
    with subprocess.Popen(line, stdin=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin is not None
        os.dup2(process.stdin.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


os.environ.setdefault(LEVEL, "1")  # warnings and errors
wanted = "tensorflow" in sys.modules or os.environ[LEVEL] == "0"
with contextlib.nullcontext() if wanted else without_notes():
    import tensorflow

    tensorflow.config.list_physical_devices("GPU")

"""Imports TensorFlow without the notes about the machine that it prints at every start.

To be imported before TensorFlow. The notes come from code that runs when the libraries are loaded, before they look at
TF_CPP_MIN_LOG_LEVEL, so they are taken out of what is written to the standard error meanwhile. Another process does it,
so that the message of a crash arrives as well. With TF_CPP_MIN_LOG_LEVEL=0 nothing is taken out.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
FILTER = """
import re, sys
for line in sys.stdin.buffer:
    if not re.match(rb"I[0-9]{4} |WARNING: All log messages before absl::InitializeLog", line):
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
    import tensorflow  # noqa: F401

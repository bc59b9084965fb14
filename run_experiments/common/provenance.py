"""Where a result comes from (command, commit, versions, machine, data), and what lets it be computed again."""

import hashlib
import os
import platform
import re
import resource
import subprocess
from importlib import metadata
from typing import Any

import numpy as np
import tensorflow as tf

from data_generators.commands.program import invocation

PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy")
GENERATED = ("results", "docs/results.md", "*README.md")
"""Paths that commands of the project write; changes to them do not change the code that a result comes from."""


def provenance() -> dict[str, Any]:
    """What is needed to compute a result again: command, commit, versions, machine."""
    return {
        "command": without_folders(" ".join(invocation())),
        "commit": commit(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "machine": machine(),
    }


def without_folders(command: str) -> str:
    """A command line with each absolute path, which is valid on one machine only, cut to its last component."""
    return re.sub(r"(?<=[=\s])[/~](?:[^\s/]*/)*([^\s/]+)/?", r"\1", command)


def commit(folder: str | None = None) -> str:
    """The commit of the code.

    Args:
        folder: a folder in the repository; by default the one of this file.

    Returns:
        The hash, followed by "+changes" if tracked files other than those in `GENERATED` differ from the commit, or
        "unknown" outside a repository.
    """
    folder = folder or os.path.dirname(os.path.abspath(__file__))
    excluded = [f":!/{path}" for path in GENERATED]
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", ":/", *excluded],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if status.stdout.strip() else "")


def machine() -> str:
    """Processor and memory; on systems without /proc, only the architecture."""
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (OSError, ValueError):
        return platform.machine()
    return f"{names[0] if names else platform.machine()}, {gigabytes:.0f} GB"


def peak_memory_mb() -> float:
    """Peak memory of this process so far, in MB."""
    return 1.024e-3 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # Linux counts in KiB


def digest(*arrays: Any) -> str:
    """SHA-256 of the contents of arrays, in hexadecimal."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def make_repeatable() -> None:
    """Make processes with the same seed compute the same numbers, bit for bit, on one machine.

    TensorFlow's graph optimiser otherwise reorders sums in convolutional networks, differently in each process.
    """
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})

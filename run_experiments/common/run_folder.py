"""The folder a run leaves behind: config.json, metrics.json, history.csv, figures, TensorBoard, model, checkpoint."""

import csv
import hashlib
import json
import math
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf import callbacks

PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy")

EARLIER = {"optimizer": "adam"}
"""What settings were before they had a name."""


class RunFolderError(Exception):
    """A run cannot start in this folder; the message says why and what to do."""


class RunFolder:
    """Paths and JSON files of one run.

    Args:
        path: the folder, created if it does not exist.
        resume: whether to go on with the run that is there.

    Raises:
        RunFolderError: if the folder cannot be written, or holds a run and resume is False.
    """

    def __init__(self, path: str, resume: bool = False) -> None:
        self.path = path
        self._began = time.perf_counter()
        refuse_taken(path, resume)
        try:
            os.makedirs(self.figures, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            raise RunFolderError(f"cannot write to {path}: {error.strerror}") from error

    config = property(lambda self: os.path.join(self.path, "config.json"))
    metrics = property(lambda self: os.path.join(self.path, "metrics.json"))
    history = property(lambda self: os.path.join(self.path, "history.csv"))
    model = property(lambda self: os.path.join(self.path, "model.keras"))
    checkpoint = property(lambda self: os.path.join(self.path, "checkpoint.weights.h5"))
    figures = property(lambda self: os.path.join(self.path, "figures"))
    tensorboard = property(lambda self: os.path.join(self.path, "tensorboard"))

    def figure(self, name: str) -> str:
        """Path of a figure."""
        return os.path.join(self.figures, f"{name}.png")

    def save_model(self, model: keras.Model) -> None:
        """Write the model file in one step."""
        callbacks.require_room(self.model, model)
        partial = os.path.join(self.path, "model.partial.keras")
        model.save(partial)
        os.replace(partial, self.model)

    def write_metrics(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """Write metrics.json; returns the metrics and the minutes since this session of the run began."""
        metrics = {**metrics, "session_minutes": (time.perf_counter() - self._began) / 60.0}
        write_json(self.metrics, metrics)
        return metrics

    def load_checkpoint(self, model: keras.Model) -> None:
        """Load the checkpoint into a compiled model.

        Raises:
            RunFolderError: if the file is damaged or of another model.
        """
        try:
            model.load_weights(self.checkpoint)
        except Exception as error:  # Keras and h5py raise many kinds
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise RunFolderError(
                f"cannot resume from {self.checkpoint}: {reason[0]}; delete it to start the run again"
            ) from error
        if callbacks.steps_done(model) == 0:  # Keras skips what does not fit an optimiser
            raise RunFolderError(f"cannot resume from {self.checkpoint}: it holds the state of another optimiser")

    def start(self, settings: dict[str, Any], may_change: tuple[str, ...] = (), data_digest: str | None = None) -> None:
        """Write config.json: the settings, a digest of the data, and where each session of the run came from.

        Raises:
            RunFolderError: if a setting differs from those of the run that is there, unless it is in ``may_change``,
                or the data do.
        """
        settings = json.loads(json.dumps(settings))  # as they will be read back
        sessions = []
        if os.path.exists(self.config):
            before = read_json(self.config)
            if not isinstance(before, dict) or not {"settings", "sessions"} <= set(before):
                raise RunFolderError(f"{self.config} is not the configuration of a run")
            sessions = before["sessions"]
            self.check_settings(settings, may_change)
            if data_digest != before.get("data_digest", data_digest):
                raise RunFolderError(f"the run in {self.path} was trained on other data: resume it with those")
        digest = {} if data_digest is None else {"data_digest": data_digest}
        write_json(self.config, {"settings": settings, **digest, "sessions": [*sessions, provenance()]})

    def check_settings(self, settings: dict[str, Any], may_change: tuple[str, ...] = ()) -> None:
        """Raise RunFolderError if a setting differs from those of the run that is there, but for ``may_change``."""
        before = EARLIER | read_json(self.config)["settings"]
        for name, value in json.loads(json.dumps(settings)).items():
            old = before.get(name, value)
            if name not in may_change and old != value:
                raise RunFolderError(f"the run in {self.path} has --{name}={old}, not {value}: resume it with that")

    def check_history(self, step: int, needed: tuple[str, ...] = ()) -> None:
        """Check, before more training, that history.csv goes with a checkpoint.

        Args:
            step: of the checkpoint.
            needed: names of numbers that each row must have.

        Raises:
            RunFolderError: if it cannot be read, or lacks the checkpoint's step.
        """
        try:
            rows = [row for row in callbacks.read_history(self.history) if row["step"] <= step]
        except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
            raise RunFolderError(f"{self.history} is not the history of a run") from error
        whole = rows and rows[-1]["step"] == step and all(name in row for row in rows for name in needed)
        if step and not whole:
            raise RunFolderError(f"{self.history} lacks epochs that the checkpoint, at step {step}, has behind it: "
                                 "put the whole file back, or start again in another folder")  # fmt: skip


def refuse_taken(path: str, resume: bool = False) -> None:
    """Raise RunFolderError if a folder holds a run that is not to be resumed; before any work is done for another."""
    if os.path.exists(os.path.join(path, "config.json")) and not resume:
        raise RunFolderError(f"{path} already holds a run; give --resume to go on with it or another --output_dir")


def digest(*arrays: Any) -> str:
    """A digest of arrays' contents."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def one_line(error: BaseException) -> str:
    """What a command says of an error."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def make_repeatable() -> None:
    """Let processes with one seed compute the same numbers, bit for bit, on one machine.

    TensorFlow's graph optimiser regroups sums of convolutional networks in another order in each process.
    """
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


def provenance() -> dict[str, Any]:
    """What is needed to make a result again: command, commit, versions, machine."""
    return {
        "command": without_folders(" ".join(["python", *_program(), *sys.argv[1:]])),
        "commit": commit(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "machine": machine(),
    }


def machine() -> str:
    """Processor and memory, where Linux tells."""
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (OSError, ValueError):
        return platform.machine()
    return f"{names[0] if names else platform.machine()}, {gigabytes:.0f} GB"


def without_folders(command: str) -> str:
    """A command whose absolute paths, which mean something on one machine only, are cut to their last part."""
    return re.sub(r"(?<=[=\s])[/~](?:[^\s/]*/)*([^\s/]+)/?", r"\1", command)


def _program() -> list[str]:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return [os.path.basename(sys.argv[0])] if spec is None else ["-m", spec.name.removesuffix(".__main__")]


def peak_memory_mb() -> float:
    """MB that this process, a session of a run, had at most so far."""
    return 1.024e-3 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # Linux counts in KiB


def commit() -> str:
    """The commit of the code, with "+changes" if files but results differ from it; "unknown" outside a repository."""
    folder = os.path.dirname(os.path.abspath(__file__))
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", ":/", ":!/results", ":!/*README.md"],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if status.stdout.strip() else "")


def write_json(path: str, value: Any) -> None:
    """Write JSON in one step, so that no half file is ever seen; numbers that are not finite become null."""
    partial = f"{path}.partial"
    with open(partial, "w") as file:
        json.dump(_finite(value), file, indent=2, allow_nan=False)
        file.write("\n")
    os.replace(partial, path)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: str) -> Any:
    """Read JSON.

    Raises:
        RunFolderError: if the file is not JSON.
    """
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise RunFolderError(f"cannot read {path}: {error}") from error

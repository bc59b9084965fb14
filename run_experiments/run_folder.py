"""The folder a run leaves behind: config.json, metrics.json, history.csv, figures, TensorBoard, model, checkpoint."""

import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
from importlib import metadata
from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.training import callbacks

PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy")


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
        try:
            os.makedirs(self.figures, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            raise RunFolderError(f"cannot write to {path}: {error.strerror}") from error
        if os.path.exists(self.config) and not resume:
            raise RunFolderError(f"{path} already holds a run; give --resume to go on with it or another --output_dir")

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

    def start(self, settings: dict[str, Any], may_change: tuple[str, ...] = ()) -> None:
        """Write config.json: the settings, and where each session of the run came from.

        Raises:
            RunFolderError: if a setting differs from those of the run that is there, unless it is in ``may_change``.
        """
        settings = json.loads(json.dumps(settings))  # as they will be read back
        sessions = []
        if os.path.exists(self.config):
            before = read_json(self.config)
            if not isinstance(before, dict) or not {"settings", "sessions"} <= set(before):
                raise RunFolderError(f"{self.config} is not the configuration of a run")
            sessions = before["sessions"]
            for name, value in settings.items():
                old = before["settings"].get(name, value)
                if name not in may_change and old != value:
                    raise RunFolderError(f"the run in {self.path} has --{name}={old}, not {value}: resume it with that")
        write_json(self.config, {"settings": settings, "sessions": [*sessions, provenance()]})


def make_repeatable() -> None:
    """Let processes with one seed compute the same numbers, bit for bit, on one machine.

    TensorFlow's graph optimiser regroups sums of convolutional networks in another order in each process.
    """
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


def provenance() -> dict[str, Any]:
    """What is needed to make a result again: command, commit, versions, machine."""
    return {
        "command": without_folders(" ".join(["python", "-m", _module(), *sys.argv[1:]])),
        "commit": commit(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "processors": os.cpu_count(),
    }


def without_folders(command: str) -> str:
    """A command whose absolute paths, which mean something on one machine only, are cut to their last part."""
    return re.sub(r"(?<==)/(?:[^\s/]+/)*([^\s/]+)/?", r"\1", command)


def _module() -> str:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec.name if spec is not None else os.path.basename(sys.argv[0])


def peak_memory_mb() -> float:
    """MB that this process, a session of a run, had at most so far."""
    return 1.024e-3 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # Linux counts in KiB


def commit() -> str:
    """The commit of the code, with "+changes" if files differ from it; "unknown" outside a repository."""
    folder = os.path.dirname(os.path.abspath(__file__))
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if status.stdout.strip() else "")


def write_json(path: str, value: Any) -> None:
    """Write JSON in one step, so that no half file is ever seen."""
    partial = f"{path}.partial"
    with open(partial, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
    os.replace(partial, path)


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

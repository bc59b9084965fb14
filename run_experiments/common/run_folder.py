"""The folder of a run: config.json, metrics.json, history.csv, figures, TensorBoard logs, model and checkpoint."""

import contextlib
import csv
import glob
import json
import math
import os
import time
from collections.abc import Iterator
from typing import Any

import keras

from data_generators.commands.lock import locked
from run_experiments.common.provenance import provenance
from svgp_vae_tf import callbacks, files
from svgp_vae_tf.saving import load_weights

DEFAULTS_OF_OLD_CONFIGS = {"optimizer": "adam"}
"""Values of settings that older config.json files do not record."""


class RunFolderError(Exception):
    """A run cannot use its folder; the message says why and what to do."""


class RunFolder:
    """Paths and JSON files of one run. Nothing is written before `start`; who writes needs a folder from `claim`.

    Args:
        path: the folder.
        resume: whether to continue the run that the folder holds.

    Raises:
        RunFolderError: if the folder holds a run and resume is False.
    """

    def __init__(self, path: str, resume: bool = False) -> None:
        self.path = path
        self._began = time.perf_counter()
        require_free(path, resume)

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

    def start(self, settings: dict[str, Any], may_change: tuple[str, ...] = (), data_digest: str | None = None) -> None:
        """Create the folder and write config.json: settings, a digest of the data, and the provenance of each session.

        Args:
            settings: the settings of the run.
            may_change: names of settings in which a resumed run may differ from the run in the folder.
            data_digest: a digest of the data, if they are to be the same when the run is resumed.

        Raises:
            RunFolderError: if the folder holds a run with other settings or data.
        """
        os.makedirs(self.figures, exist_ok=True)
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
        """Raise RunFolderError if a setting not named in ``may_change`` differs from that of the run in the folder."""
        before = DEFAULTS_OF_OLD_CONFIGS | read_json(self.config)["settings"]
        for name, value in json.loads(json.dumps(settings)).items():
            old = before.get(name, value)
            if name not in may_change and old != value:
                raise RunFolderError(f"the run in {self.path} has --{name}={old}, not {value}: resume it with that")

    def load_checkpoint(self, model: keras.Model) -> None:
        """Load the checkpoint into a compiled model.

        Raises:
            RunFolderError: if the file is damaged or belongs to another model.
        """
        try:
            load_weights(model, self.checkpoint)
        except Exception as error:  # Keras and h5py raise many kinds
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise RunFolderError(
                f"cannot resume from {self.checkpoint}: {reason[0]}; delete it to start the run again"
            ) from error
        if callbacks.steps_done(model) == 0:  # Keras skips an optimiser state that does not fit
            raise RunFolderError(f"cannot resume from {self.checkpoint}: it holds the state of another optimiser")

    def check_history(self, step: int, needed: tuple[str, ...] = ()) -> None:
        """Check that history.csv belongs to a checkpoint, before training continues.

        Args:
            step: the step of the checkpoint.
            needed: names of the columns that must have a value in every row.

        Raises:
            RunFolderError: if the file cannot be read, or does not reach the checkpoint's step.
        """
        try:
            rows = [row for row in callbacks.read_history(self.history) if row["step"] <= step]
        except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
            raise RunFolderError(f"{self.history} is not the history of a run") from error
        complete = rows and rows[-1]["step"] == step and all(name in row for row in rows for name in needed)
        if step and not complete:
            raise RunFolderError(f"{self.history} lacks epochs before the checkpoint at step {step}: "
                                 "restore the complete file, or start again in another folder")  # fmt: skip

    def save_model(self, model: keras.Model) -> None:
        """Replace the model file."""
        files.write_with_keras(model.save, self.model, ".keras")

    def write_metrics(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """Write metrics.json; returns the metrics with the minutes since this session of the run began."""
        metrics = {**metrics, "session_minutes": (time.perf_counter() - self._began) / 60.0}
        write_json(self.metrics, metrics)
        return metrics


@contextlib.contextmanager
def claim(path: str, resume: bool = False) -> Iterator[RunFolder]:
    """The folder of a run, which no other process can claim until the with block ends.

    Args:
        path, resume: as for `RunFolder`.

    Raises:
        FolderInUseError: if another process has claimed the folder.
        RunFolderError: as for `RunFolder`, and if the folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(path))
        except OSError as error:
            raise RunFolderError(f"cannot write to {path}: {error.strerror}") from error
        folder = RunFolder(path, resume)
        for left in glob.glob(os.path.join(glob.escape(path), "**", "*.partial"), recursive=True):
            os.remove(left)  # by a process that was killed while it wrote the file
        yield folder


def require_free(path: str, resume: bool = False) -> None:
    """Raise RunFolderError if a folder holds a run that is not to be resumed."""
    if os.path.exists(os.path.join(path, "config.json")) and not resume:
        raise RunFolderError(f"{path} already holds a run; give --resume to continue it, or another --output_dir")


def write_json(path: str, value: Any) -> None:
    """Replace a JSON file; numbers that are not finite become null."""
    files.replace(path, f"{json.dumps(_finite(value), indent=2, allow_nan=False)}\n".encode())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(path: str) -> Any:
    """Read JSON.

    Raises:
        RunFolderError: if the file does not exist or is not JSON.
    """
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise RunFolderError(f"cannot read {path}: {error}") from error

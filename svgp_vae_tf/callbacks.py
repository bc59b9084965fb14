"""Keras callbacks: checkpoints that survive a killed run, a history file, TensorBoard."""

import csv
import errno
import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Numbers = Callable[[keras.Model], Mapping[str, float]]
"""From a model to named numbers."""


def _none(_: keras.Model) -> Mapping[str, float]:
    return {}


def steps_done(model: keras.Model) -> int:
    """The optimiser's count of steps, on one device or many."""
    return int(model.optimizer.iterations.numpy())


class Evaluation(keras.callbacks.Callback):
    """Adds numbers to the logs of each epoch, for the callbacks after it and the progress bar.

    Args:
        function: from the model to named numbers.
        every: epochs between evaluations.
    """

    def __init__(self, function: Numbers, every: int = 1) -> None:
        super().__init__()
        self._function, self._every = function, every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None and (epoch + 1) % self._every == 0:
            logs.update(self._function(self.model))


class Checkpoint(keras.callbacks.Callback):
    """Keeps the whole training state (weights, optimiser, random generators) in one file, written at each epoch's end.

    The file is replaced in one step, so a killed run leaves the last whole one. Its number of steps is the
    optimiser's own.

    Raises:
        OSError: when there is no room for the file; the last one stays whole.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        require_room(self._path, self.model)
        partial = self._path.removesuffix(".weights.h5") + ".partial.weights.h5"
        self.model.save_weights(partial, overwrite=True)
        os.replace(partial, self._path)


def require_room(path: str, model: keras.Model) -> None:
    """Raise OSError if the disk has no room for a file with the model's and the optimiser's weights.

    Asked beforehand, for a weight file that runs out of room ends in a page of messages.
    """
    variables = [*model.variables, *model.optimizer.variables]
    needed = 1.1 * sum(np.prod(v.shape) * np.dtype(v.dtype).itemsize for v in variables) + 2**20
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free
    if free < needed:
        sizes = f"{needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
        raise OSError(errno.ENOSPC, f"no room for {os.path.basename(path)}: {sizes}; make room, then resume")


class HistoryFile(keras.callbacks.Callback):
    """One row of numbers per epoch in a CSV file, the step first.

    Rows after the step at which training starts are dropped, so a resumed run leaves the same file as a whole one.

    Args:
        path: the file.
        extra: further numbers to write, too many for the progress bar.
    """

    def __init__(self, path: str, extra: Numbers = _none) -> None:
        super().__init__()
        self._path, self._extra = path, extra
        self._rows: list[dict[str, Any]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        start = steps_done(self.model)
        self._rows = [row for row in read_history(self._path) if row["step"] <= start]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        step = steps_done(self.model)
        numbers = {**(logs or {}), **self._extra(self.model)}
        self._rows.append({"step": step, **{key: float(value) for key, value in numbers.items()}})
        partial = self._path + ".partial"
        with open(partial, "w", newline="") as file:
            names = dict.fromkeys(name for row in self._rows for name in row)  # not every epoch is evaluated
            writer = csv.DictWriter(file, list(names))
            writer.writeheader()
            writer.writerows(self._rows)
        os.replace(partial, self._path)


def read_history(path: str) -> list[dict[str, Any]]:
    """Rows of a `HistoryFile`, those numbers by name that a row has; none if the file does not exist."""
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: int(v) if k == "step" else float(v) for k, v in row.items() if v} for row in rows]


class TensorBoardMonitor(keras.callbacks.Callback):
    """Writes every number in the epoch's logs, and pictures, to TensorBoard at the optimiser's step.

    Args:
        folder: where the event files go.
        pictures: from the model to named matplotlib figures.
        every: epochs between pictures.
        extra: further numbers to write.
    """

    def __init__(
        self,
        folder: str,
        pictures: Callable[[keras.Model], Mapping[str, Any]],
        every: int = 1,
        extra: Numbers = _none,
    ) -> None:
        super().__init__()
        self._folder, self._pictures, self._every, self._extra = folder, pictures, every, extra
        self._writer: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._writer = tf.summary.create_file_writer(self._folder)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        step = steps_done(self.model)
        with self._writer.as_default(step=step):
            for name, value in {**(logs or {}), **self._extra(self.model)}.items():
                tf.summary.scalar(name, value)
            if (epoch + 1) % self._every == 0:
                for name, figure in self._pictures(self.model).items():
                    tf.summary.image(name, figure_to_image(figure)[np.newaxis])
        self._writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._writer.close()


def figure_to_image(figure: Any) -> np.ndarray:
    """Pixels (height, width, 3), uint8, of a matplotlib figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]

"""Keras callbacks: checkpoints to resume interrupted runs, a history file, TensorBoard.

Pictures for TensorBoard are matplotlib figures; matplotlib is imported only when one is written.
"""

import contextlib
import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.files import replace, write_with_keras

Numbers = Callable[[keras.Model], Mapping[str, float]]
"""A function from a model to named numbers."""


def _none(_: keras.Model) -> Mapping[str, float]:
    return {}


def steps_done(model: keras.Model) -> int:
    """Number of steps that the model's optimizer has made."""
    return int(model.optimizer.iterations.numpy())


class Evaluation(keras.callbacks.Callback):
    """Adds numbers to the logs of an epoch, where later callbacks and the progress bar find them.

    Args:
        function: computes named numbers from the model.
        every: number of epochs between evaluations.
    """

    def __init__(self, function: Numbers, every: int = 1) -> None:
        super().__init__()
        self._function, self._every = function, every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the numbers to the logs."""
        if logs is not None and (epoch + 1) % self._every == 0:
            logs.update(self._function(self.model))


class Checkpoint(keras.callbacks.Callback):
    """Writes the training state (weights, optimizer, random generators) to a file at the end of each epoch.

    The file is replaced atomically, so an interrupted run leaves the last complete one.

    Args:
        path: the file, ``.weights.h5``.

    Raises:
        OSError: if the file cannot be written, for example for lack of room; the last one is kept.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Replace the file."""
        write_with_keras(self.model.save_weights, self._path, ".weights.h5")


class HistoryFile(keras.callbacks.Callback):
    """Writes the logs of each epoch as a row of a CSV file, with the optimizer's step in the first column.

    When training starts, rows after the current step are dropped, so a resumed run writes the same file as an
    uninterrupted one.

    Args:
        path: the file.
        extra: computes further numbers to write, which the progress bar does not show.
    """

    def __init__(self, path: str, extra: Numbers = _none) -> None:
        super().__init__()
        self._path, self._extra = path, extra
        self._rows: list[dict[str, Any]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Read the rows up to the current step."""
        start = steps_done(self.model)
        self._rows = [row for row in read_history(self._path) if row["step"] <= start]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add a row and replace the file."""
        step = steps_done(self.model)
        numbers = {**(logs or {}), **self._extra(self.model)}
        self._rows.append({"step": step, **{key: float(value) for key, value in numbers.items()}})
        names = dict.fromkeys(name for row in self._rows for name in row)  # not every epoch has all of them
        text = io.StringIO()
        writer = csv.DictWriter(text, list(names))
        writer.writeheader()
        writer.writerows(self._rows)
        replace(self._path, text.getvalue().encode())


def read_history(path: str) -> list[dict[str, Any]]:
    """Read the rows of a `HistoryFile`, or none if the file does not exist.

    Returns:
        For each row its numbers by name; "step" is an int, all others are floats, and empty cells are left out.
    """
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: int(v) if k == "step" else float(v) for k, v in row.items() if v} for row in rows]


class TensorBoardMonitor(keras.callbacks.Callback):
    """Writes the logs of each epoch, and pictures, to TensorBoard at the optimizer's step.

    Args:
        folder: folder for the event files.
        pictures: draws named matplotlib figures from the model.
        every: number of epochs between pictures.
        extra: computes further numbers to write.

    Raises:
        OSError: if they cannot be written.
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
        """Open the event file."""
        with _writing(self._folder):
            self._writer = tf.summary.create_file_writer(self._folder)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write numbers and, when due, pictures."""
        numbers = {**(logs or {}), **self._extra(self.model)}
        figures = self._pictures(self.model) if (epoch + 1) % self._every == 0 else {}
        images = {name: figure_to_image(figure) for name, figure in figures.items()}
        with _writing(self._folder), self._writer.as_default(step=steps_done(self.model)):
            for name, value in numbers.items():
                tf.summary.scalar(name, value)
            for name, image in images.items():
                tf.summary.image(name, image[np.newaxis])
            self._writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the event file."""
        with _writing(self._folder):
            self._writer.close()


@contextlib.contextmanager
def _writing(folder: str) -> Iterator[None]:
    """A context that reduces TensorFlow's pages about event files that cannot be written to an OSError of one line."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = error.message.splitlines()[0].split("}} ")[-1]  # after the name of an operation
        raise OSError(f"cannot write event files for TensorBoard in {folder}: {reason}") from error


def figure_to_image(figure: Any) -> np.ndarray:
    """The pixels of a matplotlib figure, (height, width, 3), uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]

"""Batches that grow during training, and a learning rate that falls with the epochs.

The posterior of the inducing values is estimated from a batch, and its noise costs reconstruction: the decoder is
trained on latents that are noisier than those it decodes later. Growing batches remove the noise where it matters, at
the end, and do not make an epoch slower.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from run_experiments.common.provenance import peak_memory_mb
from svgp_vae_tf import callbacks
from svgp_vae_tf.optimizers import SOAP, PiecewiseConstant

OPTIMIZERS: dict[str, Any] = {"adam": keras.optimizers.Adam, "soap": SOAP}


@dataclasses.dataclass(frozen=True)
class Phase:
    """Epochs with one batch size."""

    first_epoch: int
    end_epoch: int
    batch_size: int
    first_step: int
    steps_per_epoch: int


@dataclasses.dataclass(frozen=True)
class BatchSizeSchedule:
    """The batch size of each epoch.

    Args:
        phases: the phases in order, without gaps.
    """

    phases: tuple[Phase, ...]

    @classmethod
    def constant(cls, epochs: int, batch_size: int, steps_per_epoch: int) -> "BatchSizeSchedule":
        """The same batch size in all epochs."""
        return cls((Phase(0, epochs, batch_size, 0, steps_per_epoch),))

    @classmethod
    def doubling(
        cls, num_data: int, epochs: int, batch_size: int, final_batch_size: int, multiple: int = 1
    ) -> "BatchSizeSchedule":
        """A first half with ``batch_size``, then doublings at equal intervals up to ``final_batch_size``.

        Args:
            num_data: number N of data points.
            epochs: number of epochs.
            batch_size: the batch size at the start.
            final_batch_size: the batch size at the end.
            multiple: phases begin at multiples of this number of epochs.
        """
        sizes = [batch_size]
        while sizes[-1] < final_batch_size:
            sizes.append(min(2 * sizes[-1], final_batch_size))
        doublings = len(sizes) - 1
        starts = [0] + [epochs * (doublings + i) // (2 * doublings) // multiple * multiple for i in range(doublings)]
        phases: list[Phase] = []
        step = 0
        for size, start, end in zip(sizes, starts, [*starts[1:], epochs], strict=True):
            if end > start:
                phases.append(Phase(start, end, size, step, math.ceil(num_data / size)))
                step += (end - start) * phases[-1].steps_per_epoch
        return cls(tuple(phases))

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return self.phases[-1].end_epoch

    @property
    def steps(self) -> int:
        """Number of optimiser steps."""
        return self.step_at(self.epochs)

    def epoch_at(self, step: int) -> int:
        """Number of epochs completed after a number of steps."""
        for phase in reversed(self.phases):
            if step >= phase.first_step:
                return phase.first_epoch + (step - phase.first_step) // phase.steps_per_epoch
        return 0

    def step_at(self, epoch: float) -> int:
        """Number of steps after a number of epochs, rounded up."""
        phase = next((phase for phase in self.phases if epoch < phase.end_epoch), self.phases[-1])
        return phase.first_step + math.ceil((epoch - phase.first_epoch) * phase.steps_per_epoch)

    def steps_per_execution(self, passes: int) -> int:
        """Steps for TensorFlow to take in one call: at most 16, and a divisor of the steps of every Keras epoch.

        More than 16 would save nothing further, and the progress bar and an interrupt wait for the end of a call.

        Args:
            passes: passes through the data in one Keras epoch.
        """
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            return 1  # replicas take their steps one by one
        common = passes * math.gcd(*(phase.steps_per_epoch for phase in self.phases))
        return max(count for count in range(1, 17) if common % count == 0)

    def cosine(self, first: float, last: float, levels: int = 200) -> PiecewiseConstant:
        """A learning rate that falls from ``first`` to ``last`` along a cosine over the epochs, in constant pieces."""
        levels = max(2, min(levels, self.steps))
        values = [last + 0.5 * (first - last) * (1.0 + math.cos(math.pi * (i + 0.5) / levels)) for i in range(levels)]
        boundaries = [self.step_at(i * self.epochs / levels) - 1 for i in range(1, levels)]  # last steps of pieces
        return PiecewiseConstant(boundaries, values)


def optimizer(
    name: str, schedule: BatchSizeSchedule, first: float, last: float, beta_2: float, clip_norm: float | None
) -> keras.optimizers.Optimizer:
    """An optimiser with the paper's epsilon of Adam, and a learning rate that falls along a cosine.

    Args:
        name: a key of `OPTIMIZERS`.
        schedule: the batch sizes, which say how many steps an epoch has.
        first, last: the learning rate at the start and at the end.
        beta_2: decay rate of the second moments.
        clip_norm: largest global norm of the gradient; None or inf for no clipping.
    """
    clip = None if clip_norm is None or math.isinf(clip_norm) else clip_norm
    return OPTIMIZERS[name](schedule.cosine(first, last), beta_2=beta_2, epsilon=1e-8, global_clipnorm=clip)


class ThroughputLogger(keras.callbacks.Callback):
    """Adds to the logs: data passes done, training seconds per pass (without evaluations), images per second, memory.

    Args:
        num_images: number of images in one pass through the data.
        passes: passes through the data in one Keras epoch.
    """

    def __init__(self, num_images: int, passes: int = 1) -> None:
        super().__init__()
        self._num_images, self._passes = num_images, passes

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the numbers to the logs."""
        if logs is not None:
            seconds = (time.perf_counter() - self._start) / self._passes
            logs |= {"epoch": (epoch + 1) * self._passes, "seconds_per_epoch": seconds}
            logs |= {"images_per_second": self._num_images / seconds, "peak_memory_mb": peak_memory_mb()}


class _EndOfPhase(keras.callbacks.Callback):
    """Ends `fit` with a phase; its ``epochs`` are those of all phases, for the progress bar."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self._last = last

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch + 1 >= self._last:
            self.model.stop_training = True


def fit(
    model: keras.Model,
    schedule: BatchSizeSchedule,
    batches: Callable[[int, int], tf.data.Dataset],
    training_callbacks: Sequence[keras.callbacks.Callback],
    passes: int = 1,
    verbose: int | str = "auto",
) -> None:
    """Train a model for the rest of a schedule, from the step of its optimiser on.

    Args:
        model: the compiled model.
        schedule: the batch sizes.
        batches: makes endless batches from a batch size and the index of the first epoch.
        training_callbacks: Keras callbacks; `fit` of Keras is called with them once for each phase.
        passes: passes through the data in one Keras epoch.
        verbose: as for Keras.
    """
    start = schedule.epoch_at(callbacks.steps_done(model))
    for phase in schedule.phases:
        if start >= phase.end_epoch:
            continue
        first = max(start, phase.first_epoch)
        model.fit(
            batches(phase.batch_size, first),
            steps_per_epoch=passes * phase.steps_per_epoch,
            initial_epoch=first // passes,
            epochs=schedule.epochs // passes,
            verbose=verbose,
            shuffle=False,
            callbacks=[*training_callbacks, keras.callbacks.TerminateOnNaN(), _EndOfPhase(phase.end_epoch // passes)],
        )

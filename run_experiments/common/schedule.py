"""Batches that grow during training, and a learning rate that falls with the epochs.

The posterior of the inducing values is estimated from a batch, and its noise costs reconstruction: the decoder is
trained for latents that are less exact than those it will be given. Growing batches take the noise out where it
matters, at the end, and make an epoch no slower.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from run_experiments.common import run_folder
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


def phases(num_data: int, epochs: int, batch_size: int, final_batch_size: int, multiple: int = 1) -> list[Phase]:
    """The first half with ``batch_size``; over the second it doubles at equal intervals up to ``final_batch_size``.

    Args:
        num_data: N.
        epochs: in all.
        batch_size: at the start.
        final_batch_size: at the end.
        multiple: phases begin at multiples of this many epochs.
    """
    sizes = [batch_size]
    while sizes[-1] < final_batch_size:
        sizes.append(min(2 * sizes[-1], final_batch_size))
    doublings = len(sizes) - 1
    starts = [0] + [epochs * (doublings + i) // (2 * doublings) // multiple * multiple for i in range(doublings)]
    found: list[Phase] = []
    step = 0
    for size, start, end in zip(sizes, starts, [*starts[1:], epochs], strict=True):
        if end > start:
            found.append(Phase(start, end, size, step, math.ceil(num_data / size)))
            step += (end - start) * found[-1].steps_per_epoch
    return found


def epoch_at(step: int, plan: list[Phase]) -> int:
    """How many epochs are done after a step."""
    for phase in reversed(plan):
        if step >= phase.first_step:
            return phase.first_epoch + (step - phase.first_step) // phase.steps_per_epoch
    return 0


def steps_at_once(plan: list[Phase], passes: int) -> int:
    """Steps that TensorFlow takes in one call: at most 16, so that every `fit` of `passes` at a time has whole calls.

    More would save nothing further, and the progress bar and an interrupt wait for the end of a call.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return 1  # replicas take their steps one by one
    common = passes * math.gcd(*(phase.steps_per_epoch for phase in plan))
    return max(count for count in range(1, 17) if common % count == 0)


def cosine(plan: list[Phase], first: float, last: float, levels: int = 200) -> PiecewiseConstant:
    """A learning rate that falls along a cosine over the epochs, in steps as TensorFlow's schedules count them."""
    epochs = plan[-1].end_epoch
    steps = plan[-1].first_step + (epochs - plan[-1].first_epoch) * plan[-1].steps_per_epoch
    levels = max(2, min(levels, steps))
    values = [last + 0.5 * (first - last) * (1.0 + math.cos(math.pi * (i + 0.5) / levels)) for i in range(levels)]
    boundaries = []
    for i in range(1, levels):
        epoch = i * epochs / levels
        phase = next(p for p in plan if p.first_epoch <= epoch < p.end_epoch)
        boundaries.append(phase.first_step + math.ceil((epoch - phase.first_epoch) * phase.steps_per_epoch) - 1)
    return PiecewiseConstant(boundaries, values)


def optimizer(
    name: str, plan: list[Phase], first: float, last: float, beta_2: float, clip_norm: float | None
) -> keras.optimizers.Optimizer:
    """One of `OPTIMIZERS` with a learning rate that falls along `cosine`; a clip_norm of inf clips nothing.

    Adam's epsilon is the paper's.
    """
    clip = None if clip_norm is None or math.isinf(clip_norm) else clip_norm
    kind = OPTIMIZERS[name]
    return kind(cosine(plan, first, last), beta_2=beta_2, epsilon=1e-8, global_clipnorm=clip)


class Pace(keras.callbacks.Callback):
    """Adds to the logs: passes done, training seconds per pass (no evaluations), images per second, peak memory.

    Args:
        num_images: N.
        passes: through the data, in what Keras calls an epoch.
    """

    def __init__(self, num_images: int, passes: int = 1) -> None:
        super().__init__()
        self._num_images, self._passes = num_images, passes

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            seconds = (time.perf_counter() - self._start) / self._passes
            logs |= {"epoch": (epoch + 1) * self._passes, "seconds_per_epoch": seconds}
            logs |= {"images_per_second": self._num_images / seconds, "peak_memory_mb": run_folder.peak_memory_mb()}


class _EndOfPhase(keras.callbacks.Callback):
    """Ends a `fit` whose progress counts the epochs of all phases."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self._last = last

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch + 1 >= self._last:
            self.model.stop_training = True


def fit(
    model: keras.Model,
    plan: Sequence[Phase],
    batches: Callable[[int, int], tf.data.Dataset],
    each: Sequence[keras.callbacks.Callback],
    passes: int = 1,
    verbose: int | str = "auto",
) -> None:
    """Train a model over the phases that it has not behind it.

    Args:
        model: compiled.
        plan: the phases.
        batches: from a batch size and the number of the first epoch to endless batches.
        each: callbacks; they must stand being begun once for each phase.
        passes: through the data, in what Keras calls an epoch.
        verbose: as for Keras.
    """
    start = epoch_at(callbacks.steps_done(model), list(plan))
    for phase in plan:
        if start >= phase.end_epoch:
            continue
        first = max(start, phase.first_epoch)
        model.fit(
            batches(phase.batch_size, first),
            steps_per_epoch=passes * phase.steps_per_epoch,
            initial_epoch=first // passes,
            epochs=plan[-1].end_epoch // passes,
            verbose=verbose,
            shuffle=False,
            callbacks=[*each, keras.callbacks.TerminateOnNaN(), _EndOfPhase(phase.end_epoch // passes)],
        )

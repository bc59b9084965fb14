"""Settings of objectives that may change while a model trains, and a schedule for the weight of the KL term."""

import contextlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from svgp_vae_tf.arguments import finite_number, non_negative_number, positive_number, shown, whole_number


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class KLWarmup(LearningRateSchedule):
    """A weight of the KL term that rises linearly, once or in cycles.

    `steps` are divided into `cycles` of equal length. In each, the value rises from `start` to `end` over the first
    `rise` of its length and stays there; after the last it is `end`. Against posterior collapse, in which the KL term
    empties the latents before the decoder has learned to use them.

    Sources: Bowman et al. (2016), "Generating Sentences from a Continuous Space"; cyclic: Fu et al. (2019), "Cyclical
    Annealing Schedule: A Simple Approach to Mitigating KL Vanishing".

    Args:
        steps: training steps until the end of the last cycle; an epoch has ``ceil(N / batch_size)`` of them.
        start: value at step 0, not negative.
        end: value at the end, not negative.
        cycles: how often the value rises.
        rise: share of a cycle in which it does, above 0 and at most 1.

    Raises:
        ValueError: for arguments outside these ranges.

    >>> schedule = KLWarmup(steps=100)
    >>> [float(schedule(step)) for step in (0, 25, 100, 1000)]
    [0.0, 0.25, 1.0, 1.0]
    >>> cyclic = KLWarmup(steps=100, cycles=2, rise=0.5)
    >>> [float(cyclic(step)) for step in (0, 20, 25, 49, 50, 60)]
    [0.0, 0.8, 1.0, 1.0, 0.0, 0.4]
    """

    def __init__(self, steps: int, start: float = 0.0, end: float = 1.0, cycles: int = 1, rise: float = 1.0) -> None:
        super().__init__()
        self.steps, self.cycles = whole_number("steps", steps), whole_number("cycles", cycles)
        self.start, self.end = non_negative_number("start", start), non_negative_number("end", end)
        self.rise = positive_number("rise", rise)
        if self.rise > 1.0:
            raise ValueError(f"rise must be at most 1, got {rise}")

    def __call__(self, step: Any) -> tf.Tensor:
        """The value at a training step, shape ()."""
        step = ops.cast(step, "float64")
        length = self.steps / self.cycles
        share = ops.where(step < self.steps, ops.minimum(ops.mod(step, length) / (self.rise * length), 1.0), 1.0)
        return self.start + (self.end - self.start) * share

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in ("steps", "start", "end", "cycles", "rise")}


class Setting:
    """A setting of an `Objective`, as an attribute of its class.

    A number becomes a variable: set another one at any time, in a callback for example, and the next step uses it. A
    `keras.optimizers.schedules.LearningRateSchedule`, such as `KLWarmup`, is followed from the first step on. The
    attribute reads as the present value, a number, or within a compiled step a tensor.

    Args:
        valid: whether a number can be used.
        requirement: what it must be, in words.
    """

    def __init__(self, valid: Callable[[float], bool], requirement: str) -> None:
        self._valid, self._requirement = valid, requirement

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, objective: Any, owner: type) -> Any:
        if objective is None:
            return self
        if self._name not in objective._settings:
            raise AttributeError(f"{self._name} is not set yet")
        if tf.executing_eagerly():
            return float(objective._present(self._name, "float64"))
        return objective._present(self._name, objective.variable_dtype)  # as a subclass needs it in its `call`

    def __set__(self, objective: Any, value: Any) -> None:
        present = objective._settings.get(self._name)
        scheduled = isinstance(value, LearningRateSchedule)
        if present is not None and scheduled | isinstance(present, LearningRateSchedule):
            raise ValueError(f"{self._name} cannot change to or from a schedule: compile with another objective")
        if scheduled:
            objective._follow(self._name, value)
        else:
            objective._hold(self._name, self._checked(value))

    def _checked(self, value: Any) -> float:
        with contextlib.suppress(ValueError):
            number = finite_number(self._name, value)
            if self._valid(number):
                return number
        raise ValueError(f"{self._name} must be {self._requirement}, got {shown(value)}")

"""Timing in alternating rounds, so that changes in the machine's speed affect all candidates alike."""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import keras
import numpy as np

Name = TypeVar("Name", bound=Hashable)


def alternate(
    candidates: Mapping[Name, Callable[[], None]],
    rounds: int,
    calls: int | Mapping[Name, int],
    warm_up: bool = True,
) -> dict[Name, list[float]]:
    """Time candidates in turns.

    Args:
        candidates: functions to time, by name.
        rounds: rounds that count.
        calls: calls of each candidate in a round, one number or one for each.
        warm_up: whether to run a first round that does not count.

    Returns:
        seconds per call of each candidate, one number for each round.
    """
    times: dict[Name, list[float]] = {name: [] for name in candidates}
    for round_ in range(0 if warm_up else 1, rounds + 1):
        for name, call in candidates.items():
            count = calls if isinstance(calls, int) else calls[name]
            start = time.perf_counter()
            for _ in range(count):
                call()
            if round_:
                times[name].append((time.perf_counter() - start) / count)
    return times


def median_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> float:
    """Median over rounds of the ratio of two candidates' times."""
    return float(np.median(np.array(numerator) / np.array(denominator)))


def spread(times: Sequence[float], unit: str) -> dict[str, float]:
    """Median and extremes of times over rounds, with the unit in the names: ``median_ms``, ``min_ms``, ``max_ms``."""
    return {f"{name}_{unit}": float(getattr(np, name)(times)) for name in ("median", "min", "max")}


def training_step(model: keras.Model, batches: Iterator[Any]) -> Callable[[], None]:
    """A function that trains a compiled model for one step on the next batch, and waits for it."""
    model.make_train_function()

    def step() -> None:
        float(model.train_function([next(batches)])["loss"])

    return step

"""Timing by alternating rounds, so that a change of the machine's speed meets all candidates alike."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def alternate(
    candidates: Mapping[Name, Callable[[], None]],
    rounds: int,
    calls: int | Mapping[Name, int],
    warm_up: bool = True,
) -> dict[Name, list[float]]:
    """Seconds per call of each candidate, one number for each round.

    Args:
        candidates: what to time, by name.
        rounds: rounds that count.
        calls: calls of each candidate in a round, one number or one for each.
        warm_up: whether to run a round before them that does not count.
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

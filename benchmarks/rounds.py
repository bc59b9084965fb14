"""Timing by alternating rounds, so that a change of the machine's speed meets all candidates alike."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def alternate(candidates: Mapping[Name, Callable[[], None]], rounds: int, calls: int) -> dict[Name, list[float]]:
    """Seconds per call of each candidate, one number for each round; a round before them warms up.

    Args:
        candidates: what to time, by name.
        rounds: rounds that count.
        calls: calls of each candidate in a round.
    """
    times: dict[Name, list[float]] = {name: [] for name in candidates}
    for round_ in range(rounds + 1):
        for name, call in candidates.items():
            start = time.perf_counter()
            for _ in range(calls):
                call()
            if round_:
                times[name].append((time.perf_counter() - start) / calls)
    return times

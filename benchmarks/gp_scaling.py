"""Time and memory of the sparse GP's step as b, m and L grow, with thousands of inducing points, and with XLA.

    python -m benchmarks.gp_scaling --output=results/gp_scaling.json

In theory a step takes O(L (b m^2 + m^3)) time and O(L (b m + m^2)) memory. A pass over N points takes N/b steps; how it
grows with N is measured by `time_per_image`. Exponents are slopes of a straight line fitted to the logarithms.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks import command, memory
from benchmarks.gp_step import Size, make_problem, make_step
from benchmarks.rounds import alternate, median_ratio, spread

AXES: dict[str, list[Size]] = {
    "b": [Size(batch, 64, 16) for batch in (64, 128, 256, 512, 1024, 2048)],
    "m": [Size(1024, inducing, 4) for inducing in (32, 64, 128, 256, 512, 1024)],
    "L": [Size(256, 64, latents) for latents in (2, 4, 8, 16, 32, 64)],
}
FIELDS = {"b": "batch", "m": "inducing", "L": "latents"}
THEORY = {"b": 1.0, "m": 2.0, "L": 1.0}
"""Exponents of time for b > m, where products of (b, m) matrices dominate."""
LARGE = [Size(256, inducing, 2) for inducing in (512, 1024, 2048)]
XLA_SIZES = [Size(256, 32, 16), Size(256, 128, 4)]


def measure_step(size: Size, rounds: int) -> dict[str, Any]:
    """Milliseconds per step and MB of growth during a step."""
    step = make_step(make_problem(size))
    step()
    growth = memory.growth(step)
    return {**size._asdict(), "growth_mb": growth, **_milliseconds(step, rounds)}


def _milliseconds(call: Callable[[], None], rounds: int) -> dict[str, float]:
    """Median and minimum over rounds; calls of less than 50 ms are repeated within a round."""
    start = time.perf_counter()
    call()
    calls = max(1, int(0.05 / (time.perf_counter() - start)))
    seconds = alternate({"call": call}, rounds, calls, warm_up=False)["call"]
    times = spread([1e3 * value for value in seconds], "ms")
    return {"median_ms": times["median_ms"], "min_ms": times["min_ms"]}


def measure_xla(size: Size, rounds: int) -> dict[str, Any]:
    """Milliseconds per step without and with XLA, and the seconds until the first step, which compiles."""
    problem = make_problem(size)
    steps = {name: make_step(problem, jit_compile=name == "xla") for name in ("plain", "xla")}
    compile_seconds = {}
    for name, step in steps.items():
        start = time.perf_counter()
        step()
        compile_seconds[name] = time.perf_counter() - start
    seconds = alternate(steps, rounds, 3)
    medians = {f"{name}_ms": 1e3 * float(np.median(values)) for name, values in seconds.items()}
    return {
        **size._asdict(),
        **medians,
        "xla_to_plain": median_ratio(seconds["xla"], seconds["plain"]),
        "seconds_to_first_step": compile_seconds,
    }


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Slope of the logarithm of values against that of sizes."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def scaling(axis: str, rounds: int) -> dict[str, Any]:
    """Measurements along an axis and the exponents fitted to them; growth below 1 MB counts as 1 MB."""
    rows = [memory.in_fresh_process(measure_step, size, rounds) for size in AXES[axis]]
    along = [row[FIELDS[axis]] for row in rows]
    return {
        "rows": rows,
        "time_exponent": exponent(along, [row["min_ms"] for row in rows]),
        "memory_exponent": exponent(along, [max(row["growth_mb"], 1.0) for row in rows]),
        "theory": THEORY[axis],
    }


def measure(rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a report on large sizes, XLA and all axes."""
    report: dict[str, Any] = {
        "large": [memory.in_fresh_process(measure_step, size, 1) for size in LARGE],
        "xla": [memory.in_fresh_process(measure_xla, size, rounds) for size in XLA_SIZES],
        "axes": {axis: scaling(axis, rounds) for axis in AXES},
    }
    for axis, result in report["axes"].items():
        print(f"{axis}: time {result['time_exponent']:.2f}, memory {result['memory_exponent']:.2f}")
    yield report


if __name__ == "__main__":
    command.main(measure, "results/gp_scaling.json", rounds=command.Count(5, "Rounds that count."))

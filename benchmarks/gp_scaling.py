"""How the sparse GP step's time and memory grow with b, m and L, with XLA, and up to thousands of inducing points.

    python -m benchmarks.gp_scaling --output=results/gp_scaling.json

Theory: a step takes O(L (b m^2 + m^3)) time and O(L (b m + m^2)) memory, and a pass over N points N/b steps: growth
with N is measured by `time_per_image`. Exponents are slopes of a straight line through the logarithms.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from absl import app, flags

from benchmarks import memory
from benchmarks.gp_step import Size, make_problem, make_step
from benchmarks.rounds import alternate
from run_experiments.common import run_folder

AXES: dict[str, list[Size]] = {
    "b": [Size(batch, 64, 16) for batch in (64, 128, 256, 512, 1024, 2048)],
    "m": [Size(1024, inducing, 4) for inducing in (32, 64, 128, 256, 512, 1024)],
    "L": [Size(256, 64, latents) for latents in (2, 4, 8, 16, 32, 64)],
}
FIELDS = {"b": "batch", "m": "inducing", "L": "latents"}
THEORY = {"b": 1.0, "m": 2.0, "L": 1.0}
"""Exponents of time where the product of the data with the inducing points dominates, b > m."""
LARGE = [Size(256, inducing, 2) for inducing in (512, 1024, 2048)]
XLA_SIZES = [Size(256, 32, 16), Size(256, 128, 4)]


def measure_step(size: Size, rounds: int) -> dict[str, Any]:
    """Milliseconds per step and MB of growth in a step."""
    step = make_step(make_problem(size))
    step()
    growth = memory.growth(step)
    return {**size._asdict(), "growth_mb": growth, **_milliseconds(step, rounds)}


def _milliseconds(call: Callable[[], None], rounds: int) -> dict[str, float]:
    """Median and least over rounds; a call of under 50 ms is repeated within a round."""
    start = time.perf_counter()
    call()
    calls = max(1, int(0.05 / (time.perf_counter() - start)))
    times = 1e3 * np.array(alternate({"call": call}, rounds, calls, warm_up=False)["call"])
    return {"median_ms": float(np.median(times)), "min_ms": float(times.min())}


def measure_xla(size: Size, rounds: int) -> dict[str, Any]:
    """Milliseconds per step without and with XLA, and the seconds that each takes to compile."""
    problem = make_problem(size)
    steps = {name: make_step(problem, jit_compile=name == "xla") for name in ("plain", "xla")}
    compile_seconds = {}
    for name, step in steps.items():
        start = time.perf_counter()
        step()
        compile_seconds[name] = time.perf_counter() - start
    seconds = alternate(steps, rounds, 3)
    ratio = float(np.median(np.array(seconds["xla"]) / np.array(seconds["plain"])))
    medians = {f"{name}_ms": 1e3 * float(np.median(values)) for name, values in seconds.items()}
    return {**size._asdict(), **medians, "xla_to_plain": ratio, "seconds_to_first_step": compile_seconds}


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Slope of log(value) against log(size)."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def scaling(axis: str, rounds: int) -> dict[str, Any]:
    """Rows along an axis and the exponents fitted to them; memory in units that growth can be counted in, 1 MB."""
    rows = [memory.in_fresh_process(measure_step, size, rounds) for size in AXES[axis]]
    along = [row[FIELDS[axis]] for row in rows]
    return {
        "rows": rows,
        "time_exponent": exponent(along, [row["min_ms"] for row in rows]),
        "memory_exponent": exponent(along, [max(row["growth_mb"], 1.0) for row in rows]),
        "theory": THEORY[axis],
    }


def _main(_: list[str]) -> None:
    rounds = flags.FLAGS.rounds
    report: dict[str, Any] = {"made_by": run_folder.provenance()}
    report["large"] = [memory.in_fresh_process(measure_step, size, 1) for size in LARGE]
    report["xla"] = [memory.in_fresh_process(measure_xla, size, rounds) for size in XLA_SIZES]
    report["axes"] = {axis: scaling(axis, rounds) for axis in AXES}
    for axis, result in report["axes"].items():
        print(f"{axis}: time {result['time_exponent']:.2f}, memory {result['memory_exponent']:.2f}")
    run_folder.write_json(flags.FLAGS.output, report)


if __name__ == "__main__":
    flags.DEFINE_string("output", "results/gp_scaling.json", "The file to write.")
    flags.DEFINE_integer("rounds", 5, "Rounds that count.")
    app.run(_main)

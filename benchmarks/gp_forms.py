"""The sparse GP step in this project's form beside the formulas as published: time and peak memory, size by size.

    python -m benchmarks.gp_forms --output=results/gp_forms.json

Each size has a process of its own, in which rounds alternate between both forms, with TensorFlow's plain settings. Two
sizes are measured with those of the experiments as well: oneDNN transposes large tensors faster, of which the published
form has many.
"""

import itertools
from typing import Any

import numpy as np
from absl import app, flags

from benchmarks import memory
from benchmarks.gp_step import FORMS, Size, make_problem, make_step
from benchmarks.rounds import alternate
from run_experiments.common import run_folder

BATCHES, INDUCING, LATENTS = (64, 256, 1024), (16, 32, 64, 128, 256), (2, 16, 64)
EXTRA = Size(256, 128, 4)
WITH_ONEDNN = (Size(256, 32, 16), EXTRA)
MOST_GB, MOST_SECONDS, MOST_LATENTS = 6.0, 9.0, 64


def sizes() -> list[Size]:
    """All sizes, cheap ones first."""
    grid = [Size(b, m, latents) for latents, m, b in itertools.product(LATENTS, INDUCING, BATCHES)]
    return sorted([*grid, EXTRA], key=_flops)


def _flops(size: Size) -> float:
    return float(size.latents * size.batch * size.inducing**3)


def too_much(size: Size) -> str | None:
    """Why the published form is not measured at a size, or None."""
    gigabytes = 3.0 * 8.0e-9 * size.latents * size.batch * size.inducing**2  # three (b, m, m) per channel wait for use
    if gigabytes > MOST_GB:
        return f"{gigabytes:.0f} GB"
    seconds = 1e-9 * _flops(size)
    if seconds > MOST_SECONDS:
        return f"{seconds:.0f} s"
    if size.latents >= MOST_LATENTS and size.batch != 256:
        return "compiling"  # a loop of 64 channels takes a minute to compile; one batch size shows it
    return None


def measure(size: Size, rounds: int) -> dict[str, Any]:
    """Milliseconds per step and MB of growth in a step, of each form that is not too much."""
    reason = too_much(size)
    forms = FORMS if reason is None else FORMS[:1]
    problem = make_problem(size)
    steps = {form: make_step(problem, form) for form in forms}
    growth = {}
    for form, step in steps.items():
        step()
        growth[form] = memory.growth(step)
    slow = _flops(size) > 3e9
    seconds = alternate(steps, 1 if slow else rounds, {"ours": 10, "published": 1}, warm_up=not slow)
    row: dict[str, Any] = {**size._asdict(), "published_skipped": reason}
    for form in forms:
        times = 1e3 * np.array(seconds[form])
        row[form] = {"median_ms": float(np.median(times)), "min_ms": float(times.min()), "growth_mb": growth[form]}
    if reason is None:
        row["time_ratio"] = float(np.median(np.array(seconds["published"]) / np.array(seconds["ours"])))
        # growth is counted in pages: half a MB is as little as can be told from none
        row["memory_ratio"] = growth["published"] / max(growth["ours"], 0.5)
    return row


def _main(_: list[str]) -> None:
    rows: list[dict[str, Any]] = []
    for size in sizes():
        row = memory.in_fresh_process(measure, size, flags.FLAGS.rounds)
        if size in WITH_ONEDNN:
            row["time_ratio_with_onednn"] = memory.with_onednn(measure, size, flags.FLAGS.rounds)["time_ratio"]
        rows.append(row)
        ratio = f"{row['time_ratio']:.0f} times" if "time_ratio" in row else f"(published: {row['published_skipped']})"
        print(f"{size}: {row['ours']['median_ms']:.1f} ms {ratio}", flush=True)
        run_folder.write_json(flags.FLAGS.output, {"rows": rows, "made_by": run_folder.provenance()})


if __name__ == "__main__":
    flags.DEFINE_string("output", "results/gp_forms.json", "The file to write.")
    flags.DEFINE_integer("rounds", 5, "Rounds that count, for sizes at which the published form takes under 3 s.")
    app.run(_main)

"""A step of the sparse GP in this project's form and in the published one: time and peak memory by size.

    python -m benchmarks.gp_forms --output=results/gp_forms.json

Each size has a process of its own, in which rounds alternate between the two forms, with TensorFlow's plain settings.
Two sizes are also measured with the settings of the experiments: oneDNN is faster at transposing large tensors, of
which the published form has many.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from benchmarks import command, memory
from benchmarks.gp_step import FORMS, Size, make_problem, make_step
from benchmarks.rounds import alternate, median_ratio, spread

BATCHES, INDUCING, LATENTS = (64, 256, 1024), (16, 32, 64, 128, 256), (2, 16, 64)
EXTRA = Size(256, 128, 4)
WITH_ONEDNN = (Size(256, 32, 16), EXTRA)
MOST_GB, MOST_SECONDS, MOST_LATENTS = 6.0, 9.0, 64


def sizes() -> list[Size]:
    """All sizes, the cheapest first."""
    grid = [Size(b, m, latents) for latents, m, b in itertools.product(LATENTS, INDUCING, BATCHES)]
    return sorted([*grid, EXTRA], key=_flops)


def _flops(size: Size) -> float:
    return float(size.latents * size.batch * size.inducing**3)


def too_much(size: Size) -> str | None:
    """Why the published form is not measured at a size, or None if it is."""
    gigabytes = (
        3.0 * 8.0e-9 * size.latents * size.batch * size.inducing**2
    )  # three (b, m, m) per channel are kept for the gradients
    if gigabytes > MOST_GB:
        return f"{gigabytes:.0f} GB"
    seconds = 1e-9 * _flops(size)
    if seconds > MOST_SECONDS:
        return f"{seconds:.0f} s"
    if size.latents >= MOST_LATENTS and size.batch != 256:
        return "compiling"  # a loop over 64 channels takes a minute to compile, which one batch size is enough to show
    return None


def compare(size: Size, rounds: int) -> dict[str, Any]:
    """Milliseconds per step and MB of growth during a step of each form, and their ratios.

    The published form is left out where `too_much` says so.
    """
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
        times = spread([1e3 * value for value in seconds[form]], "ms")
        row[form] = {"median_ms": times["median_ms"], "min_ms": times["min_ms"], "growth_mb": growth[form]}
    if reason is None:
        row["time_ratio"] = median_ratio(seconds["published"], seconds["ours"])
        # growth is counted in pages: less than half a MB cannot be told from none
        row["memory_ratio"] = growth["published"] / max(growth["ours"], 0.5)
    return row


def measure(rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a report after each size."""
    rows: list[dict[str, Any]] = []
    for size in sizes():
        row = memory.in_fresh_process(compare, size, rounds)
        if size in WITH_ONEDNN:
            row["time_ratio_with_onednn"] = memory.with_onednn(compare, size, rounds)["time_ratio"]
        rows.append(row)
        ratio = f"{row['time_ratio']:.0f} times" if "time_ratio" in row else f"(published: {row['published_skipped']})"
        print(f"{size}: {row['ours']['median_ms']:.1f} ms {ratio}", flush=True)
        yield {"rows": rows}


ROUNDS = command.Count(5, "Rounds that count, for sizes at which the published form takes less than 3 s.")
if __name__ == "__main__":
    command.main(measure, "results/gp_forms.json", rounds=ROUNDS)

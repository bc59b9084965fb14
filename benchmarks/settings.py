"""How much the experiments gain from their TensorFlow settings: a training step with them and with the plain ones.

    python -m benchmarks.settings --output=results/settings.json

TensorFlow reads its settings once, so each measurement has a process of its own; processes of the two kinds alternate.
"""

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks import command, epochs, memory
from benchmarks.rounds import alternate, median_ratio, training_step
from run_experiments.common import provenance

STEPS = {"rotated MNIST": 60, "sprites": 5}
"""Steps that are timed in each process."""


def step_seconds(name: str) -> float:
    """Median seconds of a training step of an experiment, in this process."""
    provenance.make_repeatable()
    with tempfile.TemporaryDirectory() as folder:
        experiment = epochs.digits() if name == "rotated MNIST" else epochs.characters(folder)
        step = training_step(experiment.model, iter(experiment.stream))
        step()
        return float(np.median(alternate({"step": step}, STEPS[name], 1, warm_up=False)["step"]))


def compare(name: str, rounds: int) -> dict[str, Any]:
    """Milliseconds per step with each kind of settings, medians over processes, and the median of their ratios."""
    plain, experiments = [], []
    for _ in range(rounds):
        plain.append(1e3 * memory.in_fresh_process(step_seconds, name))
        experiments.append(1e3 * memory.with_onednn(step_seconds, name))
    return {
        "experiment": name,
        "plain_ms": float(np.median(plain)),
        "experiments_ms": float(np.median(experiments)),
        "ratio": median_ratio(plain, experiments),
    }


def measure(rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a report on all experiments."""
    rows = []
    for name in STEPS:
        row = compare(name, rounds)
        rows.append(row)
        print(f"{name}: {row['plain_ms']:.0f} ms, {row['experiments_ms']:.0f} ms, ratio {row['ratio']:.2f}", flush=True)
    yield {"rows": rows, "settings": {"plain": memory.PLAIN, "experiments": memory.ONEDNN}}


if __name__ == "__main__":
    command.main(measure, "results/settings.json", rounds=command.Count(3, "Processes of each kind."))

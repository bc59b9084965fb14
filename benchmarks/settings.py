"""What the experiments' settings of TensorFlow are worth: a training step with them, and with TensorFlow's plain ones.

    python -m benchmarks.settings --output=results/settings.json

TensorFlow reads them once, so that each measurement has a process of its own; processes of both kinds alternate.
"""

import tempfile
import time
from typing import Any

import numpy as np
from absl import app, flags

from benchmarks import epochs, memory
from run_experiments.common import run_folder

STEPS = {"rotated MNIST": 60, "sprites": 5}


def step_seconds(name: str) -> float:
    """Median seconds of a training step of an experiment, in this process."""
    run_folder.make_repeatable()
    with tempfile.TemporaryDirectory() as folder:
        experiment = epochs.digits() if name == "rotated MNIST" else epochs.characters(folder)
        step = epochs.whole_step(experiment.model, iter(experiment.stream))
        step()
        seconds = []
        for _ in range(STEPS[name]):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def compare(name: str, rounds: int) -> dict[str, Any]:
    """Milliseconds per step with either settings, median over processes, and the median of their ratios."""
    plain, experiments = [], []
    for _ in range(rounds):
        plain.append(1e3 * memory.in_fresh_process(step_seconds, name))
        experiments.append(1e3 * memory.with_onednn(step_seconds, name))
    ratio = float(np.median(np.array(plain) / np.array(experiments)))
    return {
        "experiment": name,
        "plain_ms": float(np.median(plain)),
        "experiments_ms": float(np.median(experiments)),
        "ratio": ratio,
    }


def _main(_: list[str]) -> None:
    rows = []
    for name in STEPS:
        row = compare(name, flags.FLAGS.rounds)
        rows.append(row)
        print(f"{name}: {row['plain_ms']:.0f} ms, {row['experiments_ms']:.0f} ms, ratio {row['ratio']:.2f}", flush=True)
    settings = {"plain": memory.PLAIN, "experiments": memory.ONEDNN}
    report = {"rows": rows, "settings": settings, "made_by": run_folder.provenance()}
    run_folder.write_json(flags.FLAGS.output, report)


if __name__ == "__main__":
    flags.DEFINE_string("output", "results/settings.json", "The file to write.")
    flags.DEFINE_integer("rounds", 3, "Processes of either kind.")
    app.run(_main)

"""Time of one moving-ball training step, beside the networks' matrix products alone, in one process and one run.

    python -m benchmarks.step_time --output=results/step_time.json

The matrix products are the five large ones that a step of these networks cannot avoid: two forward, three backward.
Rounds alternate between all candidates, so that a change of the machine's speed meets all of them alike.
"""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from absl import app, flags

from benchmarks.rounds import alternate
from data_generators import moving_ball as data
from run_experiments.common import run_folder
from run_experiments.moving_ball import experiment as moving_ball
from run_experiments.moving_ball.settings import MODELS, Settings

FRAMES, PIXELS, HIDDEN = 35 * 30, 32 * 32, 500


def matrix_products() -> Callable[[], None]:
    """A function that runs the five large products of a step once."""
    x = tf.random.normal((FRAMES, PIXELS))
    into, out = tf.random.normal((PIXELS, HIDDEN)), tf.random.normal((HIDDEN, PIXELS))

    @tf.function
    def products() -> tf.Tensor:
        hidden = tf.matmul(x, into)
        logits = tf.matmul(hidden, out)
        out_gradient = tf.matmul(hidden, logits, transpose_a=True)
        hidden_gradient = tf.matmul(logits, out, transpose_b=True)
        into_gradient = tf.matmul(x, hidden_gradient, transpose_a=True)
        return out_gradient[0, 0] + into_gradient[0, 0]

    return lambda: products().numpy()


def training_step(settings: Settings) -> tuple[Callable[[], None], float]:
    """A function that trains one step on fresh videos, and the seconds until its first step was done."""
    start = time.perf_counter()
    model = moving_ball.build_model(settings)
    stream = iter(data.stream(settings.batch_size, settings.num_frames, settings.data_length_scale, settings.seed))
    model.make_train_function()

    def step() -> None:
        float(model.train_function([next(stream)])["loss"])

    step()
    return step, time.perf_counter() - start


def measure(rounds: int, steps: int) -> dict[str, dict[str, float]]:
    """Milliseconds per step, median and extremes over rounds, and the ratio to the matrix products."""
    candidates = {"matrix products alone": matrix_products()}
    first = {}
    for model in MODELS:
        candidates[model], first[model] = training_step(Settings(model=model))
    seconds = alternate(candidates, rounds, steps)
    times = {name: [1e3 * value for value in values] for name, values in seconds.items()}
    reference = np.array(times["matrix products alone"])
    return {
        name: {
            "median_ms": float(np.median(values)),
            "min_ms": float(np.min(values)),
            "max_ms": float(np.max(values)),
            "ratio_to_matrix_products": float(np.median(np.array(values) / reference)),
            **({"seconds_to_first_step": first[name]} if name in first else {}),
        }
        for name, values in times.items()
    }


def _main(_: list[str]) -> None:
    report = measure(flags.FLAGS.rounds, flags.FLAGS.steps)
    for name, row in report.items():
        print(f"{name:<22} {row['median_ms']:6.1f} ms   x {row['ratio_to_matrix_products']:.2f}")
    if flags.FLAGS.output:
        run_folder.write_json(flags.FLAGS.output, {"steps": report, "made_by": run_folder.provenance()})


if __name__ == "__main__":
    flags.DEFINE_integer("rounds", 10, "Counted rounds.", lower_bound=1)
    flags.DEFINE_integer("steps", 20, "Steps per round and candidate.", lower_bound=1)
    flags.DEFINE_string("output", None, "JSON file for the figures.")
    app.run(_main)

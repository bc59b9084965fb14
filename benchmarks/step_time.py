"""Time of a training step of the moving ball beside that of its networks' matrix products, in one process.

    python -m benchmarks.step_time --output=results/step_time.json

The matrix products are the five large ones that a step of these networks cannot avoid: two forward, three backward.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from benchmarks import command
from benchmarks.rounds import alternate, median_ratio, spread, training_step
from data_generators import moving_ball as data
from run_experiments.moving_ball import experiment as moving_ball
from run_experiments.moving_ball.settings import MODELS, Settings

FRAMES, PIXELS, HIDDEN = 35 * 30, 32 * 32, 500


def matrix_products() -> Callable[[], None]:
    """A function that computes the five large products of a step once."""
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


def first_step(settings: Settings) -> tuple[Callable[[], None], float]:
    """A function that trains one step on new videos, and the seconds until its first step was done."""
    start = time.perf_counter()
    model = moving_ball.build_model(settings)
    stream = iter(data.stream(settings.batch_size, settings.num_frames, settings.data_length_scale, settings.seed))
    step = training_step(model, stream)
    step()
    return step, time.perf_counter() - start


def compare(rounds: int, steps: int) -> dict[str, dict[str, float]]:
    """Milliseconds per step of each candidate and the ratio to the matrix products, by name of the candidate."""
    candidates = {"matrix products alone": matrix_products()}
    first = {}
    for model in MODELS:
        candidates[model], first[model] = first_step(Settings(model=model))
    seconds = alternate(candidates, rounds, steps)
    times = {name: [1e3 * value for value in values] for name, values in seconds.items()}
    reference = times["matrix products alone"]
    return {
        name: {
            **spread(values, "ms"),
            "ratio_to_matrix_products": median_ratio(values, reference),
            **({"seconds_to_first_step": first[name]} if name in first else {}),
        }
        for name, values in times.items()
    }


def measure(rounds: int, steps: int) -> Iterator[dict[str, Any]]:
    """Yield a report on all models."""
    rows = compare(rounds, steps)
    for name, row in rows.items():
        print(f"{name:<22} {row['median_ms']:6.1f} ms   x {row['ratio_to_matrix_products']:.2f}")
    yield {"steps": rows}


if __name__ == "__main__":
    command.main(
        measure,
        "results/step_time.json",
        rounds=command.Count(10, "Rounds that count."),
        steps=command.Count(20, "Steps of each candidate in a round."),
    )

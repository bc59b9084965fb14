"""Training time per image of SVGP-VAE, and memory, against the number of digits (4,050 images each).

    python -m benchmarks.time_per_image --output=results/time_per_image.json

Images are noise, as the time does not depend on what they show. Shuffling and gathering are included. All times are
from one process; memory is the peak of a process of its own, which generates the data, trains for some steps and
conditions on all data.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from benchmarks import command, memory
from benchmarks.rounds import alternate, median_ratio, spread, training_step
from data_generators.rotated_mnist import RotatedMNIST, Split
from run_experiments.common import provenance
from run_experiments.rotated_mnist import experiment as rotated_mnist
from run_experiments.rotated_mnist.settings import Settings

OBJECTS, PER_OBJECT, ANGLES = 400, 10, 16
DIGITS = (1, 2, 5, 10)


def noise(digits: int) -> RotatedMNIST:
    """Noise with as many images and objects as rotated MNIST with this number of digits."""
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(OBJECTS * digits), PER_OBJECT)
    ids = np.concatenate([ids, ids[: 50 * digits]])
    scores = rng.normal(size=(OBJECTS * digits, 8))
    angles = 2.0 * np.pi / ANGLES * rng.integers(0, ANGLES, len(ids))
    train = Split(rng.random((len(ids), 28, 28, 1), np.float32), np.column_stack([ids, angles, scores[ids]]))
    few = Split(train.images[:16], train.aux[:16])
    return RotatedMNIST(train, few, few, scores, 0.0)


def first_step(data: RotatedMNIST) -> tuple[Callable[[], None], svgp.LatentModel]:
    """A function that trains one step, after the first one, and its model."""
    settings = Settings()
    model = rotated_mnist.build_model(settings, data)
    stream = iter(rotated_mnist.batches(settings, data.train, settings.batch_size, 0))
    step = training_step(model, stream)
    step()
    return step, model


def memory_of(digits: int) -> dict[str, float]:
    """Peak memory of this process and size of its data, in MB; call it in a process of its own."""
    data = noise(digits)
    step, model = first_step(data)
    for _ in range(5):
        step()
    model.condition(rotated_mnist.auxiliary_data(data.train), rotated_mnist.observations(data.train))
    return {"peak_mb": memory.highest(), "data_mb": 1e-6 * data.train.images.nbytes}


def compare(digits: Sequence[int], rounds: int, steps: int) -> list[dict[str, float]]:
    """Microseconds per image for each number of digits, and the ratio to the first of them."""
    candidates = {count: first_step(noise(count))[0] for count in digits}
    seconds = alternate(candidates, rounds, steps)
    times = {count: [1e6 * value / Settings().batch_size for value in values] for count, values in seconds.items()}
    return [
        {
            "digits": count,
            "num_data": count * (OBJECTS * PER_OBJECT + 50),
            **spread(values, "us"),
            "ratio_to_first": median_ratio(values, times[digits[0]]),
        }
        for count, values in times.items()
    ]


def measure(rounds: int, steps: int) -> Iterator[dict[str, Any]]:
    """Yield a report on one to ten digits."""
    provenance.make_repeatable()
    tf.get_logger().setLevel("ERROR")
    peaks = [memory.in_fresh_process(memory_of, count) for count in DIGITS]
    rows = [row | peak for row, peak in zip(compare(DIGITS, rounds, steps), peaks, strict=True)]
    for row in rows:
        print(f"{row['digits']:>2} digit(s): {row['median_us']:.0f} us per image, {row['ratio_to_first']:.2f} of one "
              f"digit's; {row['peak_mb']:.0f} MB for {row['data_mb']:.0f} MB of data")  # fmt: skip
    yield {"rows": rows}


if __name__ == "__main__":
    command.main(
        measure,
        "results/time_per_image.json",
        rounds=command.Count(9, "Rounds that count."),
        steps=command.Count(15, "Steps in a round."),
    )

"""Training time per image of SVGP-VAE, and memory, against the number of digits (4,050 images each).

    python -m benchmarks.time_per_image --output=results/time_per_image.json

Images are noise: time does not depend on what they show. Shuffling and gathering count. Times are of one process and
one run; memory is the highest of a process of its own that makes the data, trains some steps and conditions on all.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from absl import app, flags

import svgp_vae_tf as svgp
from benchmarks import memory
from benchmarks.rounds import alternate
from data_generators.rotated_mnist import RotatedMNIST, Split
from run_experiments.common import run_folder
from run_experiments.rotated_mnist import experiment as rotated_mnist
from run_experiments.rotated_mnist.settings import Settings

OBJECTS, PER_OBJECT, ANGLES = 400, 10, 16


def noise(digits: int) -> RotatedMNIST:
    """As many images and objects as rotated MNIST with so many digits."""
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(OBJECTS * digits), PER_OBJECT)
    ids = np.concatenate([ids, ids[: 50 * digits]])
    scores = rng.normal(size=(OBJECTS * digits, 8))
    angles = 2.0 * np.pi / ANGLES * rng.integers(0, ANGLES, len(ids))
    train = Split(rng.random((len(ids), 28, 28, 1), np.float32), np.column_stack([ids, angles, scores[ids]]))
    few = Split(train.images[:16], train.aux[:16])
    return RotatedMNIST(train, few, few, scores, 0.0)


def training_step(data: RotatedMNIST) -> tuple[Callable[[], None], svgp.LatentModel]:
    """A function that trains one step, and its model."""
    settings = Settings()
    model = rotated_mnist.build_model(settings, data)
    stream = iter(rotated_mnist.batches(settings, data.train, settings.batch_size, 0))
    model.make_train_function()

    def step() -> None:
        float(model.train_function([next(stream)])["loss"])

    step()
    return step, model


def memory_of(digits: int) -> dict[str, float]:
    """MB that the process had at most, and MB of its data; for a process of its own."""
    data = noise(digits)
    step, model = training_step(data)
    for _ in range(5):
        step()
    model.condition(rotated_mnist.aux_of(data.train), rotated_mnist.images_of(data.train))
    return {"peak_mb": memory.highest(), "data_mb": 1e-6 * data.train.images.nbytes}


def measure(digits: Sequence[int], rounds: int, steps: int) -> list[dict[str, float]]:
    """Microseconds per image, median and extremes over rounds, and the ratio to the first size."""
    candidates = {count: training_step(noise(count))[0] for count in digits}
    seconds = alternate(candidates, rounds, steps)
    times = {count: [1e6 * value / Settings().batch_size for value in values] for count, values in seconds.items()}
    first = np.array(times[digits[0]])
    return [
        {
            "digits": count,
            "num_data": count * (OBJECTS * PER_OBJECT + 50),
            "median_us": float(np.median(values)),
            "min_us": float(np.min(values)),
            "max_us": float(np.max(values)),
            "ratio_to_first": float(np.median(np.array(values) / first)),
        }
        for count, values in times.items()
    ]


def _main(_: list[str]) -> None:
    run_folder.make_repeatable()
    tf.get_logger().setLevel("ERROR")
    digits = (1, 2, 5, 10)
    peaks = [memory.in_fresh_process(memory_of, count) for count in digits]
    rows = [row | peak for row, peak in zip(measure(digits, flags.FLAGS.rounds, flags.FLAGS.steps), peaks, strict=True)]
    for row in rows:
        print(f"{row['digits']:>2} digit(s): {row['median_us']:.0f} us per image, {row['ratio_to_first']:.2f} of one "
              f"digit's; {row['peak_mb']:.0f} MB for {row['data_mb']:.0f} MB of data")  # fmt: skip
    run_folder.write_json(flags.FLAGS.output, {"rows": rows, "made_by": run_folder.provenance()})


if __name__ == "__main__":
    flags.DEFINE_string("output", "results/time_per_image.json", "The file to write.")
    flags.DEFINE_integer("rounds", 9, "Rounds that count.")
    flags.DEFINE_integer("steps", 15, "Steps in a round.")
    app.run(_main)

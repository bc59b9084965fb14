"""The data of the rotated-MNIST experiment, as its models take them."""

import numpy as np
import tensorflow as tf

from data_generators import rotated_mnist
from data_generators.rotated_mnist import RotatedMNIST, Split
from run_experiments.rotated_mnist.settings import Settings


def load_data(settings: Settings) -> RotatedMNIST:
    """The data of a run: a prepared file, or digits that are rotated here.

    Raises:
        ValueError: for settings or files that cannot work.
    """
    if settings.data is not None:
        return _first_scores(settings.data, settings.num_scores)
    images, labels = rotated_mnist.load_digits(settings.mnist_path)
    return rotated_mnist.rotated(
        images,
        labels,
        digits=[int(digit) for digit in settings.digits],
        images_per_digit=settings.images_per_digit,
        num_scores=settings.num_scores,
        seed=settings.data_seed,
        eval_shuffle=settings.eval_shuffle,
        dtype=np.float32,
    )


def _first_scores(path: str, num_scores: int) -> RotatedMNIST:
    """The data of a file in single precision, with the first principal component scores only."""
    digits = rotated_mnist.load(path)
    available = digits.pca.shape[1]
    if num_scores > available:
        raise ValueError(f"{path} holds {available} scores per object, not --num_scores={num_scores}")
    train, evaluation, test = (
        Split(split.images.astype(np.float32), split.aux[:, : 2 + num_scores])
        for split in (digits.train, digits.eval, digits.test)
    )
    return RotatedMNIST(train, evaluation, test, digits.pca[:, :num_scores], digits.held_out_angle)


def auxiliary_data(split: Split) -> np.ndarray:
    """Object id and angle of each image, (n, 2), float32."""
    return split.aux[:, :2].astype(np.float32)


def observations(split: Split) -> np.ndarray:
    """The images, (n, 28, 28, 1), float32."""
    return split.images.astype(np.float32, copy=False)


def batches(settings: Settings, split: Split, batch_size: int, first_epoch: int) -> tf.data.Dataset:
    """Endless shuffled batches (aux, images); the order of an epoch depends only on seed and epoch.

    Args:
        settings: the settings of the run.
        split: the images.
        batch_size: images in a batch; the last batch of an epoch may be smaller.
        first_epoch: index of the epoch to start with.
    """
    aux, images = auxiliary_data(split), observations(split)

    def epoch(index: tf.Tensor) -> tf.data.Dataset:
        seed = tf.stack([tf.cast(settings.seed, tf.int64), index])
        order = tf.random.experimental.stateless_shuffle(tf.range(len(split.images)), seed=seed)
        starts = tf.data.Dataset.range(0, len(split.images), batch_size)
        return starts.map(lambda start: order[start : start + batch_size])  # batching single rows would cost ms

    def take(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # by NumPy, because TensorFlow would hold two copies of all images
        taken = tf.numpy_function(lambda i: (aux[i], images[i]), [rows], [tf.float32, tf.float32], stateful=False)
        return tf.ensure_shape(taken[0], (None, *aux.shape[1:])), tf.ensure_shape(taken[1], (None, *images.shape[1:]))

    options = tf.data.Options()
    options.autotune.enabled = False  # there is nothing to tune, and its thread delays the end of `fit`
    stream = tf.data.Dataset.counter(start=first_epoch).flat_map(epoch)
    stream = stream.map(take, num_parallel_calls=1)
    return stream.prefetch(2).with_options(options)

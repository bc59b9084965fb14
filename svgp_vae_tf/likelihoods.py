"""Likelihoods p(y | z), which interpret the outputs of a decoder."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import positive_number, true_or_false
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import linalg

_register = keras.saving.register_keras_serializable(package="svgp_vae_tf")


class Likelihood(keras.layers.Layer):
    """Base class of all likelihoods: entries of an observation are independent given the decoder's outputs."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.built = True

    def log_prob(self, outputs: tf.Tensor, observations: tf.Tensor) -> tf.Tensor:
        """``log p(y | outputs)`` elementwise; arguments and result have the same shape."""
        raise NotImplementedError

    def per_example(self, outputs: tf.Tensor, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Sums and means over the entries of each example.

        Args:
            outputs: outputs of the decoder, (batch, ...).
            observations: y, (batch, ...).

        Returns:
            log p(y | outputs) and the mean squared error of E[y | outputs], (batch,) each.
        """
        axes = list(range(1, len(outputs.shape)))
        error = tf.square(self.mean(outputs) - tf.cast(observations, outputs.dtype))
        return tf.reduce_sum(self.log_prob(outputs, observations), axes), tf.reduce_mean(error, axes)

    def validate_observations(self, observations: np.ndarray) -> None:
        """Raise DataError if the likelihood cannot have generated the observations, a NumPy array."""

    def in_support(self, observations: tf.Tensor) -> tf.Tensor:
        """False if `validate_observations` would raise: the same check for graphs, shape ()."""
        return tf.constant(True)

    def mean(self, outputs: tf.Tensor) -> tf.Tensor:
        """``E[y | outputs]`` elementwise."""
        raise NotImplementedError

    def sample(self, outputs: tf.Tensor, seed: Any) -> tf.Tensor:
        """A sample of y given outputs, elementwise.

        Args:
            outputs: outputs of the decoder.
            seed: an integer or a `keras.random.SeedGenerator`.
        """
        raise NotImplementedError


@_register
class Bernoulli(Likelihood):
    """Binary observations, or values between 0 and 1; the decoder outputs logits.

    ``log p(y | f) = y log s(f) + (1 - y) log (1 - s(f))`` with the logistic function s.
    """

    def validate_observations(self, observations: np.ndarray) -> None:
        """Raise DataError for observations that are not from 0 to 1."""
        low, high = observations.min(), observations.max()
        if low < 0 or high > 1:
            raise DataError(
                f"observations range from {low:.4g} to {high:.4g}, but a Bernoulli likelihood takes values from 0 "
                f"to 1: rescale them, or use likelihood='gaussian'"
            )

    def in_support(self, observations: tf.Tensor) -> tf.Tensor:
        """Whether all observations are from 0 to 1."""
        return (tf.reduce_min(observations) >= 0) & (tf.reduce_max(observations) <= 1)

    def log_prob(self, outputs: tf.Tensor, observations: tf.Tensor) -> tf.Tensor:
        """See `Likelihood.log_prob`."""
        return -tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(observations, outputs.dtype), logits=outputs)

    def mean(self, outputs: tf.Tensor) -> tf.Tensor:
        """See `Likelihood.mean`."""
        return tf.sigmoid(outputs)

    def sample(self, outputs: tf.Tensor, seed: Any) -> tf.Tensor:
        """See `Likelihood.sample`."""
        uniform = keras.random.uniform(tf.shape(outputs), dtype=outputs.dtype, seed=seed)
        return tf.cast(uniform < self.mean(outputs), outputs.dtype)


@_register
class Gaussian(Likelihood):
    """Real observations with the same noise everywhere; the decoder outputs the mean.

    ``log p(y | f) = -(y - f)^2 / (2 s^2) - log s - log(2 pi) / 2`` with the noise's standard deviation s.

    Args:
        stddev: s, in the unit of the observations; the initial value if it is trained.
        train_stddev: whether `fit` learns it.

    Raises:
        ValueError: for a standard deviation that is not positive and finite.
    """

    def __init__(self, stddev: float = 1.0, train_stddev: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.initial_stddev = positive_number("stddev", stddev)
        self.train_stddev = true_or_false("train_stddev", train_stddev)
        self._log_stddev = self.add_weight(
            name="log_stddev",
            shape=(),
            initializer=keras.initializers.Constant(math.log(self.initial_stddev)),
            trainable=self.train_stddev,
        )

    @property
    def stddev(self) -> tf.Tensor:
        """The current standard deviation of the noise, shape ()."""
        return tf.exp(tf.convert_to_tensor(self._log_stddev))

    def log_prob(self, outputs: tf.Tensor, observations: tf.Tensor) -> tf.Tensor:
        """See `Likelihood.log_prob`."""
        log_stddev = tf.cast(tf.convert_to_tensor(self._log_stddev), outputs.dtype)
        standardized = (tf.cast(observations, outputs.dtype) - outputs) * tf.exp(-log_stddev)
        return -0.5 * (math.log(2.0 * math.pi) + tf.square(standardized)) - log_stddev

    def per_example(self, outputs: tf.Tensor, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Likelihood.per_example`."""
        # both from one sum of squares: passes over large images are the main cost of a step besides the networks
        axes = tuple(range(1, len(outputs.shape)))
        squares = linalg.sum_of_squares(outputs - tf.cast(observations, outputs.dtype), axes)
        count = tf.cast(tf.reduce_prod(tf.shape(outputs)[1:]), outputs.dtype)
        log_stddev = tf.cast(tf.convert_to_tensor(self._log_stddev), outputs.dtype)
        constant = count * (0.5 * math.log(2.0 * math.pi) + log_stddev)
        return -0.5 * squares * tf.exp(-2.0 * log_stddev) - constant, squares / count

    def mean(self, outputs: tf.Tensor) -> tf.Tensor:
        """See `Likelihood.mean`."""
        return outputs

    def sample(self, outputs: tf.Tensor, seed: Any) -> tf.Tensor:
        """See `Likelihood.sample`."""
        noise = keras.random.normal(tf.shape(outputs), dtype=outputs.dtype, seed=seed)
        return outputs + tf.cast(self.stddev, outputs.dtype) * noise

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "stddev": self.initial_stddev, "train_stddev": self.train_stddev}

"""p(y | z): what a decoder's output means."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import linalg

_register = keras.saving.register_keras_serializable(package="svgp_vae_tf")


class Likelihood(keras.layers.Layer):
    """Base of the likelihoods. Independent over all entries of an observation, given the decoder's output."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.built = True

    def log_prob(self, outputs: tf.Tensor, observations: tf.Tensor) -> tf.Tensor:
        """``log p(y | outputs)`` entry by entry; both arguments and the result have one shape."""
        raise NotImplementedError

    def per_example(self, outputs: tf.Tensor, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """log p(y | outputs) and the mean squared error of E[y | outputs] of each example, (batch,) each."""
        within = list(range(1, len(outputs.shape)))
        error = tf.square(self.mean(outputs) - tf.cast(observations, outputs.dtype))
        return tf.reduce_sum(self.log_prob(outputs, observations), within), tf.reduce_mean(error, within)

    def validate_observations(self, observations: np.ndarray) -> None:
        """Raise DataError if observations cannot come from this likelihood."""

    def mean(self, outputs: tf.Tensor) -> tf.Tensor:
        """``E[y | outputs]``, entry by entry."""
        raise NotImplementedError

    def sample(self, outputs: tf.Tensor, seed: Any) -> tf.Tensor:
        """A draw of y, entry by entry."""
        raise NotImplementedError


@_register
class Bernoulli(Likelihood):
    """Binary observations, or values between 0 and 1; the decoder gives logits."""

    def validate_observations(self, observations: np.ndarray) -> None:
        low, high = observations.min(), observations.max()
        if low < 0 or high > 1:
            raise DataError(
                f"observations range from {low:.4g} to {high:.4g}, but a Bernoulli likelihood takes values from 0 "
                f"to 1: rescale them, or use likelihood='gaussian'"
            )

    def log_prob(self, outputs: tf.Tensor, observations: tf.Tensor) -> tf.Tensor:
        return -tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(observations, outputs.dtype), logits=outputs)

    def mean(self, outputs: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid(outputs)

    def sample(self, outputs: tf.Tensor, seed: Any) -> tf.Tensor:
        uniform = keras.random.uniform(tf.shape(outputs), dtype=outputs.dtype, seed=seed)
        return tf.cast(uniform < self.mean(outputs), outputs.dtype)


@_register
class Gaussian(Likelihood):
    """Real observations with one noise level; the decoder gives the mean.

    Args:
        stddev: noise standard deviation, in the unit of the observations.
        train_stddev: whether `fit` learns it.
    """

    def __init__(self, stddev: float = 1.0, train_stddev: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        if not 0.0 < stddev < math.inf:
            raise ValueError(f"stddev must be positive and finite, got {stddev}")
        self.initial_stddev = float(stddev)
        self.train_stddev = train_stddev
        self._log_stddev = self.add_weight(
            name="log_stddev", shape=(), initializer=keras.initializers.Constant(np.log(stddev)), trainable=train_stddev
        )

    @property
    def stddev(self) -> tf.Tensor:
        """The current noise standard deviation, a scalar."""
        return tf.exp(tf.convert_to_tensor(self._log_stddev))

    def log_prob(self, outputs: tf.Tensor, observations: tf.Tensor) -> tf.Tensor:
        log_stddev = tf.cast(tf.convert_to_tensor(self._log_stddev), outputs.dtype)
        standardized = (tf.cast(observations, outputs.dtype) - outputs) * tf.exp(-log_stddev)
        return -0.5 * (math.log(2.0 * math.pi) + tf.square(standardized)) - log_stddev

    def per_example(self, outputs: tf.Tensor, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # both from one sum of squares: with large images these passes are what a step costs beside its networks
        within = tuple(range(1, len(outputs.shape)))
        squares = linalg.sum_of_squares(outputs - tf.cast(observations, outputs.dtype), within)
        count = tf.cast(tf.reduce_prod(tf.shape(outputs)[1:]), outputs.dtype)
        log_stddev = tf.cast(tf.convert_to_tensor(self._log_stddev), outputs.dtype)
        constant = count * (0.5 * math.log(2.0 * math.pi) + log_stddev)
        return -0.5 * squares * tf.exp(-2.0 * log_stddev) - constant, squares / count

    def mean(self, outputs: tf.Tensor) -> tf.Tensor:
        return outputs

    def sample(self, outputs: tf.Tensor, seed: Any) -> tf.Tensor:
        noise = keras.random.normal(tf.shape(outputs), dtype=outputs.dtype, seed=seed)
        return outputs + tf.cast(self.stddev, outputs.dtype) * noise

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.initial_stddev, "train_stddev": self.train_stddev}

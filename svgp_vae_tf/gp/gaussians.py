"""Densities and divergences of Gaussians with diagonal covariance, elementwise."""

import math

import tensorflow as tf

LOG_2PI = math.log(2.0 * math.pi)


def log_density(x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """``log N(x | mean, variance)``, elementwise."""
    return -0.5 * (LOG_2PI + tf.math.log(variance) + tf.square(x - mean) / variance)


def expected_log_density(mean: tf.Tensor, variance: tf.Tensor, data: tf.Tensor, data_variance: tf.Tensor) -> tf.Tensor:
    """``E_{z ~ N(mean, variance)} [log N(data | z, data_variance)]``, elementwise.

    With the encoder's (data, data_variance) and the GP posterior's (mean, variance) this is the term
    E_q[log q~(z_i | y_i)] of the paper's eqs. 2 and 10.
    """
    return log_density(data, mean, data_variance) - 0.5 * variance / data_variance


def kl_to_standard_normal(mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """``KL(N(mean, variance) || N(0, 1))``, elementwise."""
    return 0.5 * (variance + tf.square(mean) - 1.0 - tf.math.log(variance))

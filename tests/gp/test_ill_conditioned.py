"""Regularisers and their gradients where the algebra is badly conditioned, against decimals of 70 digits."""

import math

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.gp import exact, gaussians, linalg, sparse, whitened
from tests.reference import decimals


def squared_exponential(x, y, log_length, log_variance):
    scaled = (tf.constant(x)[:, None] - tf.constant(y)[None, :]) / tf.exp(log_length)
    return tf.exp(log_variance - 0.5 * tf.square(scaled))[tf.newaxis]


def sparse_kl(x, z, y, s2, scale):
    def kl(log_length, log_variance):
        whiten = linalg.inverse_cholesky(squared_exponential(z, z, log_length, log_variance), linalg.JITTER)
        v = tf.linalg.matmul(whiten, squared_exponential(z, x, log_length, log_variance))
        return whitened.kl(sparse.posterior(sparse.statistics(v, y[None], s2[None]), scale))[0]

    return kl


def exact_regulariser(x, y, s2):
    def value(log_length, log_variance):
        k = squared_exponential(x, x, log_length, log_variance)
        q = exact.posterior(k, y[None], s2[None])
        moments = exact.marginals(q, k, linalg.diagonal(k))
        cross_entropy = tf.reduce_sum(gaussians.expected_log_density(*moments, y[None], s2[None]))
        return cross_entropy - exact.log_marginal_likelihood(q)[0]

    return value


def with_derivatives(function, length_scale, variance):
    at = [tf.constant(math.log(value), tf.float64) for value in (length_scale, variance)]
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = function(*at)
    return float(value), *(float(slope) for slope in tape.gradient(value, at))


def precise_data(seed: int, n: int = 40, m: int = 16, lowest: float = 1e-6, highest: float = 1e-4):
    """Inputs, half of the inducing points beside the other half, and latent data of small variances."""
    rng = np.random.default_rng(seed)
    x, z = 2.0 * rng.normal(size=n), 2.0 * rng.normal(size=m)
    z[m // 2 :] = z[: m - m // 2] + 1e-4 * rng.normal(size=m - m // 2)
    s2 = np.exp(rng.uniform(np.log(lowest), np.log(highest), n))
    return x, z, np.sin(x) + np.sqrt(s2) * rng.normal(size=n), s2


@pytest.mark.parametrize(("num_data", "highest"), [(4e7, 1e-4), (1.6e5, 1e-3)])
def test_the_kl_of_a_small_batch_of_many_precise_data(num_data, highest):
    """B = I + c S reaches 1e13; where the data say nothing its eigenvalues are 1."""
    x, z, y, s2 = precise_data(0, highest=highest)
    ours = with_derivatives(sparse_kl(x, z, y, s2, num_data / len(x)), 3.0, 1.0)
    true = decimals.with_derivatives(decimals.sparse_kl(x, z, y, s2, num_data / len(x), linalg.JITTER), 3.0, 1.0)
    assert ours[0] == pytest.approx(true[0], rel=1e-6)
    np.testing.assert_allclose(ours[1:], true[1:], rtol=1e-5)


def test_the_regulariser_of_an_exact_gp_of_precise_data():
    x, _, y, s2 = precise_data(1)
    ours = with_derivatives(exact_regulariser(x, y, s2), 3.0, 1.0)
    true = decimals.with_derivatives(decimals.exact_regulariser(x, y, s2), 3.0, 1.0)
    assert ours[0] == pytest.approx(true[0], rel=1e-6)
    np.testing.assert_allclose(ours[1:], true[1:], rtol=1e-5)

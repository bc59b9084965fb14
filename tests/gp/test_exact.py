"""Exact GP regression against eq. 1 of the paper and its own identities."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.gp import exact, gaussians, linalg
from tests.helpers.algebra import make
from tests.reference import oracles

close = np.testing.assert_allclose


@pytest.fixture
def problem():
    return make()


@pytest.fixture
def q(problem):
    return exact.posterior(tf.constant(problem.knn[np.newaxis]), tf.constant(problem.y), tf.constant(problem.s2))


@pytest.mark.parametrize("channel", [0, 1])
def test_posterior_is_that_of_eq_1(problem, q, channel):
    k_nr = tf.constant(problem.knr[np.newaxis])
    mean, variance = exact.marginals(q, k_nr, problem.k_new_diagonal)
    covariance = exact.covariance(q, k_nr, tf.constant(problem.krr))
    expected_mean, expected_covariance = oracles.exact_posterior(
        problem.knn, problem.knr, problem.krr, problem.y[channel], problem.s2[channel]
    )
    close(mean[channel], expected_mean, rtol=1e-9, atol=1e-11)
    close(variance[channel], np.diag(expected_covariance), rtol=1e-9)
    close(covariance[channel], expected_covariance, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("channel", [0, 1])
def test_log_marginal_likelihood_is_the_log_density_of_the_data(problem, q, channel):
    expected = oracles.log_z(problem.knn, problem.y[channel], problem.s2[channel])
    close(exact.log_marginal_likelihood(q)[channel], expected, rtol=1e-10)


def test_the_regulariser_is_the_divergence_of_the_exact_posterior(problem, q):
    """CE - log Z = KL(q || p), with the KL between full Gaussians written out."""
    k_nn = tf.constant(problem.knn[np.newaxis])
    mean, variance = exact.marginals(q, k_nn, problem.k_diagonal)
    data = (tf.constant(problem.y), tf.constant(problem.s2))
    cross_entropy = tf.reduce_sum(gaussians.expected_log_density(mean, variance, *data), axis=-1)
    surplus = cross_entropy - exact.log_marginal_likelihood(q)
    for channel in (0, 1):
        moments = oracles.exact_posterior(
            problem.knn, problem.knn, problem.knn, problem.y[channel], problem.s2[channel]
        )
        close(surplus[channel], oracles.kl(problem.knn, *moments), rtol=1e-7)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_marginals_at_the_data_are_those_at_any_inputs(problem, factor):
    """Some variances are below those of the prior and some above, or all of them."""
    k_nn, y, s2 = tf.constant(problem.knn[np.newaxis]), tf.constant(problem.y), tf.constant(factor * problem.s2)
    q = exact.posterior(k_nn, y, s2)
    for at_data, anywhere in zip(
        exact.marginals_at_data(q, k_nn, y, s2), exact.marginals(q, k_nn, problem.k_diagonal), strict=True
    ):
        close(at_data, anywhere, rtol=1e-9, atol=1e-12)


def test_the_variances_of_precise_data_and_their_gradient():
    """Two data with covariance k: s2 - s2^2 / (1 + s2 - k^2 / (1 + s2)), of which k_nn - |w|^2 keeps few digits."""
    s2, k = 1e-9, tf.constant(0.01, tf.float64)
    variance = tf.fill((1, 2), tf.constant(s2, tf.float64))
    with tf.GradientTape() as tape:
        tape.watch(k)
        k_nn = tf.reshape(tf.stack([1.0, k, k, 1.0]), (1, 2, 2))
        q = exact.posterior(k_nn, tf.ones((1, 2), tf.float64), variance)
        _, posterior_variance = exact.marginals_at_data(q, k_nn, tf.ones((1, 2), tf.float64), variance)
    rest = 1.0 + s2 - 1e-4 / (1.0 + s2)
    close(posterior_variance, np.full((1, 2), s2 - s2**2 / rest), rtol=1e-15)
    close(tape.gradient(posterior_variance, k), -2.0 * s2**2 / rest**2 * 2.0 * 0.01 / (1.0 + s2), rtol=1e-12)


@pytest.mark.parametrize("huge", [1e20, 1e300])
def test_data_of_huge_variance_are_left_out(huge):
    k_nn = tf.constant([[[1.0, 0.5], [0.5, 1.0]]], tf.float64)
    y = tf.constant([[2.0, 7.0]], tf.float64)
    variance = tf.constant([[1.0, huge]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([k_nn, variance])
        q = exact.posterior(k_nn, y, variance)
        moments = exact.marginals_at_data(q, k_nn, y, variance)
    close(moments[0], [[1.0, 0.5]], rtol=1e-12)
    close(moments[1], [[0.5, 0.875]], rtol=1e-12)
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(moments, [k_nn, variance]))


def test_the_diagonal_of_the_covariance_is_the_marginal_variance(problem, q):
    k_nr = tf.constant(problem.knr[np.newaxis])
    _, variance = exact.marginals(q, k_nr, problem.k_new_diagonal)
    covariance = exact.covariance(q, k_nr, tf.constant(problem.krr))
    close(tf.linalg.diag_part(covariance), variance, rtol=1e-11)


def test_huge_noise_gives_the_prior(problem):
    q = exact.posterior(tf.constant(problem.knn[np.newaxis]), tf.constant(problem.y), 1e12 * problem.s2)
    mean, variance = exact.marginals(q, tf.constant(problem.knr[np.newaxis]), problem.k_new_diagonal)
    close(mean, np.zeros(mean.shape), atol=1e-9)
    close(variance, np.broadcast_to(np.diag(problem.krr), variance.shape), rtol=1e-9)


def test_the_prior_of_the_ordinary_vae_is_the_special_case_of_a_unit_kernel(problem):
    """With K = I every latent has posterior N(y / (1 + s2), s2 / (1 + s2))."""
    identity = tf.eye(problem.y.shape[1], batch_shape=[1], dtype=tf.float64)
    q = exact.posterior(identity, tf.constant(problem.y), tf.constant(problem.s2))
    mean, variance = exact.marginals(q, identity, tf.linalg.diag_part(identity))
    close(mean, problem.y / (1.0 + problem.s2), rtol=1e-10)
    close(variance, problem.s2 / (1.0 + problem.s2), rtol=1e-10)


def test_a_variance_that_rounding_made_negative_is_zero():
    q = exact.ExactPosterior(tf.constant([[[1.0]]], tf.float64), tf.constant([[0.0]], tf.float64))
    k_nr, k_diagonal = tf.constant([[[1.0 + 1e-9, 0.5]]], tf.float64), tf.ones((1, 2), tf.float64)
    close(exact.marginals(q, k_nr, k_diagonal)[1], [[0.0, 0.75]], rtol=1e-12)


def test_variances_stay_non_negative_for_tiny_noise_on_repeated_inputs():
    ones = tf.ones((1, 6, 6), tf.float64)
    q = exact.posterior(ones, tf.ones((1, 6), tf.float64), tf.fill((1, 6), tf.constant(1e-9, tf.float64)))
    mean, variance = exact.marginals(q, ones, tf.ones((1, 6), tf.float64))
    assert np.all(variance.numpy() >= 0.0)
    close(mean, np.ones((1, 6)), atol=1e-6)


def test_the_guard_of_an_exact_posterior_knows_its_smallest_variance(monkeypatch):
    asked = []
    guarded = linalg.guarded
    monkeypatch.setattr(linalg, "guarded", lambda matrix, least: asked.append(least) or guarded(matrix, least))
    variance = tf.constant([[1e-6, 1e3], [2.0, 0.5]], tf.float64)
    exact.posterior(tf.eye(2, batch_shape=[1], dtype=tf.float64), tf.zeros((2, 2), tf.float64), variance)
    np.testing.assert_array_equal(asked[0], [1e-6, 0.5])

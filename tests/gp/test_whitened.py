"""A free q(u) against the paper's formulas as they are printed, and the original program's numbers."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.gp import gaussians, linalg, sparse, whitened
from svgp_vae_tf.kernels import Linear, Periodic
from tests.helpers.algebra import make
from tests.reference import golden, oracles, original_svigp

close = np.testing.assert_allclose
CHANNELS = [0, 1]


@pytest.fixture
def problem():
    return make()


@pytest.fixture
def q() -> whitened.WhitenedPosterior:
    rng = np.random.default_rng(1)
    factor = np.tril(rng.normal(0.0, 0.4, (2, 5, 5)), -1) + np.exp(rng.uniform(-2.0, 0.5, (2, 5, 1))) * np.eye(5)
    return whitened.WhitenedPosterior(tf.constant(rng.normal(size=(2, 5))), tf.constant(np.swapaxes(factor, -1, -2)))


def oracle_moments(problem, q, channel) -> tuple[np.ndarray, np.ndarray]:
    chol = np.linalg.cholesky(problem.kmm)
    factor = q.root[channel].numpy().T
    return chol @ q.mean[channel].numpy(), chol @ factor @ factor.T @ chol.T


# Against the oracles.


@pytest.mark.parametrize("channel", CHANNELS)
def test_marginals_and_covariance_are_those_of_eq_3(problem, q, channel):
    mean, variance = whitened.marginals(q, problem.v_new, problem.k_new_diagonal)
    covariance = whitened.covariance(q, problem.v_new, tf.constant(problem.krr))
    mu, a = oracle_moments(problem, q, channel)
    expected = oracles.sparse_marginals(problem.kmm, problem.kmr, np.diag(problem.krr), mu, a)
    close(mean[channel], expected[0], rtol=1e-9, atol=1e-11)
    close(variance[channel], expected[1], rtol=1e-9)
    close(covariance[channel], oracles.sparse_covariance(problem.kmm, problem.kmr, problem.krr, a), atol=1e-10)


def test_unexplained_variance_that_rounding_made_negative_counts_as_zero():
    q = whitened.WhitenedPosterior(tf.constant([[0.0]], tf.float64), tf.constant([[[0.01]]], tf.float64))
    v, k_diagonal = tf.constant([[[1.0 + 1e-4, 0.5]]], tf.float64), tf.ones((1, 2), tf.float64)
    # (1 - v^2) + (0.01 v)^2, the first term not below zero
    close(whitened.marginals(q, v, k_diagonal)[1], [[1e-4 * 1.0001**2, 0.75 + 1e-4 * 0.25]], rtol=1e-12)


@pytest.mark.parametrize("channel", CHANNELS)
def test_kl_is_that_of_the_inducing_values(problem, q, channel):
    close(whitened.kl(q)[channel], oracles.kl(problem.kmm, *oracle_moments(problem, q, channel)), rtol=1e-9)


def test_kl_of_the_prior_is_zero():
    q = whitened.WhitenedPosterior(tf.zeros((2, 4), tf.float64), tf.eye(4, batch_shape=[2], dtype=tf.float64))
    close(whitened.kl(q), np.zeros(2), atol=1e-15)


def test_kl_of_a_diagonal_factor_is_that_of_single_gaussians():
    mean, variance = np.array([[0.3, -1.2, 0.0]]), np.array([[0.4, 2.0, 1.0]])
    q = whitened.WhitenedPosterior(tf.constant(mean), tf.linalg.diag(tf.constant(np.sqrt(variance))))
    close(whitened.kl(q), tf.reduce_sum(gaussians.kl_to_standard_normal(mean, variance), axis=-1), rtol=1e-13)


@pytest.mark.parametrize("channel", CHANNELS)
def test_trace_term_is_that_of_eq_7(problem, q, channel):
    mu, a = oracle_moments(problem, q, channel)
    _, variance = oracles.sparse_marginals(problem.kmm, problem.kmn, np.diag(problem.knn), mu, a)
    value = original_svigp.trace_term(q, problem.v, problem.k_diagonal, 0.3)
    close(value[channel], -sum(variance) / (2 * 0.3), rtol=1e-9)


# Inducing moments.


@pytest.mark.parametrize("channel", CHANNELS)
def test_inducing_moments_are_unwhitened(problem, q, channel):
    mu, a = whitened.inducing_moments(q, problem.chol)
    expected_mu, expected_a = oracle_moments(problem, q, channel)
    close(mu[channel], expected_mu, rtol=1e-12)
    close(a[channel], expected_a, rtol=1e-11, atol=1e-14)


def test_moments_give_the_posterior_back(problem, q):
    again = whitened.from_inducing_moments(*whitened.inducing_moments(q, problem.chol), problem.chol)
    close(again.mean, q.mean, rtol=1e-9, atol=1e-11)
    close(again.root, q.root, rtol=1e-8, atol=1e-9)
    assert np.all(np.tril(again.root.numpy(), -1) == 0.0)


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_the_optimal_posterior_is_that_of_the_amortised_algebra(problem, scale):
    optimal = sparse.posterior(problem.stats, scale)
    q = whitened.from_inducing_moments(*whitened.inducing_moments(optimal, problem.chol), problem.chol)
    expected = whitened.marginals(optimal, problem.v_new, problem.k_new_diagonal)
    close(whitened.marginals(q, problem.v_new, problem.k_new_diagonal), expected, rtol=1e-9, atol=1e-9)
    close(whitened.kl(q), whitened.kl(optimal), rtol=1e-9)


# The original program's numbers.


@pytest.fixture(scope="module")
def rotated():
    """The worked example of one GP over a data set, with a given q(f_m): a posterior, V and k_nn."""
    case = golden.worked("rotated")
    kernel = Periodic(length_scale=1.0, columns=[0]) * Linear(columns=[1, 2])
    points = tf.constant(case["inducing_points"])
    features = tf.constant(np.column_stack([case["angles"], case["objects"]]))
    chol = linalg.cholesky(kernel.matrix(points, points)[tf.newaxis], case["jitter"])
    factor = np.eye(3) + 0.1 * np.tril(np.ones((3, 3)), -1)
    mu, a = np.array([[0.1, -0.2, 0.3]]), (factor @ factor.T)[np.newaxis]
    q = whitened.from_inducing_moments(tf.constant(mu), tf.constant(a), chol)
    v = linalg.solve_lower(chol, kernel.matrix(points, features)[tf.newaxis])
    return q, v, kernel.diagonal(features)[tf.newaxis]


def test_original_mean_and_kl_agree(rotated):
    mean, _ = whitened.marginals(*rotated)
    close(mean, [[0.1085958847, -0.1396684361, 0.2465832143, -0.1158795337]], rtol=1e-5)
    close(whitened.kl(rotated[0]), [0.2407181942], rtol=1e-5)


def test_original_traces_and_regulariser_agree(rotated):
    traces = original_svigp.trace_term(*rotated, 0.1)
    close(traces, [-23.8309940671], rtol=1e-5)
    close(traces - 4 / 10 * whitened.kl(rotated[0]), [-23.9272813448], rtol=1e-5)


def test_original_objective_agrees(rotated):
    value = original_svigp.objective(*rotated, squared_error=12.5, num_values=784, noise=0.1, num_data=10)
    assert value == pytest.approx(3690.1883301547, rel=1e-7)


def test_original_objective_sums_over_channels(rotated):
    q, v, k_diagonal = rotated
    two = whitened.WhitenedPosterior(tf.repeat(q.mean, 2, axis=0), tf.repeat(q.root, 2, axis=0))
    rest = {"squared_error": 12.5, "num_values": 784, "noise": 0.1, "num_data": 10}
    surplus = original_svigp.objective(two, v, k_diagonal, **rest)
    surplus -= original_svigp.objective(q, v, k_diagonal, **rest)
    assert float(surplus) == pytest.approx(-23.9272813448, rel=1e-5)

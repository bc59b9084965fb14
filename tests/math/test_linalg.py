"""Cholesky factors, solves and determinants."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.math import linalg

close = np.testing.assert_allclose


@pytest.fixture
def matrix():
    half = np.random.default_rng(0).normal(size=(2, 4, 6))
    return half @ np.swapaxes(half, -1, -2)


def test_the_factor_reproduces_the_matrix(matrix):
    factor = linalg.cholesky(tf.constant(matrix), 0.0).numpy()
    close(factor @ np.swapaxes(factor, -1, -2), matrix, rtol=1e-12, atol=1e-12)
    close(factor, np.tril(factor))


def test_the_jitter_is_relative_to_the_mean_diagonal(matrix):
    for scale in (1.0, 1e-9, 1e9):
        factor = linalg.cholesky(tf.constant(scale * matrix), 0.1).numpy()
        mean_diagonal = np.mean(np.diagonal(scale * matrix, axis1=-2, axis2=-1), axis=-1)[:, np.newaxis, np.newaxis]
        expected = scale * matrix + 0.1 * mean_diagonal * np.eye(4)
        close(factor @ np.swapaxes(factor, -1, -2), expected, rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.parametrize("size", [1, 3, 64])
@pytest.mark.parametrize("amplitude", [1e-12, 1.0, 1e12])
def test_a_matrix_of_rank_one_factors_with_the_default_jitter(size, amplitude):
    factor = linalg.cholesky(tf.fill((size, size), tf.constant(amplitude, tf.float64)), linalg.JITTER)
    assert np.isfinite(factor.numpy()).all()


def test_an_all_zero_matrix_factors():
    assert np.isfinite(linalg.cholesky(tf.zeros((3, 3), tf.float64), linalg.JITTER).numpy()).all()


def test_solves_invert_the_factor_and_broadcast(matrix):
    factor = linalg.cholesky(tf.constant(matrix), 0.0)
    right = np.random.default_rng(1).normal(size=(5, 1, 4, 3))
    solution = linalg.solve_lower(factor, tf.constant(right))
    assert solution.shape == (5, 2, 4, 3)
    close(factor @ solution, np.broadcast_to(right, (5, 2, 4, 3)), rtol=1e-10, atol=1e-12)
    close(linalg.solve_lower_vector(factor, tf.constant(right[..., 0])), solution[..., 0], rtol=1e-12)


def test_the_log_determinant_is_that_of_the_matrix(matrix):
    factor = linalg.cholesky(tf.constant(matrix), 0.0)
    close(linalg.log_determinant(factor), np.linalg.slogdet(matrix)[1], rtol=1e-11)


@pytest.mark.parametrize("axis", [-1, -2, (-2, -1)])
def test_sum_of_squares_runs_along_the_axis(matrix, axis):
    close(linalg.sum_of_squares(tf.constant(matrix), axis), np.sum(matrix**2, axis=axis), rtol=1e-14)

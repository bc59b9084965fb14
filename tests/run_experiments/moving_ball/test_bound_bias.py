"""What few inducing points can do at best on the moving ball."""

import numpy as np
import pytest

from run_experiments.moving_ball import bound_bias
from svgp_vae_tf.gp import linalg, sparse, whitened


def test_the_sparse_bound_finds_the_truth_with_all_points_and_a_smoother_kernel_with_few():
    assert bound_bias.best_length_scale(30, noise=0.01) == pytest.approx(2.0, rel=1e-3)
    assert bound_bias.best_length_scale(20, noise=0.01) == pytest.approx(2.0, rel=0.03)
    few, fewer = (bound_bias.best_length_scale(m, noise=0.01) for m in (15, 10))
    assert 2.2 < few < fewer


def test_no_sparse_posterior_mean_beats_the_lowest_rmse():
    frames, points = np.arange(30.0), np.linspace(0.0, 29.0, 10)
    draws = np.random.default_rng(0).multivariate_normal(
        np.zeros(30), bound_bias.kernel(frames, frames, 2.0), size=4000, method="svd"
    )
    chol = linalg.cholesky(bound_bias.kernel(points, points, 2.0), 1e-6)
    v = linalg.solve_lower(chol, bound_bias.kernel(points, frames, 2.0))
    q = sparse.posterior(sparse.statistics(v, draws, np.full_like(draws, 1e-6)))
    mean, _ = whitened.marginals(q, v, np.ones(30))
    rmse = np.sqrt(np.mean(np.square(np.asarray(mean) - draws)))
    assert rmse == pytest.approx(bound_bias.lowest_rmse(10), rel=0.02)  # without noise it is reached


def test_the_expected_bound_is_that_of_the_model():
    frames, points = np.arange(12.0), np.linspace(0.0, 11.0, 5)
    draws = np.random.default_rng(0).multivariate_normal(
        np.zeros(12), bound_bias.kernel(frames, frames, 2.0) + 0.1 * np.eye(12), size=20_000
    )
    k_mm = linalg.cholesky(bound_bias.kernel(points, points, 3.0), 1e-6)
    v = linalg.solve_lower(k_mm, bound_bias.kernel(points, frames, 3.0))
    noise = np.full_like(draws, 0.1)
    stats = sparse.statistics(v, draws, noise)
    bounds = sparse.titsias_bound(stats, np.ones(12), draws, noise)
    expected = bound_bias.expected_bound(3.0, points, 0.1, frames, 2.0)
    assert np.mean(bounds) == pytest.approx(expected, abs=5 * np.std(bounds) / np.sqrt(len(draws)))

"""Alignment of latents with a known truth."""

import numpy as np
import pytest

from run_experiments.moving_ball.alignment import align


def test_a_known_affine_map_is_found():
    rng = np.random.default_rng(0)
    matrix, offset = np.array([[2.0, -1.0], [0.5, 0.3]]), np.array([4.0, -7.0])
    latents = rng.normal(size=(5, 6, 2))
    found = align(latents, latents @ matrix + offset)
    np.testing.assert_allclose(found.matrix, matrix, atol=1e-12)
    np.testing.assert_allclose(found.offset, offset, atol=1e-12)
    assert found.rmse == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(found(latents), latents @ matrix + offset, atol=1e-12)


@pytest.mark.parametrize(("num_latents", "dimensions"), [(2, 2), (3, 2), (1, 3)])
def test_against_the_normal_equations(num_latents, dimensions):
    rng = np.random.default_rng(1)
    latents, truth = rng.normal(size=(7, 4, num_latents)), rng.normal(size=(7, 4, dimensions))
    design = np.concatenate([latents.reshape(28, -1), np.ones((28, 1))], axis=1)
    solution = np.linalg.solve(design.T @ design, design.T @ truth.reshape(28, -1))
    found = align(latents, truth)
    np.testing.assert_allclose(found.matrix, solution[:-1], atol=1e-10)
    np.testing.assert_allclose(found.offset, solution[-1], atol=1e-10)
    residuals = truth.reshape(28, -1) - design @ solution
    assert found.rmse == pytest.approx(np.sqrt(np.mean(residuals**2)))
    assert found.rmse_per_point == pytest.approx(np.sqrt(np.mean(np.sum(residuals**2, axis=1))))
    assert found.rmse_per_point == pytest.approx(found.rmse * np.sqrt(dimensions))


def test_one_map_for_all_series():
    latents = np.random.default_rng(2).normal(size=(2, 50, 1))
    assert align(latents, latents * np.array([1.0, -1.0])[:, None, None]).rmse > 0.9


def test_no_information_leaves_the_spread_of_the_truth():
    truth = np.random.default_rng(3).normal(size=(10, 3, 2))
    found = align(np.zeros((10, 3, 2)), truth)
    assert found.rmse == pytest.approx(np.sqrt(np.mean((truth - truth.mean(axis=(0, 1))) ** 2)))


def test_covariances_follow_the_map():
    rng = np.random.default_rng(4)
    latents = rng.normal(size=(10, 3, 2))
    found = align(latents, latents @ rng.normal(size=(2, 2)))
    variances = rng.uniform(0.1, 2.0, size=(4, 3, 2))
    mapped = found.covariances(variances)
    assert mapped.shape == (4, 3, 2, 2)
    np.testing.assert_allclose(mapped[1, 2], found.matrix.T @ np.diag(variances[1, 2]) @ found.matrix, atol=1e-12)
    draws = found(rng.normal(size=(100_000, 2)) * np.sqrt(variances[0, 0]))
    np.testing.assert_allclose(np.cov(draws.T), mapped[0, 0], rtol=0.05, atol=0.02)


@pytest.mark.parametrize(
    ("latents", "truth", "message"),
    [((3, 4, 2), (3, 5, 2), "differ in their leading axes"), ((1, 2, 2), (1, 2, 2), "2 points cannot determine")],
)
def test_bad_shapes(latents, truth, message):
    with pytest.raises(ValueError, match=message):
        align(np.zeros(latents), np.zeros(truth))

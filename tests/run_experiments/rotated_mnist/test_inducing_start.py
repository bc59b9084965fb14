"""Where the inducing points of rotated MNIST start."""

import numpy as np
import pytest
from scipy import stats

from run_experiments.rotated_mnist.inducing_start import kde_per_angle

SCORES = np.random.default_rng(0).normal(size=(50, 3)) * [3.0, 2.0, 1.0]
ANGLES = np.arange(4) * np.pi / 2


def test_points_are_data_rows_with_one_common_noise():
    """Scott's rule: the noise is n^(-1/5) standard deviations; the same seed gives all axes the same draws."""
    points = kde_per_angle(SCORES, ANGLES, 8)
    np.testing.assert_array_equal(points[:, 0], np.repeat(ANGLES, 2))
    for i in range(4):
        generator = np.random.RandomState(i)
        noise = generator.multivariate_normal([0.0], [[1.0]], size=2)[:, 0]
        rows = SCORES[generator.choice(50, size=2, p=np.full(50, 1 / 50))]
        expected = rows + 50 ** (-1 / 5) * np.abs(noise)[:, None] * SCORES.std(axis=0, ddof=1)
        mirrored = rows - 50 ** (-1 / 5) * np.abs(noise)[:, None] * SCORES.std(axis=0, ddof=1)
        found = points[2 * i : 2 * i + 2, 1:]
        near = np.minimum(np.abs(found - expected).max(axis=1), np.abs(found - mirrored).max(axis=1))
        np.testing.assert_allclose(near, 0.0, atol=1e-9)
        for axis in range(3):
            np.testing.assert_allclose(found[:, axis], stats.gaussian_kde(SCORES[:, axis]).resample(2, seed=i)[0])


@pytest.mark.parametrize(("m", "counts"), [(1, [1, 0, 0, 0]), (2, [1, 0, 1, 0]), (6, [2, 1, 2, 1])])
def test_points_left_over_are_spread_over_the_angles(m, counts):
    points = kde_per_angle(SCORES, ANGLES, m)
    assert points.shape == (m, 4)
    assert [int(np.sum(points[:, 0] == angle)) for angle in ANGLES] == counts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SCORES, ANGLES, 0), "at least 1"),
        ((SCORES[:1], ANGLES, 4), "scores need"),
        ((SCORES * np.nan, ANGLES, 4), "scores need"),
        ((SCORES, ANGLES[:0], 4), "angles need"),
        ((SCORES, ANGLES, 2.5), "whole"),
        ((SCORES[:, 0], ANGLES, 4), "scores need"),
        ((SCORES * [1.0, 0.0, 1.0], ANGLES, 4), "column 1 is constant"),
        ((SCORES, ANGLES[::-1], 4), "ascending"),
        ((SCORES, ANGLES[[0, 0, 1]], 4), "distinct"),
        ((SCORES, ANGLES * np.nan, 4), "finite"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        kde_per_angle(*arguments)


def test_sixteen_angles_match_legacy_draws():
    """Legacy order: all normals first, then the choice of rows by inverting the cumulative weights."""
    angles, count = np.arange(16) * np.pi / 8, 2
    points = kde_per_angle(SCORES, angles, 16 * count).reshape(16, count, 4)
    for i in range(16):
        generator = np.random.RandomState(i)
        noise = generator.standard_normal(count)
        rows = SCORES[np.floor(generator.random_sample(count) * 50).astype(int)]
        scale = 50 ** (-1 / 5) * SCORES.std(axis=0, ddof=1)
        np.testing.assert_allclose(np.abs(points[i, :, 1:] - rows), np.abs(noise)[:, None] * scale, atol=1e-9)
        assert np.ptp(np.sign(points[i, :, 1:] - rows), axis=1).max() == 0, "one noise for all axes"
        np.testing.assert_array_equal(points[i, :, 0], angles[i])


@pytest.mark.parametrize("m", [1, 8, 24, 37])
def test_any_number_of_points_is_balanced_over_the_circle(m):
    angles = np.arange(16) * np.pi / 8
    points = kde_per_angle(SCORES, angles, m)
    counts = np.array([np.sum(points[:, 0] == angle) for angle in angles])
    assert counts.sum() == m and counts.max() - counts.min() <= 1
    places = np.flatnonzero(counts == counts.max())
    gaps = np.diff(np.append(places, places[0] + 16))
    assert gaps.max() - gaps.min() <= 1
    np.testing.assert_array_equal(points, kde_per_angle(SCORES, angles, m))

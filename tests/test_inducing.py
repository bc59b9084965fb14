"""Where inducing points start."""

import numpy as np
import pytest
from scipy import stats

from svgp_vae_tf import inducing

SCORES = np.random.default_rng(0).normal(size=(50, 3)) * [3.0, 2.0, 1.0]
ANGLES = np.arange(4) * np.pi / 2


def test_points_are_data_rows_with_one_common_noise():
    """Scott's rule: the noise is n^(-1/5) standard deviations; the same seed gives all axes the same draws."""
    points = inducing.kde_per_angle(SCORES, ANGLES, 8)
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
    points = inducing.kde_per_angle(SCORES, ANGLES, m)
    assert points.shape == (m, 4)
    assert [int(np.sum(points[:, 0] == angle)) for angle in ANGLES] == counts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SCORES, ANGLES, 0), "at least 1"),
        ((SCORES[:1], ANGLES, 4), "scores need"),
        ((SCORES * np.nan, ANGLES, 4), "scores need"),
        ((SCORES, ANGLES[:0], 4), "angles need"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        inducing.kde_per_angle(*arguments)

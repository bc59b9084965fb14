"""Initial inducing points."""

import numpy as np
import pytest

from svgp_vae_tf import inducing
from svgp_vae_tf.kernels import Linear, SquaredExponential

SCORES = np.random.default_rng(0).normal(size=(50, 3)) * [3.0, 2.0, 1.0]
ANGLES = np.arange(4) * np.pi / 2


def test_k_means_finds_clusters_in_columns_of_different_units():
    centres = np.array([[0.0, 0.0], [1e6, 0.0], [0.0, 1e-3], [1e6, 1e-3]])
    noise = np.random.default_rng(1).normal(size=(4, 30, 2)) * [1e4, 1e-5]
    rows = centres[:, None] + noise
    found = inducing.k_means(rows.reshape(-1, 2), 4)
    order = np.lexsort(np.round(found / [1e6, 1e-3]).T)
    np.testing.assert_allclose(found[order], rows.mean(axis=1), rtol=1e-9)


@pytest.mark.parametrize("m", [1, 7, 20, 49, 50])
def test_k_means_is_a_fixed_point_with_distinct_centres(m):
    found = inducing.k_means(SCORES, m, seed=3)
    assert found.shape == (m, 3) and found.dtype == np.float64 and len(np.unique(found, axis=0)) == m
    scale = SCORES.std(axis=0)
    labels = np.argmin(np.sum(((SCORES[:, None] - found) / scale) ** 2, axis=2), axis=1)
    np.testing.assert_allclose(found, [SCORES[labels == j].mean(axis=0) for j in range(m)], atol=1e-12)


def test_k_means_depends_on_the_seed_only():
    np.testing.assert_array_equal(inducing.k_means(SCORES, 9, seed=1), inducing.k_means(SCORES, 9, seed=1))
    assert not np.array_equal(inducing.k_means(SCORES, 9, seed=1), inducing.k_means(SCORES, 9, seed=2))


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_k_means_counts_distinct_rows(m):
    rows = np.repeat([[0.0, 5.0], [0.0, 5.1], [1.0, 5.0], [9.0, 5.0]], [40, 1, 3, 20], axis=0)
    assert len(np.unique(inducing.k_means(rows, m), axis=0)) == m
    with pytest.raises(ValueError, match=r"4 distinct row\(s\)"):
        inducing.k_means(rows, m + 4)


def test_k_means_moves_centres_that_lost_their_rows():
    """The third centre has no row, so it must move to the row furthest from its centre, 5."""
    rows = np.array([[0.0], [1.0], [5.0], [20.0]])
    labels = inducing._nonempty_labels(rows, np.array([[0.5], [20.0], [100.0]]))
    np.testing.assert_array_equal(labels, [0, 0, 2, 1])


def test_k_means_in_blocks_is_the_same(monkeypatch):
    whole = inducing.k_means(SCORES, 6)
    monkeypatch.setattr(inducing, "_BLOCK", 50)
    np.testing.assert_array_equal(inducing.k_means(SCORES, 6), whole)


@pytest.mark.parametrize("start", [inducing.k_means, lambda x, m: inducing.greedy_variance(x, m, SquaredExponential())])
@pytest.mark.parametrize(
    ("features", "m", "message"),
    [
        (SCORES, 0, "at least 1"),
        (SCORES, np.nan, "at least 1"),
        (SCORES, 1.5, "whole"),
        (SCORES, 51, "51 inducing points were requested, but the features have 50"),
        (SCORES[:, 0], 2, "features need"),
        (SCORES[:0], 1, "features need"),
        (np.where(SCORES > 5, np.nan, SCORES), 2, "features hold values that are not finite"),
    ],
)
def test_starts_from_features_refuse_bad_arguments(start, features, m, message):
    with pytest.raises(ValueError, match=message) as error:
        start(features, m)
    assert "\n" not in str(error.value)


def test_grid_has_the_last_axis_fastest():
    found = inducing.grid([0, -1, 2], [1, 1, 4], [2, 3, 1])
    expected = [[a, b, 3.0] for a in (0.0, 1.0) for b in (-1.0, 0.0, 1.0)]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(inducing.grid(0.0, 1.0, 3), [[0.0], [0.5], [1.0]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 0], [1, 1], [2, 0]), "at least 1"),
        (([0, 0], [1, 1], [2, 2.5]), "whole"),
        (([0, 0], [1, 1], [2]), "one shape"),
        (([], [], []), "one shape"),
        (([0, np.nan], [1, 1], [2, 2]), "finite"),
        (([0, 2], [1, 1], [2, 1]), "below high"),
        (([0, 1], [1, 1], [2, 2]), "below high"),
    ],
)
def test_grid_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        inducing.grid(*arguments)


def _naive_greedy(rows, m, covariance):
    """The same selection from explicit conditional variances of all rows given those selected."""
    taken: list[int] = []
    for _ in range(m):
        cross = covariance[:, taken]
        explained = np.linalg.solve(covariance[np.ix_(taken, taken)], cross.T).T if taken else cross
        taken.append(int(np.argmax(np.diag(covariance) - np.sum(explained * cross, axis=1))))
    return rows[taken]


def test_greedy_variance_matches_explicit_conditional_variances():
    scale = np.array([1.5, 2.0, 0.7])
    difference = (SCORES[:, None] - SCORES) / scale
    covariance = np.exp(-0.5 * np.sum(difference**2, axis=2)) + SCORES @ SCORES.T
    kernel = SquaredExponential(scale.tolist()) + Linear()
    found = inducing.greedy_variance(SCORES, 12, kernel)
    np.testing.assert_array_equal(found, _naive_greedy(SCORES, 12, covariance))
    np.testing.assert_array_equal(found, inducing.greedy_variance(SCORES, 12, kernel))
    assert found.dtype == np.float64


def test_greedy_variance_can_take_all_rows():
    found = inducing.greedy_variance(SCORES, len(SCORES), SquaredExponential())
    np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(SCORES, axis=0))


def test_greedy_variance_never_asks_for_the_whole_matrix():
    class Watched(SquaredExponential):
        def matrix(self, x, z):
            assert len(z) == 1
            return super().matrix(x, z)

    assert inducing.greedy_variance(SCORES, 5, Watched()).shape == (5, 3)


def test_greedy_variance_names_the_rank():
    rows = SCORES[:, :2]
    assert len(np.unique(inducing.greedy_variance(rows, 2, Linear()), axis=0)) == 2
    with pytest.raises(ValueError, match="3 inducing points were requested, but 2 suffice"):
        inducing.greedy_variance(rows, 3, Linear())


def test_greedy_variance_stops_at_the_threshold():
    """Rows far apart, each twice: a variance of 1 for each of three places."""
    rows = np.repeat([[0.0], [100.0], [200.0]], 2, axis=0)
    np.testing.assert_array_equal(inducing.greedy_variance(rows, 3, SquaredExponential(), 0.9), rows[::2])
    with pytest.raises(ValueError, match="3 suffice"):
        inducing.greedy_variance(rows, 4, SquaredExponential())
    with pytest.raises(ValueError, match="0 suffice"):
        inducing.greedy_variance(rows, 1, SquaredExponential(), 1.0)
    with pytest.raises(ValueError, match="threshold"):
        inducing.greedy_variance(rows, 1, SquaredExponential(), -1.0)


def test_greedy_variance_needs_one_kernel():
    with pytest.raises(ValueError, match="one set of parameters"):
        inducing.greedy_variance(SCORES, 2, SquaredExponential(num_latents=3))

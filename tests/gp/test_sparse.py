"""The whitened algebra against the paper's formulas as they are printed, and the identities between them."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.gp import exact, gaussians, linalg, sparse, whitened
from tests.helpers.algebra import make
from tests.reference import oracles, sparse_forms

close = np.testing.assert_allclose
SCALES = [1.0, 2.5]


@pytest.fixture
def problem():
    return make()


def oracle_moments(problem, channel, scale=1.0):
    return oracles.inducing_moments(problem.kmm, problem.kmn, problem.y[channel], problem.s2[channel], scale)


# Against the oracles.


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("channel", [0, 1])
def test_inducing_moments_are_those_of_eqs_4_5_and_9(problem, scale, channel):
    mu, a = whitened.inducing_moments(sparse.posterior(problem.stats, scale), problem.chol)
    expected_mu, expected_a = oracle_moments(problem, channel, scale)
    close(mu[channel], expected_mu, rtol=1e-9, atol=1e-11)
    close(a[channel], expected_a, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("channel", [0, 1])
def test_marginals_and_covariance_are_those_of_eq_3(problem, scale, channel):
    q = sparse.posterior(problem.stats, scale)
    mean, variance = whitened.marginals(q, problem.v_new, problem.k_new_diagonal)
    covariance = whitened.covariance(q, problem.v_new, tf.constant(problem.krr))
    mu, a = oracle_moments(problem, channel, scale)
    expected = oracles.sparse_marginals(problem.kmm, problem.kmr, np.diag(problem.krr), mu, a)
    close(mean[channel], expected[0], rtol=1e-9, atol=1e-11)
    close(variance[channel], expected[1], rtol=1e-9)
    close(covariance[channel], oracles.sparse_covariance(problem.kmm, problem.kmr, problem.krr, a), atol=1e-10)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("channel", [0, 1])
def test_kl_and_data_term_are_those_of_eq_7(problem, scale, channel):
    q = sparse.posterior(problem.stats, scale)
    data = (tf.constant(problem.y), tf.constant(problem.s2))
    mu, a = oracle_moments(problem, channel, scale)
    close(whitened.kl(q)[channel], oracles.kl(problem.kmm, mu, a), rtol=1e-9)
    expected = oracles.hensman_sum(
        problem.kmm, problem.kmn, np.diag(problem.knn), problem.y[channel], problem.s2[channel], mu, a
    )
    value = sparse_forms.hensman_data_term(q, problem.v, problem.k_diagonal, *data)
    close(value[channel], expected, rtol=1e-9)


@pytest.mark.parametrize("channel", [0, 1])
def test_titsias_bound_is_that_of_eq_6(problem, channel):
    value = sparse.titsias_bound(problem.stats, problem.k_diagonal, problem.y, problem.s2)
    expected = oracles.titsias_bound(
        problem.kmm, problem.kmn, np.diag(problem.knn), problem.y[channel], problem.s2[channel]
    )
    close(value[channel], expected, rtol=1e-10)


def test_leading_axes_are_independent_series():
    both = [make(seed=seed) for seed in (1, 2)]
    chol, v = (tf.stack([getattr(p, name) for p in both]) for name in ("chol", "v"))
    y, s2 = (tf.constant(np.stack([getattr(p, name) for p in both])) for name in ("y", "s2"))
    k_diagonal = tf.stack([p.k_diagonal for p in both])
    stats = sparse.statistics(v, y, s2)
    q = sparse.posterior(stats)
    for i, p in enumerate(both):
        alone = sparse.posterior(p.stats)
        close(whitened.kl(q)[i], whitened.kl(alone), rtol=1e-12)
        moments = zip(whitened.inducing_moments(q, chol), whitened.inducing_moments(alone, p.chol), strict=True)
        for stacked, single in moments:
            close(stacked[i], single, rtol=1e-11, atol=1e-13)
        single = sparse.titsias_bound(p.stats, p.k_diagonal, tf.constant(p.y), tf.constant(p.s2))
        close(sparse.titsias_bound(stats, k_diagonal, y, s2)[i], single, rtol=1e-12)


# Identities.


@pytest.mark.parametrize("scale", SCALES)
def test_long_form_of_the_regulariser_is_the_kl(problem, scale):
    """Eq. 10's cross entropy and eq. 7's sum cancel: inside - CE = -(b/N) KL."""
    q = sparse.posterior(problem.stats, scale)
    data = (tf.constant(problem.y), tf.constant(problem.s2))
    moments = whitened.marginals(q, problem.v, problem.k_diagonal)
    cross_entropy = tf.reduce_sum(gaussians.expected_log_density(*moments, *data), axis=-1)
    kl = whitened.kl(q)
    inside = sparse_forms.hensman_data_term(q, problem.v, problem.k_diagonal, *data) - kl / scale
    close(inside - cross_entropy, -kl / scale, rtol=1e-10)


def test_hensman_equals_titsias_at_the_optimum_of_the_whole_data(problem):
    q = sparse.posterior(problem.stats)
    data = (tf.constant(problem.y), tf.constant(problem.s2))
    hensman = sparse_forms.hensman_data_term(q, problem.v, problem.k_diagonal, *data) - whitened.kl(q)
    close(hensman, sparse.titsias_bound(problem.stats, problem.k_diagonal, *data), rtol=1e-12)


@pytest.mark.parametrize("step", [-0.1, 0.1])
def test_any_other_inducing_posterior_has_a_lower_hensman_bound(problem, step):
    data = (tf.constant(problem.y), tf.constant(problem.s2))

    def bound(q):
        data_term = sparse_forms.hensman_data_term(q, problem.v, problem.k_diagonal, *data)
        return (data_term - whitened.kl(q)).numpy()

    best = sparse.posterior(problem.stats)
    assert (bound(best) > bound(best._replace(mean=best.mean + step))).all()
    assert (bound(best) > bound(best._replace(root=best.root / (1.0 + step)))).all()


@pytest.mark.parametrize("seed", range(5))
def test_titsias_bound_is_below_the_log_marginal_likelihood(seed):
    p = make(seed=seed)
    bound = sparse.titsias_bound(p.stats, p.k_diagonal, tf.constant(p.y), tf.constant(p.s2))
    for channel in (0, 1):
        assert bound[channel] < oracles.log_z(p.knn, p.y[channel], p.s2[channel])


def test_inducing_points_at_the_data_give_the_exact_posterior_and_log_z():
    p = make(n=9, points_are_data=True)
    y, s2 = tf.constant(p.y), tf.constant(p.s2)
    exact_q = exact.posterior(tf.constant(p.knn[np.newaxis]), y, s2)
    q = sparse.posterior(p.stats)
    k_nr = tf.constant(p.knr[np.newaxis])
    close(
        sparse.titsias_bound(p.stats, p.k_diagonal, y, s2),
        exact.log_marginal_likelihood(exact_q),
        rtol=1e-8,
    )
    sparse_moments = whitened.marginals(q, p.v_new, p.k_new_diagonal)
    exact_moments = exact.marginals(exact_q, k_nr, p.k_new_diagonal)
    for approximate, exactly in zip(sparse_moments, exact_moments, strict=True):
        close(approximate, exactly, rtol=1e-8, atol=1e-10)
    krr = tf.constant(p.krr)
    close(whitened.covariance(q, p.v_new, krr), exact.covariance(exact_q, k_nr, krr), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("sizes", [(12,), (1, 11), (5, 4, 3), (1,) * 12])
def test_statistics_of_chunks_add_up_to_those_of_the_whole(problem, sizes):
    total, start = None, 0
    for size in sizes:
        part = slice(start, start + size)
        stats = sparse.statistics(problem.v[..., part], problem.y[:, part], problem.s2[:, part])
        total = (
            stats if total is None else sparse.SufficientStatistics(*(a + b for a, b in zip(total, stats, strict=True)))
        )
        start += size
    for chunked, whole in zip(total, problem.stats, strict=True):
        close(chunked, whole, rtol=1e-11, atol=1e-12)


def test_adding_and_taking_away_data_changes_nothing(problem):
    other = make(seed=3).stats
    back = [a + b - b for a, b in zip(problem.stats, other, strict=True)]
    for returned, original in zip(back, problem.stats, strict=True):
        close(returned, original, rtol=1e-11, atol=1e-11)


def test_the_order_of_the_data_does_not_matter(problem):
    order = np.random.default_rng(1).permutation(problem.y.shape[1])
    v = tf.gather(problem.v, order, axis=-1)
    permuted = sparse.posterior(sparse.statistics(v, problem.y[:, order], problem.s2[:, order]), scale=2.0)
    original = sparse.posterior(problem.stats, scale=2.0)
    close(permuted.mean, original.mean, rtol=1e-10, atol=1e-12)
    close(whitened.kl(permuted), whitened.kl(original), rtol=1e-11)


def test_an_infinite_variance_leaves_the_datum_out(problem):
    s2 = problem.s2.copy()
    s2[:, [2, 7]] = np.inf
    keep = [i for i in range(s2.shape[1]) if i not in (2, 7)]
    left_out = sparse.statistics(problem.v, tf.constant(problem.y), tf.constant(s2))
    without = sparse.statistics(tf.gather(problem.v, keep, axis=-1), problem.y[:, keep], problem.s2[:, keep])
    for a, b in zip(left_out, without, strict=True):
        close(a, b, rtol=1e-12, atol=1e-13)


def test_huge_noise_gives_the_prior(problem):
    stats = sparse.statistics(problem.v, tf.constant(problem.y), tf.constant(problem.s2 * 1e12))
    q = sparse.posterior(stats)
    mean, variance = whitened.marginals(q, problem.v_new, problem.k_new_diagonal)
    close(mean, np.zeros(mean.shape), atol=1e-9)
    close(variance, np.broadcast_to(np.diag(problem.krr), variance.shape), rtol=1e-9)
    close(whitened.kl(q), [0.0, 0.0], atol=1e-9)


def test_no_data_at_all_give_the_prior(problem):
    m = problem.kmm.shape[0]
    empty = sparse.SufficientStatistics(tf.zeros((2, m, m), tf.float64), tf.zeros((2, m), tf.float64))
    q = sparse.posterior(empty)
    mu, a = whitened.inducing_moments(q, problem.chol)
    close(mu, np.zeros((2, m)), atol=1e-15)
    close(a, np.broadcast_to(problem.kmm, (2, m, m)), atol=1e-11)
    close(whitened.kl(q), [0.0, 0.0], atol=1e-11)


def test_the_diagonal_of_the_covariance_is_the_marginal_variance(problem):
    q = sparse.posterior(problem.stats, 1.5)
    _, variance = whitened.marginals(q, problem.v_new, problem.k_new_diagonal)
    covariance = whitened.covariance(q, problem.v_new, tf.constant(problem.krr))
    close(tf.linalg.diag_part(covariance), variance, rtol=1e-12)


def test_scaling_the_statistics_is_repeating_the_data(problem):
    repeated = sparse.SufficientStatistics(*(3.0 * x for x in problem.stats))
    q, scaled = sparse.posterior(repeated), sparse.posterior(problem.stats, 3.0)
    close(q.mean, scaled.mean, rtol=1e-12, atol=1e-13)
    close(q.root, scaled.root, rtol=1e-12, atol=1e-13)


def test_the_variance_at_an_inducing_point_is_its_own_posterior_variance(problem):
    q = sparse.posterior(problem.stats)
    v = linalg.solve_lower(problem.chol, tf.constant(problem.kmm[np.newaxis]))
    mean, variance = whitened.marginals(q, v, tf.constant(np.diag(problem.kmm)[np.newaxis]))
    mu, a = whitened.inducing_moments(q, problem.chol)
    close(mean, mu, rtol=1e-9, atol=1e-11)
    close(variance, tf.linalg.diag_part(a), rtol=1e-9)


def test_variances_stay_positive_where_rounding_leaves_less_than_nothing_unexplained():
    """At an inducing point with precise data k - |v|^2 is rounding of either sign, far above what the data leave."""
    v = tf.constant([[[1.0 + 1e-9], [0.0]]], tf.float64)
    precise = sparse.SufficientStatistics(
        1e14 * tf.eye(2, batch_shape=[1], dtype=tf.float64), tf.zeros((1, 2), tf.float64)
    )
    _, variance = whitened.marginals(sparse.posterior(precise), v, tf.ones((1, 1), tf.float64))
    close(variance, [[1e-14]], rtol=1e-6)


# A training step.


def with_gradients(by_products, scale, sources):
    """Marginals and KL of v, k_diagonal, y, s2 by products or by solves, and gradients of an uneven sum of them."""
    with tf.GradientTape() as tape:
        tape.watch(sources)
        v, k_diagonal, y, s2 = sources
        stats = sparse.statistics(v, y, s2)
        if by_products:
            q = sparse.posterior(stats, scale)
            outputs = (*whitened.marginals(q, v, k_diagonal), whitened.kl(q))
        else:
            outputs = sparse_forms.by_solves(stats, scale, v, k_diagonal)
        value = tf.add_n([tf.reduce_sum(tf.sin(output)) for output in outputs])
    return [*outputs, *tape.gradient(value, sources)]


@pytest.mark.parametrize("scale", SCALES)
def test_products_give_what_solves_give(problem, scale):
    sources = [problem.v, problem.k_diagonal, tf.constant(problem.y), tf.constant(problem.s2)]
    for a, b in zip(with_gradients(True, scale, sources), with_gradients(False, scale, sources), strict=True):
        assert a.shape == b.shape
        close(a, b, rtol=1e-9, atol=1e-11)


def test_precise_data_that_leave_directions_open_cost_no_digits():
    """B has eigenvalues of 1, as m > b, and of 1e8: by B^-1 itself, gradients of v would be off by 1e-2."""
    rng = np.random.default_rng(0)
    v = tf.constant(0.25 * rng.normal(size=(1, 12, 5)))
    k_diagonal = tf.reduce_sum(tf.square(v), axis=-2) + 0.1
    sources = [v, k_diagonal, tf.constant(rng.normal(size=(2, 5))), tf.fill((2, 5), tf.constant(1e-6, tf.float64))]
    for a, b in zip(with_gradients(True, 100.0, sources), with_gradients(False, 100.0, sources), strict=True):
        close(a, b, rtol=0.0, atol=1e-7 * np.abs(b).max())

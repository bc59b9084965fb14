"""The low-rank GP of Casale et al. against explicit N x N matrices, autodiff and the original program's numbers."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.gp import low_rank
from tests.reference import golden
from tests.reference.golden import deviation

TOLERANCE = 1e-9
NEW_OBJECTS = np.array([[0.4, -1.1, 0.6], [1.0, 0.2, -0.3], [-0.7, 0.5, 0.9], [0.0, 0.8, 1.2]])
NEW_VIEWS = np.array([0.3, 2.0, 4.4, 1.3])


def view_kernel(w, other, length_scale=1.0):
    """exp(-2 sin^2((w - w') / 2) / l^2)."""
    return np.exp(-2.0 * np.sin(0.5 * np.subtract.outer(w, other)) ** 2 / length_scale**2)


def factor(grid, views, objects) -> np.ndarray:
    chol = np.linalg.cholesky(view_kernel(grid, grid))
    return low_rank.factor(tf.constant(chol), tf.constant(view_kernel(grid, views)), tf.constant(objects)).numpy()


def dense_negative_log_prior(v, alpha, z):
    """In TensorFlow, for its gradients; an oracle with K itself."""
    k = v @ tf.transpose(v) + alpha * tf.eye(v.shape[0], dtype=tf.float64)
    quadratic = tf.reduce_sum(z * tf.linalg.solve(k, z))
    return 0.5 * (quadratic + z.shape[1] * (tf.linalg.logdet(k) + v.shape[0] * np.log(2.0 * np.pi)))


@pytest.fixture(scope="module", params=["more data than features", "fewer data than features"])
def problem(request):
    """Objects times views with gaps; three channels."""
    rng = np.random.default_rng(3)
    num_objects = 9 if request.param.startswith("more") else 3
    grid = np.array([0.0, 1.3, 2.6, 4.4])
    table = rng.normal(size=(num_objects, 3))
    ids, columns = np.nonzero(rng.uniform(size=(num_objects, 4)) < 0.8)
    objects, views = table[ids], grid[columns]
    v = factor(grid, views, objects)
    assert (len(v) > v.shape[1]) == request.param.startswith("more")
    z, alpha = rng.normal(size=(len(ids), 3)), 0.2
    latent = (objects @ objects.T) * view_kernel(views, views)  # K_NN without noise, without V
    return {
        "grid": grid, "objects": objects, "views": views, "v": v, "z": z, "alpha": alpha, "latent": latent,
        "K": latent + alpha * np.eye(len(ids)), "variance": rng.uniform(0.1, 2.0, z.shape),
    }  # fmt: skip


def negative_log_prior(k, z) -> float:
    """In numpy, sum over channels."""
    log_determinant = np.linalg.slogdet(2.0 * np.pi * k)[1]
    return 0.5 * sum(column @ np.linalg.inv(k) @ column + log_determinant for column in z.T)


def test_factor_gives_the_kernel_on_grid_views(problem):
    assert deviation(problem["v"] @ problem["v"].T, problem["latent"]) < TOLERANCE


def test_factor_gives_the_kernel_between_grid_views_and_others(problem):
    cross = (NEW_OBJECTS @ problem["objects"].T) * view_kernel(NEW_VIEWS, problem["views"])
    v_new = factor(problem["grid"], NEW_VIEWS, NEW_OBJECTS)
    assert deviation(v_new @ problem["v"].T, cross) < TOLERANCE


def test_factor_is_the_kronecker_product_of_objects_and_the_cholesky_factor():
    grid, table = np.array([0.0, 1.0, 2.5]), np.array([[1.0, 0.5], [-0.3, 1.2]])
    expected = np.kron(table, np.linalg.cholesky(view_kernel(grid, grid)))
    assert deviation(factor(grid, np.tile(grid, 2), np.repeat(table, 3, axis=0)), expected) < TOLERANCE


def sums(v, z, variance=None) -> low_rank.SufficientStatistics:
    """Sums of known latents, or of uncertain ones."""
    return low_rank.statistics(tf.constant(v), tf.constant(z), tf.constant(0.0 * z if variance is None else variance))


def test_sums_of_parts_add_up(problem):
    whole = sums(problem["v"], problem["z"], problem["variance"])
    parts = [sums(*(problem[name][part] for name in ("v", "z", "variance"))) for part in (slice(4), slice(4, None))]
    for value, one, two in zip(whole, *parts, strict=True):
        assert deviation(one + two, value) < TOLERANCE


def test_negative_log_prior_agrees(problem):
    value = float(low_rank.expected_negative_log_prior(sums(problem["v"], problem["z"]), problem["alpha"]))
    assert value == pytest.approx(negative_log_prior(problem["K"], problem["z"]), rel=TOLERANCE)


def test_expected_negative_log_prior_agrees(problem):
    """E[z^T K^-1 z] = tr(K^-1 E[z z^T])."""
    mean, variance = problem["z"], problem["variance"]
    log_determinant = np.linalg.slogdet(2.0 * np.pi * problem["K"])[1]
    moments = [np.outer(m, m) + np.diag(s2) for m, s2 in zip(mean.T, variance.T, strict=True)]
    expected = 0.5 * sum(np.trace(np.linalg.solve(problem["K"], moment)) + log_determinant for moment in moments)
    summed = variance.sum(axis=1, keepdims=True)  # channels need not be told apart
    for spread in (variance, summed):
        value = float(low_rank.expected_negative_log_prior(sums(problem["v"], mean, spread), problem["alpha"]))
        assert value == pytest.approx(expected, rel=TOLERANCE)


def test_predictions_agree(problem):
    """Conditional on z, and then averaged over the encoder's Gaussian: cov = G cov(z) G^T + rest, G = K_*N K^-1."""
    v_new = factor(problem["grid"], NEW_VIEWS, NEW_OBJECTS)
    prior = (NEW_OBJECTS @ NEW_OBJECTS.T) * view_kernel(NEW_VIEWS, NEW_VIEWS)
    cross = (NEW_OBJECTS @ problem["objects"].T) * view_kernel(NEW_VIEWS, problem["views"])
    gain = cross @ np.linalg.inv(problem["K"])
    s = sums(problem["v"], problem["z"], problem["variance"])
    q = low_rank.posterior(s, problem["alpha"])
    mean, variance = low_rank.marginals(q, tf.constant(v_new), np.diag(prior))
    joint_mean, covariance = low_rank.joint(q, tf.constant(v_new), prior)
    assert deviation(mean, gain @ problem["z"]) < TOLERANCE
    assert deviation(joint_mean, mean) < TOLERANCE
    for channel, spread in enumerate(problem["variance"].T):
        expected = prior - gain @ cross.T + gain @ np.diag(spread) @ gain.T
        assert deviation(covariance[channel], expected) < TOLERANCE
        assert deviation(variance[:, channel], np.diag(expected)) < TOLERANCE
    assert np.all(variance.numpy() > 0.0)


def test_unexplained_variance_that_rounding_made_negative_counts_as_zero():
    """One feature, alpha = 0.1 and C = 4: (k - v^2) + 0.1 v^2 / 4, the first term not below zero."""
    one = tf.ones((1, 1), tf.float64)
    q = low_rank.LowRankPosterior(2.0 * one, one, tf.zeros((1, 1, 1), tf.float64), tf.constant(0.1, tf.float64))
    _, variance = low_rank.marginals(q, tf.constant([[1.0 + 1e-4], [0.5]], tf.float64), tf.ones(2, tf.float64))
    np.testing.assert_allclose(variance[:, 0], [0.025 * 1.0001**2, 0.75 + 0.025 * 0.25], rtol=1e-12)


# Gradients.


def variables(problem) -> list[tf.Variable]:
    return [tf.Variable(problem[name], dtype=tf.float64) for name in ("z", "v", "alpha")]


def dense_gradients(problem) -> list[tf.Tensor]:
    z, v, alpha = variables(problem)
    with tf.GradientTape() as tape:
        value = dense_negative_log_prior(v, alpha, z)
    return tape.gradient(value, [z, v, alpha])


def test_taylor_coefficients_are_the_gradients_of_the_dense_negative_log_prior(problem):
    coefficients = low_rank.taylor_coefficients(problem["v"], problem["alpha"], problem["z"])
    for value, expected in zip(coefficients, dense_gradients(problem), strict=True):
        assert deviation(value, expected) < TOLERANCE


def test_gradients_of_batches_sum_to_those_of_the_dense_expected_negative_log_prior(problem):
    mean, v, alpha = variables(problem)
    spread = tf.Variable(problem["variance"])
    with tf.GradientTape() as tape:
        k = v @ tf.transpose(v) + alpha * tf.eye(v.shape[0], dtype=tf.float64)
        value = dense_negative_log_prior(v, alpha, mean)
        value += 0.5 * tf.reduce_sum(tf.linalg.diag_part(tf.linalg.inv(k))[:, None] * spread)
    variables_ = [mean, v, alpha, spread]
    expected = tape.gradient(value, variables_)
    whole = low_rank.statistics(v, mean, spread)
    order = np.random.default_rng(0).permutation(len(problem["z"]))
    got = [0.0] * 4
    for index in np.split(order, [4, 7]):  # three batches of unequal sizes
        with tf.GradientTape() as tape:
            at, slopes, d_alpha = low_rank.expand(whole, alpha)
            part = low_rank.statistics(*(tf.gather(x, index) for x in (v, mean, spread)))
            term = low_rank.linear_term(slopes, d_alpha, part, alpha, len(index) / len(order))
        got = [a + tf.convert_to_tensor(b) for a, b in zip(got, tape.gradient(term, variables_), strict=True)]
    assert float(at) == pytest.approx(float(value), rel=TOLERANCE)
    for one, two in zip(got, expected, strict=True):
        assert deviation(one, two) < TOLERANCE


def test_what_is_expanded_is_constant(problem):
    z, v, alpha = variables(problem)
    with tf.GradientTape() as tape:
        value, slopes, d_alpha = low_rank.expand(low_rank.statistics(v, z, 0.0 * z), alpha)
        total = value + d_alpha + sum(tf.reduce_sum(part) for part in slopes)
    assert tape.gradient(total, [z, v, alpha]) == [None, None, None]


def taylor_value(coefficients, z, v, alpha) -> float:
    a, b, c = coefficients
    return float(tf.reduce_sum(z * a) + tf.reduce_sum(v * b) + alpha * c)


def test_taylor_coefficients_at_their_own_expansion_point(problem):
    """<z, a> + <V, B> + alpha c = L N - alpha c, since V V^T = K - alpha I."""
    z, v, alpha = (problem[name] for name in ("z", "v", "alpha"))
    coefficients = low_rank.taylor_coefficients(v, alpha, z)
    expected = z.size - alpha * float(coefficients.c)
    assert taylor_value(coefficients, z, v, alpha) == pytest.approx(expected, rel=TOLERANCE)


def test_shapes_may_be_unknown_in_a_graph(problem):
    function = tf.function(
        lambda v, z: low_rank.taylor_coefficients(v, 0.2, z).b,
        input_signature=[tf.TensorSpec([None, None], tf.float64), tf.TensorSpec([None, None], tf.float64)],
    )
    expected = low_rank.taylor_coefficients(problem["v"], 0.2, problem["z"]).b
    assert deviation(function(problem["v"], problem["z"]), expected) < TOLERANCE


def test_small_noise_and_repeated_rows_stay_finite(problem):
    v, z = np.repeat(problem["v"], 2, axis=0), np.repeat(problem["z"], 2, axis=0)
    coefficients = low_rank.taylor_coefficients(v, 1e-6, z)
    assert all(np.all(np.isfinite(part)) for part in coefficients)
    assert np.isfinite(low_rank.expected_negative_log_prior(sums(v, z), 1e-6))


# The worked example: two objects, three views, the last pair missing.


def test_worked_example_agrees():
    grid, table = 2.0 * np.pi / 3.0 * np.arange(3), np.array([[1.0, 0.5], [-0.3, 1.2]])
    v = factor(grid, np.tile(grid, 2)[:5], np.repeat(table, 3, axis=0)[:5])
    z = np.array([0.3, -0.5, 0.8, 0.1, -0.9])[:, np.newaxis]
    coefficients = low_rank.taylor_coefficients(v, 0.1, z)
    a = [0.1707269904, -0.4309996469, 0.6663286926, 0.1322945296, -0.5349053576]
    first_row = [0.7722474844, -0.1464859580, -0.2394763293, 0.1929856587, 0.0845051393, -0.1197381647]
    assert deviation(coefficients.a[:, 0], a) < 1e-9
    assert deviation(coefficients.b[0], first_row) < 1e-9
    assert float(coefficients.c) == pytest.approx(1.4155173100, abs=1e-9)
    assert taylor_value(coefficients, z, v, 0.1) == pytest.approx(4.8584482690, abs=1e-9)
    value = float(low_rank.expected_negative_log_prior(sums(v, z), 0.1))
    assert value - 2.5 * np.log(2.0 * np.pi) == pytest.approx(1.4635217175, abs=1e-9)


# The original program's numbers; its coefficients are per channel.


@pytest.fixture(scope="module")
def case():
    case = golden.random()
    case["grid"] = np.unique(case["cas_ang"])
    case["V"] = factor(case["grid"], case["cas_ang"], case["cas_ov"][case["cas_ids"].astype(int)])
    return case


def test_original_factor_agrees(case):
    assert deviation(case["V"], case["cas_V"]) < 1e-6


def test_original_taylor_coefficients_agree(case):
    coefficients = low_rank.taylor_coefficients(case["V"], case["cas_alpha"], case["cas_Z"])
    assert deviation(coefficients.a, case["cas_a"].T) < 1e-6
    assert deviation(coefficients.b, np.sum(case["cas_B"], axis=0)) < 1e-6
    assert float(coefficients.c) == pytest.approx(float(np.sum(case["cas_c"])), rel=1e-6)


def test_original_taylor_coefficients_agree_channel_by_channel(case):
    for channel, z in enumerate(case["cas_Z"].T):
        coefficients = low_rank.taylor_coefficients(case["V"], case["cas_alpha"], z[:, np.newaxis])
        assert deviation(coefficients.b, case["cas_B"][channel]) < 1e-6
        assert float(coefficients.c) == pytest.approx(float(case["cas_c"][channel]), rel=1e-6)


def test_original_predictions_agree(case):
    objects, views = case["cas_ov"][case["cas_te"][:, 0].astype(int)], case["cas_te"][:, 1]
    v_new = factor(case["grid"], views, objects)
    prior = np.sum(objects**2, axis=1)
    q = low_rank.posterior(sums(case["V"], case["cas_Z"]), case["cas_alpha"])
    mean, _ = low_rank.marginals(q, tf.constant(v_new), prior)
    assert deviation(mean, case["cas_pred"]) < 1e-6

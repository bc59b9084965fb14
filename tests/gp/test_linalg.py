"""Cholesky factors, solves and determinants."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.gp import linalg

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


def test_a_root_gives_a_covariance_back(matrix):
    root = linalg.semidefinite_root(tf.constant(matrix)).numpy()
    close(root @ np.swapaxes(root, -1, -2), matrix, atol=2e-6 * np.max(matrix))


def test_a_root_of_what_rounding_made_indefinite_leaves_the_negative_part_out():
    vectors = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    indefinite, positive = (vectors @ np.diag(values) @ vectors.T for values in ([4.0, 1.0, -1e-3], [4.0, 1.0, 0.0]))
    root = linalg.semidefinite_root(tf.constant([indefinite])).numpy()[0]
    close(root @ root.T, positive, atol=2e-5)


@pytest.mark.parametrize("axis", [-1, -2, (-2, -1)])
def test_sum_of_squares_runs_along_the_axis(matrix, axis):
    close(linalg.sum_of_squares(tf.constant(matrix), axis), np.sum(matrix**2, axis=axis), rtol=1e-14)


# Products, and gradients of our own.


def numeric_gradient(function, x, direction, step=1e-6):
    return (function(x + step * direction) - function(x - step * direction)) / (2.0 * step)


def symmetric(rng, *shape):
    half = rng.normal(size=shape)
    return half @ np.swapaxes(half, -1, -2) + np.eye(shape[-1])


@pytest.mark.parametrize("jitter", [0.0, 0.1])
def test_inverse_cholesky_whitens(jitter):
    a = symmetric(np.random.default_rng(0), 3, 4, 4)
    r = linalg.inverse_cholesky(tf.constant(a), jitter)
    close(r @ linalg.cholesky(tf.constant(a), jitter), np.broadcast_to(np.eye(4), (3, 4, 4)), atol=1e-13)


@pytest.mark.parametrize("jitter", [0.0, 0.1])
def test_gradient_of_the_inverse_cholesky_factor(jitter):
    rng = np.random.default_rng(1)
    a, direction = tf.constant(symmetric(rng, 2, 4, 4)), tf.constant(symmetric(rng, 2, 4, 4))
    weights = tf.constant(rng.normal(size=(2, 4, 4)))

    def function(matrix):
        return tf.reduce_sum(weights * tf.sin(linalg.inverse_cholesky(matrix, jitter)))

    with tf.GradientTape() as tape:
        tape.watch(a)
        value = function(a)
    close(tf.reduce_sum(tape.gradient(value, a) * direction), numeric_gradient(function, a, direction), rtol=1e-6)


WHITENED_SHAPES = [((4, 4), (4, 6)), ((3, 4, 4), (1, 4, 6)), ((1, 4, 4), (2, 1, 4, 6)), ((3, 4, 4), (2, 1, 4, 6))]


@pytest.mark.parametrize("jitter", [0.0, 0.1])
@pytest.mark.parametrize(("matrix_shape", "right_shape"), WHITENED_SHAPES)
def test_whitening_and_its_gradients_broadcast(matrix_shape, right_shape, jitter):
    rng = np.random.default_rng(8)
    k_mm, k_mn = tf.constant(symmetric(rng, *matrix_shape)), tf.constant(rng.normal(size=right_shape))

    def plain(k_mm, k_mn):
        half = 0.5 * (k_mm + tf.linalg.matrix_transpose(k_mm))  # the gradient is that of a symmetric matrix
        return tf.linalg.matmul(tf.linalg.inv(linalg.cholesky(half, jitter)), k_mn)

    results = []
    for function in (lambda *k: linalg.whiten(*k, jitter), plain):
        with tf.GradientTape() as tape:
            tape.watch([k_mm, k_mn])
            product = function(k_mm, k_mn)
            value = tf.reduce_sum(tf.sin(product) * tf.range(6.0, dtype=tf.float64))
        of_matrix, of_right = tape.gradient(value, [k_mm, k_mn])
        results.append([product, 0.5 * (of_matrix + tf.linalg.matrix_transpose(of_matrix)), of_right])
    for a, b in zip(*results, strict=True):
        assert a.shape == b.shape
        close(a, b, rtol=1e-11, atol=1e-11)


def test_the_gradient_of_whitening_is_that_of_close_inducing_points():
    """|v|^2 = k_m^T K_mm^-1 k_m depends on K_mm by -a a^T with a = K_mm^-1 k_m, however large the inverse is."""
    z = np.repeat(np.linspace(-1.0, 1.0, 8), 4)[:, np.newaxis]
    x = np.linspace(-0.9, 0.9, 5)[:, np.newaxis]
    k_mm, k_mn = (tf.constant(np.exp(-0.5 * ((z - other.T) / 3.0) ** 2)) for other in (z, x))
    with tf.GradientTape() as tape:
        tape.watch(k_mm)
        explained = tf.reduce_sum(tf.square(linalg.whiten(k_mm, k_mn, linalg.JITTER)))
    gradient = tape.gradient(explained, k_mm).numpy()
    a = np.linalg.solve(k_mm.numpy() + linalg.JITTER * np.eye(32), k_mn.numpy())
    true = -a @ a.T
    true += linalg.JITTER * np.trace(true) / 32 * np.eye(32)
    close(0.5 * (gradient + gradient.T), true, atol=1e-7 * np.max(np.abs(true)))


def test_a_solution_by_the_root_and_its_gradients():
    rng = np.random.default_rng(9)
    a, b = tf.constant(symmetric(rng, 2, 4, 4)), tf.constant(rng.normal(size=(2, 4)))
    weights = rng.normal(size=(2, 4))
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        x = linalg.solve_by_root(a, linalg.inverse_cholesky(a, 0.0), b)
        value = tf.reduce_sum(weights * x)
    of_matrix, of_vector = tape.gradient(value, [a, b])
    inverse = np.linalg.inv(a.numpy())
    expected, h = (np.einsum("lij,lj->li", inverse, vector) for vector in (b.numpy(), weights))
    close(x, expected, rtol=1e-12)
    close(of_vector, h, rtol=1e-12)
    outer = np.einsum("li,lj->lij", h, expected)
    close(of_matrix, -0.5 * (outer + np.swapaxes(outer, -1, -2)), rtol=1e-11, atol=1e-13)


SHAPES = [((5, 7), (3, 7)), ((1, 5, 7), (3, 7)), ((3, 5, 7), (3, 7)), ((2, 1, 5, 7), (2, 3, 7)), ((1, 5, 7), (2, 3, 7))]


@pytest.mark.parametrize(("v_shape", "weight_shape"), SHAPES)
def test_weighted_gram_and_its_gradients_broadcast(v_shape, weight_shape):
    rng = np.random.default_rng(2)
    v, weight = tf.constant(rng.normal(size=v_shape)), tf.constant(rng.uniform(size=weight_shape))

    def plain(v, weight):
        return tf.linalg.matmul(v * weight[..., tf.newaxis, :], v, transpose_b=True)

    results = []
    for function in (linalg.weighted_gram, plain):
        with tf.GradientTape() as tape:
            tape.watch([v, weight])
            product = function(v, weight)
            value = tf.reduce_sum(tf.sin(product) * tf.range(5.0, dtype=tf.float64))
        results.append([product, *tape.gradient(value, [v, weight])])
    for a, b in zip(*results, strict=True):
        assert a.shape == b.shape
        close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("v_shape", [(7, 5), (1, 7, 5), (3, 7, 5), (2, 1, 7, 5)])
def test_channels_are_multiplied_by_a_transposed_matrix(v_shape):
    rng = np.random.default_rng(7)
    a, v = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=v_shape)
    product = linalg.channel_matmul(tf.constant(a), tf.constant(v), transpose_v=True)
    close(product, a @ np.swapaxes(v, -1, -2), rtol=1e-13, atol=1e-13)
    shift = linalg.channel_vecmat(tf.constant(a[..., 0, :]), tf.constant(v), transpose_v=True)
    close(shift, (a[..., :1, :] @ np.swapaxes(v, -1, -2))[..., 0, :], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("axis", [-1, -2, (-2, -1)])
def test_sum_of_squares_and_its_gradient(axis):
    x = tf.constant(np.random.default_rng(3).normal(size=(2, 3, 4)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = linalg.sum_of_squares(x, axis)
        value = tf.reduce_sum(tf.sin(total))
    close(total, np.sum(x.numpy() ** 2, axis=axis), rtol=1e-14)
    upstream = np.expand_dims(np.cos(total), axis)
    close(tape.gradient(value, x), 2.0 * x.numpy() * upstream, rtol=1e-13)


@pytest.mark.parametrize("in_graph", [False, True])
def test_second_derivatives_are_right(in_graph):
    rng = np.random.default_rng(4)
    v = tf.constant(rng.normal(size=(1, 4, 6)))
    x, direction = tf.constant(rng.uniform(0.5, 1.5, (2, 6))), tf.constant(rng.normal(size=(2, 6)))

    def first(weight):
        with tf.GradientTape() as tape:
            tape.watch(weight)
            gram = linalg.weighted_gram(v, weight) + tf.eye(4, dtype=tf.float64)
            root, whitened = linalg.inverse_cholesky(gram, 1e-3), linalg.whiten(gram, tf.square(v), 1e-3)
            solution = linalg.solve_by_root(gram, linalg.inverse_cholesky(gram, 0.0), weight[:, :4])
            value = sum(tf.reduce_sum(tf.sin(linalg.sum_of_squares(factor, axis=-2))) for factor in (root, whitened))
            value += tf.reduce_sum(tf.sin(solution))
        return tf.reduce_sum(direction * tape.gradient(value, weight))

    def second(weight):
        with tf.GradientTape() as tape:
            tape.watch(weight)
            value = first(weight)
        return tape.gradient(value, weight)

    gradient = tf.function(second)(x) if in_graph else second(x)
    other = tf.constant(rng.normal(size=(2, 6)))
    close(tf.reduce_sum(other * gradient), numeric_gradient(first, x, other), rtol=1e-6)


@pytest.mark.parametrize(("largest", "added"), [(1e13, 0.0), (5e14, 0.0), (1e16, 4.0 * 2.0**-52 * 1e16 - 0.5)])
def test_a_guard_adds_what_rounding_can_have_taken_and_only_where_it_is_half_of_the_least_eigenvalue(largest, added):
    guarded = linalg.guarded(tf.linalg.diag(tf.constant([largest, 1.0], tf.float64)), 1.0)
    np.testing.assert_allclose(guarded[1, 1], 1.0 + added, rtol=1e-9)

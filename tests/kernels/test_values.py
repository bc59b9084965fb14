"""Every kernel against a double loop over the formula of the paper or TFP."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf import kernels
from svgp_vae_tf.kernels import (
    Kernel,
    Matern12,
    Matern32,
    Matern52,
    NormalizedLinear,
    Periodic,
    RationalQuadratic,
    SquaredExponential,
    White,
)
from tests.helpers.kernel_cases import ALL, CASES, COMPOSITES, all_parts, points
from tests.reference import oracles

close = np.testing.assert_allclose


def public_kernels() -> set[type]:
    """All public kernel classes, found by inspection."""
    values = {value for name, value in vars(kernels).items() if isinstance(value, type) and name[0] != "_"}
    return {value for value in values if issubclass(value, Kernel)} - {Kernel}


@pytest.mark.parametrize("name", CASES)
def test_matrix_and_diagonal_are_those_of_the_double_loop(name, x, z):
    make, function = CASES[name]
    close(make().matrix(x, z), oracles.gram(function, x, z), rtol=1e-10, atol=1e-14)
    close(make().diagonal(x), np.diag(oracles.gram(function, x, x)), rtol=1e-10)


@pytest.mark.parametrize("name", COMPOSITES)
def test_composites_are_those_of_the_double_loop(name, x, z):
    make, function = COMPOSITES[name]
    close(make().matrix(x, z), oracles.gram(function, x, z), rtol=1e-10, atol=1e-14)
    close(make().diagonal(x), np.diag(oracles.gram(function, x, x)), rtol=1e-10)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("columns", [[0, 1, 3], [3, 0, 2], [-1, 0, 1], [1, 2, 3], [-3, -2, -1]])
def test_a_kernel_sees_its_columns_only(name, columns):
    make, function = CASES[name]
    a, b = points(4, 4), points(3, 4, seed=1)
    kernel = make(columns=columns)
    close(kernel.matrix(a, b), oracles.gram(oracles.on_columns(function, columns), a, b), rtol=1e-10, atol=1e-14)
    others = [c for c in range(4) if c not in [column % 4 for column in columns]]
    changed = a.copy()
    changed[:, others] += 10.0
    close(kernel.matrix(changed, b), kernel.matrix(a, b), rtol=1e-12)


@pytest.mark.parametrize("columns", [[3, 0], [1, 2], [-1, 1], [-2, -1], [2]])
def test_columns_are_found_where_a_graph_does_not_know_how_many_there_are(columns):
    a, b = points(4, 4), points(3, 4, seed=1)
    kernel = SquaredExponential(0.7, columns=columns)
    matrix = tf.function(kernel.matrix, input_signature=[tf.TensorSpec((None, None), tf.float64)] * 2)
    close(matrix(tf.constant(a), tf.constant(b)), kernel.matrix(a, b), rtol=1e-14)


@pytest.mark.parametrize("name", ALL)
def test_call_and_tfp_kernel_give_the_matrix(name, x, z):
    kernel = ALL[name]()
    close(kernel(tf.constant(x), tf.constant(z)), kernel.matrix(x, z), rtol=1e-14)
    close(kernel.psd_kernel().matrix(tf.constant(x), tf.constant(z)), kernel.matrix(x, z), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_matrices_are_positive_semi_definite_and_symmetric(name):
    many = points(12)
    many[5] = many[4]  # and a repeated input
    matrix = ALL[name]().matrix(many, many).numpy()
    close(matrix, matrix.T, rtol=1e-12, atol=1e-14)
    assert np.linalg.eigvalsh(matrix).min() > -1e-10 * np.trace(matrix)


def test_the_cases_cover_every_kernel():
    assert {type(part) for make in ALL.values() for part in all_parts(make())} == public_kernels()


@pytest.mark.parametrize("name", ALL)
def test_leading_axes_are_batches(name):
    kernel = ALL[name]()
    a, b = points(10).reshape(2, 5, 3), points(4, seed=1)
    batched = kernel.matrix(a, b[np.newaxis])
    assert batched.shape == (2, 5, 4)
    for i in (0, 1):
        close(batched[i], kernel.matrix(a[i], b), rtol=1e-12, atol=1e-15)
        close(kernel.diagonal(a)[i], kernel.diagonal(a[i]), rtol=1e-12)


@pytest.mark.parametrize("make", [SquaredExponential, Matern12, Matern32, Matern52, RationalQuadratic])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_close_points_far_from_the_origin_keep_a_positive_definite_matrix(make, offset):
    """Time stamps: the distances count, however large the inputs are in units of the length scale."""
    near = np.array([0.0, 0.0, 900.0, 1800.0, 1e5])[:, np.newaxis]
    kernel = make(length_scale=3600.0)
    matrix = kernel.matrix(near + offset, near + offset).numpy()
    close(matrix, kernel.matrix(near, near), rtol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12


@pytest.mark.parametrize("length_scale", [0.1, 1.0])
@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_a_periodic_kernel_far_from_the_origin_loses_no_digits(offset, length_scale):
    near = np.array([0.0, 0.0, 0.25, 0.5, 1.75, 100.0])[:, np.newaxis]
    kernel = Periodic(period=1.5, length_scale=length_scale)
    matrix = kernel.matrix(near + offset, near + offset).numpy()
    close(matrix, kernel.matrix(near, near), rtol=1e-12, atol=1e-14)
    close(matrix, oracles.gram(oracles.periodic(1.5, length_scale), near, near), rtol=1e-9, atol=1e-14)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12


@pytest.mark.parametrize("make", [Matern12, Matern32, Matern52, SquaredExponential, RationalQuadratic])
def test_a_tiny_length_scale_gives_a_positive_definite_matrix(make):
    many = points(20)
    many[10:] = many[:10]
    matrix = make(length_scale=1e-3).matrix(many, many).numpy()
    close(matrix, np.tile(np.eye(10), (2, 2)), atol=1e-3)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12


def test_a_zero_vector_has_cosine_similarity_zero_with_all():
    matrix = NormalizedLinear().matrix(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [4.0, 3.0]]))
    close(matrix, [[0.0, 0.0], [0.0, 24.0 / 25.0]], rtol=1e-14)


def test_white_noise_is_equal_at_inputs_that_agree_in_all_columns():
    x, z = np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[0.0, 2.0], [2.0, 3.0]])
    np.testing.assert_array_equal(White(2.0).matrix(x, z), [[0.0, 0.0], [0.0, 4.0]])

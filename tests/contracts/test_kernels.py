"""What every kernel promises: a covariance function with its own parameters, in and out of graphs and files."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.kernels import Kernel, SquaredExponential
from tests.helpers.contract_checks import assert_same, moved, refused, serialized_copy, unknown_sizes
from tests.helpers.contract_parts import KERNELS

RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(7, 3)), RNG.normal(size=(4, 3))
# TFP takes |x - z|^2 to a power below one, whose derivative at zero is infinite; times zero, that is not a number
INFINITE_AT_COINCIDENT_POINTS = {"wrapped"}
WITHOUT_GRADIENT_IN_INPUTS = {"constant", "white"}  # their values do not depend on where inputs are
each_kernel = pytest.mark.parametrize("name", KERNELS)


def total_and_gradients(kernel: Kernel, x: tf.Tensor, z: tf.Tensor) -> list[tf.Tensor | None]:
    """A weighted sum of covariances, and its gradients with respect to inputs and parameters."""
    with tf.GradientTape() as tape:
        tape.watch([x, z])
        weights = tf.cos(tf.range(tf.shape(z)[-2], dtype=tf.float64))
        total = tf.reduce_sum(kernel.matrix(x, z) * weights)
    found = tape.gradient(total, [x, z, *kernel.trainable_weights], unconnected_gradients="zero")
    return [total, *(tf.convert_to_tensor(gradient) for gradient in found)]


@each_kernel
def test_a_matrix_is_symmetric_and_positive_semi_definite(name):
    kernel = KERNELS[name]()
    matrix = kernel.matrix(X, X).numpy()
    assert matrix.dtype == np.float64
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-13)
    assert np.linalg.eigvalsh(matrix + 1e-10 * np.trace(matrix) * np.eye(len(X))).min() > 0
    np.linalg.cholesky(matrix + 1e-10 * np.trace(matrix) * np.eye(len(X)))


@each_kernel
def test_diagonal_is_the_diagonal_of_the_matrix(name):
    kernel = KERNELS[name]()
    np.testing.assert_allclose(kernel.diagonal(X), np.diag(kernel.matrix(X, X)), rtol=1e-13)
    np.testing.assert_allclose(kernel(X, Z), kernel.matrix(Z, X).numpy().T, rtol=1e-13)


@each_kernel
def test_channels_have_parameters_of_their_own_and_an_axis_before_the_matrix(name):
    kernel = moved(KERNELS[name](num_latents=2))
    for x, leading in ((X[None], (2,)), (np.stack([X[None], X[None] + 1.0]), (2, 2))):
        assert kernel.matrix(x, Z[None]).shape == (*leading, 7, 4)
        assert kernel.diagonal(x).shape == (*leading, 7)
    one = kernel.matrix(X[None], Z[None])
    for channel in range(2):
        alone = KERNELS[name]()
        alone.set_weights([weight[channel] for weight in kernel.get_weights()])
        np.testing.assert_allclose(one[channel], alone.matrix(X, Z), rtol=1e-13)
    kernel.validate_latents(2)
    assert "num_latents" in refused(lambda: kernel.validate_latents(3))


@each_kernel
def test_columns_select_features(name):
    chosen = KERNELS[name](columns=[2, 0])
    np.testing.assert_allclose(chosen.matrix(X, Z), KERNELS[name]().matrix(X[:, [2, 0]], Z[:, [2, 0]]), rtol=1e-13)
    np.testing.assert_allclose(chosen.diagonal(X), KERNELS[name]().diagonal(X[:, [2, 0]]), rtol=1e-13)
    assert "column" in refused(lambda: KERNELS[name](columns=[3]).matrix(X, Z))


@each_kernel
def test_a_kernel_that_is_not_trainable_has_no_trainable_weights(name):
    assert KERNELS[name](trainable=False).trainable_weights == []
    assert len(KERNELS[name](trainable=False).weights) == len(KERNELS[name]().trainable_weights) > 0


@each_kernel
def test_gradients_reach_every_parameter_and_are_finite_at_coincident_points(name):
    kernel = KERNELS[name]()
    together = tf.constant(np.concatenate([X[:2], X[:2], np.zeros((2, 3))]))
    pairs = [(tf.constant(X), tf.constant(np.concatenate([Z, X[:2]]))), (together, together)]
    if name in INFINITE_AT_COINCIDENT_POINTS:
        pairs = [(tf.constant(X), tf.constant(Z))]
    for x, z in pairs:
        _, of_x, of_z, *of_parameters = total_and_gradients(kernel, x, z)
        for gradient in (of_x, of_z, *of_parameters):
            assert np.isfinite(gradient).all()
        assert all(np.any(gradient) for gradient in of_parameters)
    if name not in WITHOUT_GRADIENT_IN_INPUTS:
        assert np.any(total_and_gradients(kernel, tf.constant(X), tf.constant(Z))[1])


@each_kernel
def test_sums_and_products_with_another_kernel_are_elementwise(name):
    kernel, other = KERNELS[name](), SquaredExponential(1.7, columns=[1])
    matrices = kernel.matrix(X, Z), other.matrix(X, Z)
    for combined, expected in (
        (kernel + other, matrices[0] + matrices[1]),
        (other * kernel, matrices[0] * matrices[1]),
    ):
        np.testing.assert_allclose(combined.matrix(X, Z), expected, rtol=1e-13)
        assert len(combined.trainable_weights) == len(kernel.weights) + len(other.weights)


@each_kernel
@pytest.mark.parametrize("options", [{}, {"columns": [1, 0], "num_latents": 2}])
def test_a_copy_from_the_configuration_gives_the_same_matrix(name, options):
    kernel = moved(KERNELS[name](**options))
    copy = serialized_copy(kernel)
    assert_same(kernel.matrix(X[None], Z[None]), copy.matrix(X[None], Z[None]), 0.0)
    assert {key: float(tf.reduce_sum(value)) for key, value in kernel.parameters.items()} == {
        key: float(tf.reduce_sum(value)) for key, value in copy.parameters.items()
    }


@each_kernel
def test_graphs_of_unknown_sizes_give_the_eager_values_and_gradients(name):
    kernel = KERNELS[name]()
    inputs = tf.constant(X), tf.constant(Z)
    signature = [unknown_sizes(value, 1) for value in inputs]
    compiled = tf.function(lambda x, z: total_and_gradients(kernel, x, z), input_signature=signature, autograph=False)
    for rows in (7, 3):
        x, z = inputs[0][:rows], inputs[1][: rows - 2]
        assert_same(total_and_gradients(kernel, x, z), compiled(x, z), 1e-12)

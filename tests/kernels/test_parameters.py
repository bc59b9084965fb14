"""Parameters of kernels: one set per latent channel, names, gradients."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.kernels import (
    Constant,
    Linear,
    Matern12,
    Matern32,
    Matern52,
    NormalizedLinear,
    Periodic,
    RationalQuadratic,
    SquaredExponential,
    White,
)
from tests.helpers.kernel_cases import ALL, CASES, points, raw_parameters

close = np.testing.assert_allclose


@pytest.mark.parametrize("name", CASES)
def test_parameters_per_channel_start_equal_and_move_apart(name, x, z):
    make, _ = CASES[name]
    kernel, shared = make(num_latents=2), make()
    a, b = x[np.newaxis], z[np.newaxis]
    if not kernel._raw:  # without parameters there is nothing to tell channels apart
        close(kernel.matrix(a, b)[0], shared.matrix(x, z), rtol=1e-12)
        return
    matrix = kernel.matrix(a, b)
    assert matrix.shape == (2, 5, 4)
    assert kernel.diagonal(a).shape == (2, 5)
    for channel in (0, 1):
        close(matrix[channel], shared.matrix(x, z), rtol=1e-12, atol=1e-15)
    for raw in kernel._raw.values():
        raw.assign(raw.value + np.array([0.0, 0.5]).reshape(2, *[1] * (len(raw.shape) - 1)))
    moved = kernel.matrix(a, b)
    close(moved[0], matrix[0], rtol=1e-12, atol=1e-15)
    assert np.abs(moved[1] - matrix[1]).max() > 1e-3


def test_initial_values_may_differ_by_channel(x):
    kernel = SquaredExponential(length_scale=1.0, amplitude=1.0, num_latents=2)
    kernel._raw["amplitude"].assign(np.log([1.0, 3.0]))
    close(kernel.diagonal(x[np.newaxis])[:, 0], [1.0, 9.0], rtol=1e-12)


def test_composites_join_shared_parts_and_parts_per_channel(x):
    kernel = Periodic(columns=[0]) * Linear(amplitude=1.3, columns=[1, 2], num_latents=2) + White(0.5)
    matrix = kernel.matrix(x[np.newaxis, np.newaxis], x[np.newaxis])
    assert kernel.num_latents == 2
    assert matrix.shape == (1, 2, 5, 5)
    close(tf.linalg.diag_part(matrix), kernel.diagonal(x[np.newaxis, np.newaxis]), rtol=1e-12)


def test_parameters_of_composites_have_a_name_by_part():
    kernel = Periodic(length_scale=0.5) * (Linear(2.0) + Constant(3.0))
    values = {name: float(value) for name, value in kernel.parameters.items()}
    assert values == pytest.approx({"0.length_scale": 0.5, "1.0.slope_amplitude": 2.0, "1.1.amplitude": 3.0})


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_has_a_finite_gradient_other_than_zero(name, x, z):
    kernel = ALL[name]()
    raw = raw_parameters(kernel)
    if name.startswith("wrapped"):  # TFP cannot differentiate its GammaExponential at coincident points
        z = points(4, seed=1)
    assert len(raw) == len(kernel.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(kernel.matrix(x, z) * points(5, 4, seed=2)) if raw else tf.constant(0.0)
    for parameter, gradient in zip(raw, tape.gradient(loss, list(raw.values())), strict=True):
        assert np.isfinite(gradient).all() and np.all(np.abs(gradient) > 1e-8), parameter


@pytest.mark.parametrize("name", ["squared_exponential", "matern32", "periodic", "normalized_linear", "linear"])
def test_gradients_are_those_of_finite_differences(name, x, z):
    kernel = ALL[name]()
    weights = points(5, 4, seed=2)

    def loss(inputs):
        return tf.reduce_sum(kernel.matrix(inputs, z) * weights)

    moved = tf.constant(x + 0.1)
    with tf.GradientTape() as tape:
        tape.watch(moved)
        value = loss(moved)
    gradient = tape.gradient(value, moved).numpy()
    step = np.zeros_like(x)
    step[1, 2] = 1e-5
    close(gradient[1, 2], float(loss(moved + step) - loss(moved - step)) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize(
    "make", [SquaredExponential, Matern12, Matern32, Matern52, RationalQuadratic, Periodic, NormalizedLinear, Linear]
)
@pytest.mark.parametrize("kwargs", [{}, {"num_latents": 2}])
def test_gradients_are_finite_for_coincident_points_and_at_zero(make, kwargs):
    kernel = make(**kwargs)
    inputs = tf.constant([[[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(kernel.matrix(inputs, inputs)) + tf.reduce_sum(kernel.diagonal(inputs))
    sources = [inputs, *raw_parameters(kernel).values()]
    for gradient in tape.gradient(loss, sources, unconnected_gradients="zero"):
        assert np.isfinite(gradient).all()

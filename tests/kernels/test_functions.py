"""Draws of prior functions: their features estimate the kernel, and the draws have its covariance."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf import kernels
from svgp_vae_tf.kernels import functions
from svgp_vae_tf.kernels.functions import PriorFunctions, can_draw
from tests.helpers.contract_parts import KERNELS
from tests.helpers.kernel_cases import points

DRAWN = [name for name in KERNELS if name != "wrapped"]
WIDTH = 3
COMPOSITES = {
    "ard": lambda: kernels.Matern52([0.5, 2.0], columns=[0, 2]),
    "two_stationary": lambda: kernels.Periodic(4.0, 0.8, 1.2, columns=[1]) * kernels.Matern12(0.7, columns=[1]),
    "product_of_sums": lambda: (
        (kernels.SquaredExponential(0.9) + kernels.Constant(0.5)) * (kernels.Linear(0.7) + kernels.Matern32(2.0))
    ),
    "explicit": lambda: kernels.NormalizedLinear(0.8, columns=[0, 1]) * kernels.Linear(1.2, 0.3, columns=[2]),
}


def generators(count: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, i]) for i in range(count)]


def estimate(kernel: kernels.Kernel, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The kernel matrix that the features of one draw give."""
    terms = PriorFunctions(kernel, generators(1), (1,), x.shape[-1])._terms
    products = [tf.linalg.matmul(t._features(x[None]), t._features(z[None]), transpose_b=True) for t in terms]
    return np.sum([np.broadcast_to(p, products[0].shape) for p in products], axis=0)


@pytest.mark.parametrize("name", [name for name in DRAWN if name != "white"])
@pytest.mark.parametrize("num_latents", [None, 2])
def test_features_estimate_the_kernel(name, num_latents, x, z, monkeypatch):
    monkeypatch.setattr(functions, "FREQUENCIES", 100_000)
    kernel = KERNELS[name](num_latents=num_latents)
    for variable in kernel.weights:
        variable.assign(variable.numpy() + (0.0 if num_latents is None else np.array([0.0, 0.3])))
    found, expected = estimate(kernel, x, z), kernel.matrix(x[None], z[None])
    assert found.reshape(-1, len(x), len(z)).shape == expected.shape
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=0.02 * np.max(np.abs(expected)))


@pytest.mark.parametrize("name", COMPOSITES)
def test_features_of_composites_estimate_the_kernel(name, x, z, monkeypatch):
    monkeypatch.setattr(functions, "FREQUENCIES", 100_000)
    kernel = COMPOSITES[name]()
    expected = kernel.matrix(x, z)
    np.testing.assert_allclose(np.squeeze(estimate(kernel, x, z)), expected, atol=0.02 * np.max(np.abs(expected)))


@pytest.mark.parametrize("name", [*DRAWN, "white_product"])
def test_draws_have_the_covariance_of_the_prior_for_few_frequencies(name, x, monkeypatch):
    monkeypatch.setattr(functions, "FREQUENCIES", 16)
    count = 4000
    kernel = kernels.White(0.7) * kernels.Linear(0.8) if name == "white_product" else KERNELS[name]()
    inputs = np.concatenate([x, x[:1]])  # one twice: white noise is the same there
    draws = PriorFunctions(kernel, generators(count), (1,), WIDTH)(inputs[None])[:, 0].numpy()
    expected = kernel.matrix(inputs, inputs).numpy()
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(draws.mean(0), 0.0, atol=6.0 * np.sqrt(np.diag(expected).max() / count))
    assert np.max(np.abs(draws.T @ draws / count - expected) / scale) < 9.0 / np.sqrt(count)


@pytest.mark.parametrize("name", DRAWN)
def test_draws_are_functions_of_each_series_and_channel(name, x):
    f = PriorFunctions(KERNELS[name](), generators(3), (4, 2), WIDTH)
    series = np.stack([points(5, seed=i) for i in range(4)])[:, None]  # (series, 1, n, D)
    values = f(series).numpy()
    assert values.shape == (3, 4, 2, 5)
    np.testing.assert_allclose(values[..., 1:3], f(series[..., 1:3, :]), rtol=1e-10, atol=1e-12)
    first = PriorFunctions(KERNELS[name](), generators(1), (4, 2), WIDTH)
    np.testing.assert_allclose(values[:1], first(series), rtol=1e-10, atol=1e-12)
    same_place = f(np.broadcast_to(series[:1], series.shape)).numpy()
    assert len(np.unique(same_place[..., 0].round(9))) == same_place[..., 0].size  # each has a function of its own


def test_white_noise_does_not_depend_on_the_sign_of_zero():
    f = PriorFunctions(kernels.White(1.0), generators(1), (1,), 1)
    np.testing.assert_array_equal(f(tf.constant([[[0.0]]], tf.float64)), f(tf.constant([[[-0.0]]], tf.float64)))


def test_white_noise_is_standard_normal():
    f = PriorFunctions(kernels.White(1.0), generators(2), (3,), 1)
    values = np.sort(f(np.arange(20_000.0)[None, :, None]).numpy().ravel())
    quantiles = np.array([0.001, 0.025, 0.16, 0.5, 0.84, 0.975, 0.999])
    expected = [-3.0902, -1.95996, -0.99446, 0.0, 0.99446, 1.95996, 3.0902]
    np.testing.assert_allclose(np.quantile(values, quantiles), expected, atol=0.06)
    noise = f(np.arange(20_000.0)[None, :, None]).numpy().reshape(6, -1)
    np.testing.assert_allclose(np.corrcoef(noise), np.eye(6), atol=0.04)
    assert abs(np.corrcoef(noise[0, 1:], noise[0, :-1])[0, 1]) < 0.04


def test_kernels_without_features_are_known():
    class Warped(kernels.SquaredExponential):
        """A subclass may be another function of the same parameters."""

    assert can_draw(kernels.SquaredExponential(1.0) + kernels.White(0.1) * kernels.Linear())
    assert not can_draw(KERNELS["wrapped"]())
    assert not can_draw(kernels.SquaredExponential(1.0) * Warped(1.0))


def test_white_noise_in_a_product_must_see_the_columns_of_the_other_factors():
    """Otherwise it stands for a function of each value, and not for a number."""
    white, smooth = kernels.White, kernels.SquaredExponential
    assert not can_draw(white(1.0, columns=[0]) * smooth(1.0, columns=[1]))
    assert not can_draw(white(1.0, columns=[0]) * smooth(1.0))
    assert can_draw(white(1.0, columns=[0, 1]) * smooth(1.0, columns=[1]))
    assert can_draw(white(1.0) * smooth(1.0, columns=[1]))
    assert can_draw(white(1.0, columns=[0]) * kernels.Constant(2.0))
    assert can_draw(white(1.0, columns=[0]) + smooth(1.0, columns=[1]))


@pytest.mark.parametrize("length_scale", [1e-11, 1e-3, 1e6])
def test_extreme_length_scales_give_finite_draws(length_scale):
    f = PriorFunctions(kernels.Periodic(1.0, length_scale), generators(3), (2,), 1)
    assert np.isfinite(f(np.linspace(0.0, 1.0, 5)[None, :, None])).all()

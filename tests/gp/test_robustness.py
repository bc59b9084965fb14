"""No input of reasonable size breaks the algebra: random kernels, places, noise levels and batch sizes."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf import kernels, priors
from svgp_vae_tf.priors import LatentData

POWERS = (0.5, 0.8, 1.0)
"""Of the wrapped TFP kernel GammaExponential."""


class Configuration(NamedTuple):
    """A prior with a latent data set and new inputs."""

    prior: priors.SparseGP
    features: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    new: np.ndarray

    def scale(self) -> float:
        """The magnitude, per example, of the terms that cancel in the regulariser."""
        prior_variance = float(np.max(self.prior.kernel.diagonal(self.features[..., np.newaxis, :, :])))
        per_datum = (self.mean**2 + prior_variance) / self.variance + np.abs(np.log(self.variance)) + 2.0
        examples = 1 if self.prior.num_data is None else len(self.features)
        return float(np.sum(per_datum)) / examples


def log_uniform(rng, low: float, high: float, size=None):
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def random_simple_kernel(rng, dimension: int, num_latents: int | None, powers=POWERS) -> kernels.Kernel:
    columns = sorted(rng.choice(dimension, size=rng.integers(1, dimension + 1), replace=False).tolist())
    ard = rng.random() < 0.4
    length_scale = log_uniform(rng, 1e-3, 1e3, len(columns)).tolist() if ard else float(log_uniform(rng, 1e-3, 1e3))
    amplitude = float(log_uniform(rng, 0.1, 10.0))
    power = float(rng.choice(powers))
    common = {"columns": columns, "num_latents": num_latents}
    stationary = {"length_scale": length_scale, "amplitude": amplitude if rng.random() < 0.7 else None, **common}
    choices = [
        lambda: kernels.SquaredExponential(**stationary),
        lambda: kernels.Matern12(**stationary),
        lambda: kernels.Matern32(**stationary),
        lambda: kernels.Matern52(**stationary),
        lambda: kernels.RationalQuadratic(**stationary, scale_mixture_rate=float(log_uniform(rng, 0.1, 10.0))),
        lambda: kernels.Periodic(
            period=float(log_uniform(rng, 0.1, 10.0)), length_scale=float(log_uniform(rng, 1e-3, 1e3)), **common
        ),
        lambda: kernels.Linear(amplitude=amplitude, bias_amplitude=1.0 if rng.random() < 0.5 else None, **common),
        lambda: kernels.NormalizedLinear(amplitude=amplitude, **common),
        lambda: kernels.Constant(amplitude=amplitude, **common),
        lambda: kernels.White(amplitude=amplitude, **common),
        lambda: kernels.TFPKernel(
            "GammaExponential", {"amplitude": amplitude, "length_scale": 1.5}, {"power": power}, **common
        ),
    ]
    return choices[rng.integers(len(choices))]()


def random_kernel(rng, dimension: int, num_latents: int | None, powers=POWERS) -> kernels.Kernel:
    kernel = random_simple_kernel(rng, dimension, num_latents, powers)
    for _ in range(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15])):
        other = random_simple_kernel(rng, dimension, num_latents, powers)
        kernel = kernel + other if rng.random() < 0.5 else kernel * other
    return kernel


def random_configuration(seed: int, powers=POWERS) -> Configuration:
    rng = np.random.default_rng(seed)
    dimension, num_latents = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    m, n = int(rng.integers(1, 65)), int(rng.integers(1, 41))
    features = rng.normal(size=(n, dimension)) * log_uniform(rng, 0.1, 10.0)
    source = features if rng.random() < 0.3 else rng.normal(size=(m, dimension))  # points that are data
    points = source[rng.integers(len(source), size=m)]  # drawn with replacement: duplicates
    if rng.random() < 0.5:
        points = points + rng.normal(size=points.shape) * rng.choice([1e-12, 1e-8, 1e-4, 1.0])  # near duplicates
    per_channel = bool(rng.random() < 0.2)
    if per_channel:
        points = np.stack([points + 0.01 * channel for channel in range(num_latents)])
    if rng.random() < 0.1:
        features[rng.integers(n)] = 0.0
    num_data = None if rng.random() < 0.5 else int(max(m, n) * rng.integers(1, 100))
    kernel = random_kernel(rng, dimension, num_latents if rng.random() < 0.3 else None, powers)
    prior = priors.SparseGP(kernel, points, bound=str(rng.choice(priors.sparse.BOUNDS)), num_data=num_data)
    shape = (n, num_latents)
    mean = rng.normal(size=shape) * log_uniform(rng, 0.01, 100.0)
    variance = log_uniform(rng, 1e-6, 1e6, shape if rng.random() < 0.5 else None) * np.ones(shape)
    new = rng.normal(size=(3, dimension)) * log_uniform(rng, 0.1, 100.0)
    if num_data is None:
        features, mean, variance, new = (x[np.newaxis] for x in (features, mean, variance, new))
    return Configuration(prior, features, mean, variance, new)


def parts(kernel: kernels.Kernel) -> list[kernels.Kernel]:
    return [kernel, *(part for child in getattr(kernel, "kernels", []) for part in parts(child))]


def check(seed: int) -> None:
    configuration = random_configuration(seed)
    prior, features, mean, variance, new = configuration
    where = f"configuration {seed}"
    data = LatentData.of(features, mean, variance)
    posterior = prior(data)
    values, variances = list(posterior), [posterior.variance]
    if seed % 5 == 0:
        predicted_mean, predicted_variance = prior.posterior(prior.statistics(data)).predict(tf.constant(new))
        values += [predicted_mean, predicted_variance]
        variances += [predicted_variance]
    assert all(np.isfinite(value).all() for value in values), where
    assert all(np.min(value) >= 0.0 for value in variances), where
    # the Titsias bound of a mini-batch with the posterior of all data is no divergence, so it may have any sign
    kl = float(np.min(posterior.kl))
    if kl < 0.0 and (prior.bound == "hensman" or prior.num_data in (None, features.shape[-2])):
        assert kl >= -1e-6 * configuration.scale(), where


def check_gradients(seed: int) -> None:
    # TFP differentiates its GammaExponential at coincident points for a power of 1 only
    prior, features, mean, variance, _ = random_configuration(seed, powers=(1.0,))
    y, s2 = tf.constant(mean), tf.constant(variance)
    weights = [weight.value for weight in prior.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch([y, s2])
        posterior = prior(LatentData.of(features, y, s2))
        stddev = tf.sqrt(tf.maximum(posterior.variance, 1e-30))
        loss = tf.reduce_sum(posterior.kl) + tf.reduce_sum(posterior.mean) + tf.reduce_sum(stddev)
    for gradient in tape.gradient(loss, [y, s2, *weights], unconnected_gradients="zero"):
        assert np.isfinite(gradient.numpy()).all(), f"configuration {seed}"


@pytest.mark.parametrize("first", range(0, 250, 50))
def test_random_configurations_give_finite_moments_and_no_negative_divergence(first):
    for seed in range(first, first + 50):
        check(seed)


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_random_configurations_give_finite_gradients(first):
    for seed in range(first, first + 20):
        check_gradients(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 400, 100))
def test_four_hundred_random_configurations_give_finite_gradients(first):
    for seed in range(first, first + 100):
        check_gradients(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 10_000, 1_000))
def test_ten_thousand_random_configurations(first):
    for seed in range(first, first + 1_000):
        check(seed)


def test_random_configurations_cover_every_kernel_and_setting():
    configurations = [random_configuration(seed) for seed in range(100)]
    seen = {type(k) for c in configurations for k in parts(c.prior.kernel)}
    public = {
        value
        for name, value in vars(kernels).items()
        if isinstance(value, type) and issubclass(value, kernels.Kernel) and name[0] != "_"
    }
    assert seen == public - {kernels.Kernel}
    assert {c.prior.bound for c in configurations} == set(priors.sparse.BOUNDS)
    assert {len(c.prior.inducing_points.shape) for c in configurations} == {2, 3}
    assert {c.prior.num_data is None for c in configurations} == {True, False}

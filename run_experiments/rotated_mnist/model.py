"""The models of the rotated-MNIST experiment: VAE, CVAE, GPPVAE, deep SVIGP and SVGP-VAE from the same parts."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

import svgp_vae_tf as svgp
from data_generators.rotated_mnist import RotatedMNIST
from run_experiments.common import schedule
from run_experiments.original.geco import OriginalGECO
from run_experiments.original.gppvae import OriginalGPPVAE
from run_experiments.original.svigp import OriginalSVIGP
from run_experiments.rotated_mnist import networks
from run_experiments.rotated_mnist.inducing_start import kde_per_angle
from run_experiments.rotated_mnist.settings import Settings
from svgp_vae_tf import inducing, kernels, likelihoods, objectives
from svgp_vae_tf.features import GPLVM


def build_model(settings: Settings, digits: RotatedMNIST) -> svgp.LatentModel:
    """The compiled model of a run, with a built optimiser.

    Raises:
        ValueError: for settings that cannot work.
        ModelFileError: if the model of ``start_from`` cannot be read.
    """
    settings.check()
    if settings.objective == "original_geco":  # its multiplier overflows single precision
        with _double_precision():
            return _build(settings, digits)
    return _build(settings, digits)


@contextlib.contextmanager
def _double_precision() -> Iterator[None]:
    """A context in which Keras layers and metrics are created in double precision."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    try:
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def _build(settings: Settings, digits: RotatedMNIST) -> svgp.LatentModel:
    keras.utils.set_random_seed(settings.seed)
    learned_noise = settings.model in ("svigp", "original_svigp")
    shared: dict[str, Any] = {
        "likelihood": likelihoods.Gaussian(settings.noise_stddev, train_stddev=learned_noise),
        "variance_bounds": settings.variance_bounds,
        "seed": settings.seed,
        "num_data": len(digits.train.images),
    }
    model = _model(settings, digits, _networks(settings), shared)
    sizes = batch_sizes(settings, digits)
    rates = settings.learning_rate, settings.final_learning_rate
    optimizer = schedule.optimizer(settings.optimizer, sizes, *rates, settings.adam_beta_2, settings.clip_norm)
    # steps are so short that the work of `fit` between them matters
    steps_per_execution = sizes.steps_per_execution(settings.evaluate_every)
    model.compile(optimizer, objective=_objective(settings), steps_per_execution=steps_per_execution)
    model.optimizer.build(model.trainable_variables)
    return model


def batch_sizes(settings: Settings, digits: RotatedMNIST) -> schedule.BatchSizeSchedule:
    """Images per batch in each epoch."""
    final = settings.final_batch_size or settings.batch_size
    return schedule.BatchSizeSchedule.doubling(
        len(digits.train.images), settings.epochs, settings.batch_size, final, settings.evaluate_every
    )


def _networks(settings: Settings) -> tuple[Any, Any]:
    """Encoder and decoder: new ones, or those of the finished run ``start_from``."""
    if settings.start_from is None:
        return networks.mnist_encoder(settings.num_latents), networks.mnist_decoder(settings.num_latents)
    model = svgp.load_model(os.path.join(settings.start_from, "model.keras"))
    encoder, decoder = model.encoder, model.decoder
    if encoder is None:
        raise ValueError(f"the model of {settings.start_from} has no encoder to start from")
    if isinstance(encoder.input_shape, list):
        raise ValueError(f"the networks of {settings.start_from} take an angle as well: start from a model without")
    if model.num_latents != settings.num_latents:
        raise ValueError(
            f"{settings.start_from} has {model.num_latents} latents, not --num_latents={settings.num_latents}"
        )
    encoder.trainable = decoder.trainable = settings.train_networks
    return encoder, decoder


def _model(
    settings: Settings, digits: RotatedMNIST, parts: tuple[Any, Any], shared: dict[str, Any]
) -> svgp.LatentModel:
    if settings.model == "vae":
        return svgp.VAE(*parts, **shared)
    if settings.model == "cvae":
        conditional = (
            networks.mnist_conditional_encoder(settings.num_latents),
            networks.mnist_conditional_decoder(settings.num_latents),
        )
        return svgp.CVAE(*conditional, num_groups=len(digits.pca), **shared)
    angle = kernels.Periodic(amplitude=1.0, columns=[0])
    shared["auxiliary"] = GPLVM(digits.pca)
    if settings.model in ("gppvae", "original_gppvae"):
        views = np.unique(digits.train.aux[:, 1])[:, np.newaxis]
        gppvae = svgp.GPPVAE if settings.model == "gppvae" else OriginalGPPVAE
        return gppvae(*parts, kernel=angle, views=views, **shared)
    linear = kernels.NormalizedLinear if settings.normalize_objects else kernels.Linear
    kernel = angle * linear(columns=range(1, 1 + digits.pca.shape[1]))
    gp: dict[str, Any] = {
        "kernel": kernel,
        "inducing_points": _inducing_points(settings, digits, kernel),
        "inducing_scale": 1.0,
    }
    if settings.model == "svgpvae":
        return svgp.SVGPVAE(*parts, bound=settings.bound, **gp, **shared)
    svigp = svgp.SVIGP if settings.model == "svigp" else OriginalSVIGP
    return svigp(parts[1], **gp, **shared)


def _inducing_points(settings: Settings, digits: RotatedMNIST, kernel: kernels.Kernel) -> np.ndarray:
    """Initial inducing points, (m, 1 + M): angle and object vector."""
    m = settings.num_inducing
    features = digits.train.aux[:, 1:]
    if m > len(features):
        raise ValueError(f"{m} inducing points are more than the {len(features)} data points")
    if settings.inducing_start == "k_means":
        return inducing.k_means(features, m, seed=settings.seed)
    if settings.inducing_start == "greedy":
        return inducing.greedy_variance(features, m, kernel)
    angles = np.unique(np.concatenate([digits.train.aux[:, 1], digits.test.aux[:, 1]]))
    if settings.inducing_start == "kde":
        return kde_per_angle(digits.train.aux[:, 2:], angles, m)
    if m % len(angles):
        raise ValueError(f"--inducing_start=grid takes a multiple of the {len(angles)} angles, got {m} inducing points")
    counts = [len(angles), m // len(angles)] + [1] * (
        features.shape[1] - 2
    )  # a lattice of angles and first component scores
    low, high = features.min(axis=0), features.max(axis=0)
    low[0], high[0] = angles[0], angles[-1]
    return inducing.grid(low, high, counts)


def _objective(settings: Settings) -> objectives.Objective:
    if settings.objective == "elbo":
        return objectives.ELBO(settings.beta)
    geco = {"geco": objectives.GECO, "original_geco": OriginalGECO}
    return geco[settings.objective](settings.tolerance)


def gp_parameters(model: svgp.LatentModel) -> dict[str, float]:
    """Kernel parameters by name, and the noise of a prior or a likelihood that learns it."""
    kernel = getattr(model.prior, "kernel", None)
    numbers = {} if kernel is None else {name: float(value) for name, value in kernel.parameters.items()}
    if isinstance(model, svgp.GPPVAE):
        numbers["prior_noise_variance"] = float(model.prior.noise_variance)
    if model.likelihood.trainable_weights:
        numbers["noise_stddev"] = float(model.likelihood.stddev)
    return numbers

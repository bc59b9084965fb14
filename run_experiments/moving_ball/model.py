"""The models of the moving-ball experiment: SVGP-VAE, exact GP-VAE, neural process and VAE on the same networks."""

from typing import Any

import keras
import numpy as np

import svgp_vae_tf as svgp
from run_experiments.moving_ball import networks
from run_experiments.moving_ball.settings import KERNELS, Settings
from run_experiments.original.ball import OriginalBallGP
from svgp_vae_tf import kernels, priors
from svgp_vae_tf.models import NeuralProcessGPVAE

NUM_LATENTS = 2


def build_model(settings: Settings) -> svgp.LatentModel:
    """The compiled model of a run, with a built optimiser.

    Raises:
        ValueError: for settings that cannot work.
    """
    settings.check()
    keras.utils.set_random_seed(settings.seed)
    encoder, decoder = networks.ball_encoder(), networks.ball_decoder()
    shared: dict[str, Any] = {"variance_bounds": settings.variance_bounds, "seed": settings.seed}
    if settings.model == "vae":
        model: svgp.LatentModel = svgp.VAE(encoder, decoder, **shared)
    else:
        kernel = KERNELS[settings.kernel](
            settings.initial_length_scale, num_latents=NUM_LATENTS, trainable=settings.train_kernel
        )
        model = _gp_model(settings, encoder, decoder, kernel, shared)
    optimizer = keras.optimizers.Adam(_learning_rate(settings), epsilon=1e-8, global_clipnorm=settings.clip_norm)
    model.compile(optimizer, objective=svgp.ELBO(settings.beta))
    optimizer.build(model.trainable_variables)
    return model


def _learning_rate(settings: Settings) -> Any:
    if settings.final_learning_rate is None:
        return settings.learning_rate
    return keras.optimizers.schedules.CosineDecay(
        settings.learning_rate, settings.steps, alpha=settings.final_learning_rate / settings.learning_rate
    )


def _gp_model(
    settings: Settings, encoder: keras.Model, decoder: keras.Model, kernel: kernels.Kernel, shared: dict[str, Any]
) -> svgp.LatentModel:
    if settings.model == "gpvae":
        return svgp.GPVAE(encoder, decoder, kernel=kernel, **shared)
    if settings.model == "neural_process":
        return NeuralProcessGPVAE(encoder, decoder, kernel=kernel, **shared)
    first, last = settings.inducing_range or (0.0, settings.num_frames - 1.0)
    points = np.linspace(first, last, settings.num_inducing)[:, np.newaxis]
    sparse: dict[str, Any] = {
        "train_inducing_points": settings.train_inducing,
        "inducing_scale": settings.inducing_unit,
        "jitter": settings.jitter,
    }
    if settings.bound == "original":
        return svgp.LatentModel(encoder, decoder, OriginalBallGP(kernel, points, **sparse), **shared)
    return svgp.SVGPVAE(
        encoder, decoder, kernel=kernel, inducing_points=points, bound=settings.bound, **sparse, **shared
    )


def gp_parameters(model: svgp.LatentModel) -> dict[str, float]:
    """Kernel parameters and sorted inducing points by name; empty for a VAE."""
    numbers: dict[str, float] = {}
    kernel = getattr(model.prior, "kernel", None)
    if kernel is not None:
        for name, value in kernel.parameters.items():
            numbers |= {f"{name}_{i}": float(v) for i, v in enumerate(np.ravel(value))}
    if isinstance(model.prior, priors.SparseGP):
        points = np.sort(np.ravel(model.prior.inducing_points))
        numbers |= {f"inducing_{i:02d}": float(v) for i, v in enumerate(points)}
    return numbers

"""SVGP-VAE: the paper's model."""

from collections.abc import Sequence

import keras
import numpy as np

from svgp_vae_tf.gp import linalg
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.models.latent_model import LatentModel
from svgp_vae_tf.priors.sparse import SparseGP


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class SVGPVAE(LatentModel):
    """A VAE whose latents carry a sparse GP prior over auxiliary data.

    Args:
        encoder, decoder: networks, see `LatentModel`.
        kernel: covariance of the latents over the features.
        inducing_points: initial locations, (m, D), or (L, m, D) for different points per channel.
        bound: "hensman" or "titsias", see `SparseGP`.
        num_data: N for one GP over a data set; None for a GP per series.
        train_inducing_points: whether `fit` moves them.
        inducing_scale: the unit of length in which the optimiser sees them, see `SparseGP`.
        jitter: on the diagonal of K_mm, relative to its mean.
        kwargs: likelihood, auxiliary, variance_bounds, seed: see `LatentModel`.

    Example, series of 20 values at times 0 to 19:

    >>> encoder = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    >>> decoder = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(3)])
    >>> times = np.tile(np.arange(20.0), (8, 1))
    >>> values = np.random.default_rng(0).normal(size=(8, 20, 3))
    >>> model = SVGPVAE(encoder, decoder, kernel=SquaredExponential(2.0),
    ...                 inducing_points=np.linspace(0, 19, 10)[:, None], likelihood="gaussian")
    >>> model.compile("adam")
    >>> history = model.fit(x=times, y=values, epochs=1, verbose=0)
    >>> model.condition(times[:, :10], values[:, :10])
    >>> model.predict(times[:, 10:], verbose=0).shape
    (8, 10, 3)
    """

    prior_arguments = (
        "kernel", "inducing_points", "bound", "num_data", "train_inducing_points", "inducing_scale", "jitter",
    )  # fmt: skip

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        kernel: Kernel,
        inducing_points: np.ndarray,
        bound: str = "hensman",
        num_data: int | None = None,
        train_inducing_points: bool = True,
        inducing_scale: float | Sequence[float] | None = None,
        jitter: float = linalg.JITTER,
        **kwargs,
    ) -> None:
        prior = SparseGP(kernel, inducing_points, bound, num_data, train_inducing_points, inducing_scale, jitter)
        super().__init__(encoder, decoder, prior, **kwargs)

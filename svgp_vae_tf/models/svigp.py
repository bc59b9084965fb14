"""Deep SVIGP: a sparse GP with a decoder and no encoder."""

from collections.abc import Sequence

import keras
import numpy as np

from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.models.latent_model import LatentModel
from svgp_vae_tf.network_shapes import input_events
from svgp_vae_tf.priors.variational import VariationalGP


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class SVIGP(LatentModel):
    """Deep SVIGP (Hensman et al. 2013): a decoder alone, with a q(f_m) of free parameters instead of an encoder.

    Args:
        decoder, kwargs: see `LatentModel`; ``variance_bounds`` has no effect.
        kernel, inducing_points, num_data, train_inducing_points, inducing_scale: see `SparseGP`.
    """

    prior_arguments = ("kernel", "inducing_points", "num_data", "train_inducing_points", "inducing_scale")

    def __init__(
        self,
        decoder: keras.Model,
        *,
        kernel: Kernel,
        inducing_points: np.ndarray,
        num_data: int,
        train_inducing_points: bool = True,
        inducing_scale: float | Sequence[float] | None = None,
        encoder: None = None,
        **kwargs,
    ) -> None:
        events = input_events(decoder)
        num_latents = None if events is None else events[0][-1]
        if num_latents is None:
            raise ValueError(
                "the decoder must begin with keras.layers.Input((L,)), or have been called: nothing else says what L is"
            )
        prior = VariationalGP(
            kernel, inducing_points, num_latents=num_latents, num_data=num_data,
            train_inducing_points=train_inducing_points, inducing_scale=inducing_scale,
        )  # fmt: skip
        super().__init__(encoder, decoder, prior, **kwargs)

"""The GP-VAE with an exact Gaussian process."""

import keras

from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.models.latent_model import LatentModel
from svgp_vae_tf.priors.exact import ExactGP


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class GPVAE(LatentModel):
    """The GP-VAE of Pearce (2020): an exact GP over each series. Cubic in its length.

    Args:
        encoder, decoder, kwargs: see `LatentModel`.
        kernel: covariance of the latents over the features.
        num_data: N for one GP over a data set (all of it in each batch), None for a GP per series.
    """

    prior_arguments = ("kernel", "num_data")

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model, *, kernel: Kernel, num_data: int | None = None, **kwargs
    ) -> None:
        super().__init__(encoder, decoder, ExactGP(kernel, num_data), **kwargs)

"""The ordinary variational autoencoder."""

import keras

from svgp_vae_tf.models.latent_model import LatentModel
from svgp_vae_tf.priors.standard_normal import StandardNormal


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class VAE(LatentModel):
    """An ordinary VAE: p(z) = N(0, I). It takes auxiliary data like the others, and ignores them.

    Args:
        encoder, decoder, kwargs: see `LatentModel`.
        num_data: N if examples are points of a data set, None if they are series.
    """

    prior_arguments = ("num_data",)

    def __init__(self, encoder: keras.Model, decoder: keras.Model, *, num_data: int | None = None, **kwargs) -> None:
        super().__init__(encoder, decoder, StandardNormal(num_data=num_data), **kwargs)

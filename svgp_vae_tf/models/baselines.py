"""The models the paper compares with: the same networks, another prior."""

from typing import Any

import keras

from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.models.base import LatentModel
from svgp_vae_tf.priors.exact_gp import ExactGP
from svgp_vae_tf.priors.standard_normal import StandardNormal


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class VAE(LatentModel):
    """An ordinary VAE: p(z) = N(0, I). It takes auxiliary data like the others, and ignores them.

    Args:
        encoder, decoder, kwargs: see `LatentModel`.
        num_data: N if examples are points of a data set, None if they are series.
    """

    def __init__(self, encoder: keras.Model, decoder: keras.Model, *, num_data: int | None = None, **kwargs) -> None:
        super().__init__(encoder, decoder, StandardNormal(num_data=num_data), **kwargs)

    def _prior_config(self) -> dict[str, Any]:
        return {"num_data": self.prior.num_data}


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class GPVAE(LatentModel):
    """The GP-VAE of Pearce (2020): an exact GP over each series. Cubic in its length.

    Args:
        encoder, decoder, kwargs: see `LatentModel`.
        kernel: covariance of the latents over the features.
        num_data: N for one GP over a data set (all of it in each batch), None for a GP per series.
    """

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model, *, kernel: Kernel, num_data: int | None = None, **kwargs
    ) -> None:
        super().__init__(encoder, decoder, ExactGP(kernel, num_data), **kwargs)

    def _prior_config(self) -> dict[str, Any]:
        config = self.prior.get_config()
        return {name: config[name] for name in ("kernel", "num_data")}

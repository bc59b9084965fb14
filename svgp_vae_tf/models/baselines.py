"""The models the paper compares with: the same networks, another prior."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.models.base import LatentModel
from svgp_vae_tf.priors.exact import ExactGP
from svgp_vae_tf.priors.group_average import GroupAverage
from svgp_vae_tf.priors.standard_normal import StandardNormal
from svgp_vae_tf.priors.variational import FreeFormGP


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


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class CVAE(LatentModel):
    """A conditional VAE: p(z) = N(0, I), and both networks see the condition (angles, say) beside their input.

    Auxiliary rows are (group, condition): a new observation of a group is decoded from the average latent of the
    group's conditioned data and the new condition.

    Args:
        encoder: network from [observations, conditions (D - 1,)] to (2 L,).
        decoder: network from [latents (L,), conditions (D - 1,)] to observations.
        num_groups: groups are numbered from 0 to this less one.
        num_data: N, the points of the data set.
        kwargs: see `LatentModel`.
    """

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model, *, num_groups: int, num_data: int | None, **kwargs
    ) -> None:
        widths = [_condition_width(network) for network in (encoder, decoder)]
        if widths[0] != widths[1]:
            raise ValueError(f"the encoder takes conditions of width {widths[0]}, the decoder of width {widths[1]}")
        prior = GroupAverage(num_groups, num_data, num_conditions=widths[0])
        super().__init__(encoder, decoder, prior, **kwargs)

    def _network_inputs(self, inputs: tf.Tensor, features: tf.Tensor | None) -> Any:
        if features is None:
            raise ValueError("a conditional VAE encodes and decodes with features")
        return [inputs, tf.cast(features[..., 1:], self.compute_dtype)]

    def _prior_config(self) -> dict[str, Any]:
        return {"num_groups": self.prior.num_groups, "num_data": self.prior.num_data}


def _condition_width(network: keras.Model) -> int:
    """How many numbers the condition of a network has."""
    shapes = getattr(network, "input_shape", None)
    if not isinstance(shapes, list) or len(shapes) != 2:
        raise ValueError("the networks of a conditional VAE take two inputs, [observations or latents, conditions]")
    return int(shapes[1][-1])


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class SVIGP(LatentModel):
    """Deep SVIGP (Hensman et al. 2013): a decoder alone, with q(f_m) of free parameters in the place of an encoder.

    Args:
        decoder, kwargs: see `LatentModel`; ``variance_bounds`` has no effect.
        kernel, inducing_points, num_data, train_inducing_points, inducing_scale: see `SparseGP`.
    """

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
        if getattr(decoder, "input_shape", None) is None:
            raise ValueError("the decoder must begin with keras.layers.Input((L,)): nothing else says what L is")
        prior = FreeFormGP(
            kernel, inducing_points, num_latents=int(decoder.input_shape[-1]), num_data=num_data,
            train_inducing_points=train_inducing_points, inducing_scale=inducing_scale,
        )  # fmt: skip
        super().__init__(encoder, decoder, prior, **kwargs)

    def _prior_config(self) -> dict[str, Any]:
        config = self.prior.get_config()
        names = ("kernel", "inducing_points", "num_data", "train_inducing_points", "inducing_scale")
        return {name: config[name] for name in names}

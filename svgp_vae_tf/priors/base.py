"""The one interface all priors over the latents share.

A prior meets the encoder's output as a *latent data set*: features of the auxiliary data with a mean and a variance
per latent channel. From it come the posterior of the latents and its divergence from the prior (training), and
*evidence*: what is kept of the data to predict at new inputs (`condition`, `update`, `forget`).

Two settings, told apart by `num_data`:

* ``num_data=None``: each example is a whole series with a GP of its own; features (batch, n, D), moments (batch, n, L).
* ``num_data=N``: one GP over a data set of N points, of which a batch shows b; features (b, D), moments (b, L).
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from svgp_vae_tf.gp import linalg


class LatentPosterior(NamedTuple):
    """q(z | x, y) at the data themselves, all float64."""

    mean: tf.Tensor
    """Shape (batch, n, L) or, for one GP over a data set, (b, L)."""
    variance: tf.Tensor
    """Of single latents, non-negative; shape as `mean`."""
    kl: tf.Tensor
    """What the ELBO subtracts, per example: shape (batch,), or () where all examples of a batch share it."""


class Evidence(NamedTuple):
    """What a prior keeps of conditioned data; evidence of no data gives the prior itself."""

    arrays: tuple[tf.Tensor, ...]


class Prior(keras.layers.Layer):
    """Base of the priors.

    Args:
        num_data: N for one GP over a data set, None for a GP per series.
    """

    def __init__(self, num_data: int | None = None, **kwargs) -> None:
        kwargs.setdefault("dtype", "float64")
        super().__init__(**kwargs)
        if num_data is not None and num_data < 1:
            raise ValueError(f"num_data must be at least 1, got {num_data}")
        self.num_data = None if num_data is None else int(num_data)
        self.built = True

    def call(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> LatentPosterior:
        """Posterior of the latents of a batch, given that batch.

        Args:
            features: auxiliary features, (..., n, D).
            mean: encoder means, (..., n, L).
            variance: encoder variances, positive, (..., n, L).
        """
        raise NotImplementedError

    def condition(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> Evidence:
        """Evidence of a latent data set. Arguments as in `call`."""
        raise NotImplementedError

    def merge(self, old: Evidence, new: Evidence) -> Evidence:
        """Evidence of both sets together."""
        raise NotImplementedError

    def remove(self, old: Evidence, gone: Evidence) -> Evidence:
        """Evidence of ``old`` without ``gone``, which must be part of it."""
        raise NotImplementedError

    def predict(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and variance of the latents at new inputs, each (..., r, L)."""
        raise NotImplementedError

    def predict_joint(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean (..., r, L) and covariances (..., L, r, r) of the latents at new inputs."""
        raise NotImplementedError

    @property
    def num_features(self) -> int | None:
        """How wide features must be; None where any width will do, or `check` alone can tell."""
        return None

    def validate_features(self, features_shape: tuple[int | None, ...]) -> None:
        """Raise ValueError if features of this shape cannot be used."""

    def validate_training(self, features_shape: tuple[int | None, ...]) -> None:
        """Raise ValueError if features of this shape cannot be trained on."""

    def validate_replicas(self) -> None:
        """Raise ValueError if the posterior of a batch cannot be had from parts of it on several replicas."""

    @property
    def least_chunk(self) -> int:
        """How many points must be predicted at a time for the work that any number of them takes not to prevail."""
        return 1

    def validate_latents(self, num_latents: int) -> None:
        """Raise ValueError if the prior is not for this number of latent channels."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_data": self.num_data}


def channels_first(x: tf.Tensor) -> tf.Tensor:
    """(..., n, L) to (..., L, n), the layout of the GP algebra."""
    return tf.linalg.matrix_transpose(tf.cast(x, linalg.DTYPE))


def channels_last(x: tf.Tensor) -> tf.Tensor:
    """(..., L, n) to (..., n, L), the layout of networks."""
    return tf.linalg.matrix_transpose(x)


def with_latent_axis(features: tf.Tensor) -> tf.Tensor:
    """(..., n, D) to (..., 1, n, D): kernels may have parameters per latent channel."""
    return tf.cast(features, linalg.DTYPE)[..., tf.newaxis, :, :]

"""p(z) = N(0, I): the prior of an ordinary VAE, which does not depend on the auxiliary data."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.gp import gaussians
from svgp_vae_tf.priors.base import Functions, LatentData, LatentPosterior, Posterior, Prior, SufficientStatistics


class Channels(NamedTuple):
    """The number of channels, and of series where there are several, is all that predictions need."""

    zeros: tf.Tensor
    """Shape (..., L)."""


class StandardNormalPosterior(Posterior):
    """The prior itself, whatever data were given."""

    def predict(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Zeros and ones, each (..., r, L)."""
        zeros = self.arrays.zeros[..., tf.newaxis, :] + tf.zeros_like(features[..., :1])
        return zeros, tf.ones_like(zeros)

    def predict_joint(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean (..., r, L) and diagonal covariances (..., L, r, r)."""
        mean, variance = self.predict(features)
        return mean, tf.linalg.diag(tf.linalg.matrix_transpose(variance))

    def functions(self, generators: Sequence[np.random.Generator]) -> Functions:
        """Independent numbers: two calls differ even at the same input, so these are no functions."""
        return lambda features: self.draw_marginally(features, generators)


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class StandardNormal(Prior):
    """Independent standard normal latents. The posterior at the data is the encoder's own Gaussian.

    At new inputs predictions are the prior, N(0, 1), whatever was conditioned on.
    """

    statistics_type: ClassVar[Any] = Channels
    keeps_data: ClassVar[bool] = False

    def call(self, data: LatentData) -> LatentPosterior:
        """The encoder's Gaussian, and KL(N(mean, variance) || N(0, I))."""
        divergence = gaussians.kl_to_standard_normal(data.mean, data.variance)
        within = list(range(1, len(data.mean.shape)))
        return LatentPosterior(data.mean, data.variance, tf.reduce_sum(divergence, axis=within))

    def statistics(self, data: LatentData, factors: tuple[tf.Tensor, ...] | None = None) -> SufficientStatistics:
        """The number of channels."""
        return Channels(tf.zeros_like(tf.reduce_sum(data.mean, axis=-2)))

    def merge(self, one: SufficientStatistics, other: SufficientStatistics) -> SufficientStatistics:
        """Further data change nothing."""
        return one

    def remove(self, full: SufficientStatistics, removed: SufficientStatistics) -> SufficientStatistics:
        """Nothing was kept of the data."""
        return full

    def posterior(self, statistics: SufficientStatistics) -> StandardNormalPosterior:
        """The prior."""
        return StandardNormalPosterior(self, statistics)

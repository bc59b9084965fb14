"""p(z) = N(0, I): the prior of an ordinary VAE, which knows nothing of the auxiliary data."""

import keras
import tensorflow as tf

from svgp_vae_tf.gp import gaussians, linalg
from svgp_vae_tf.priors.base import Evidence, LatentPosterior, Prior


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class StandardNormal(Prior):
    """Independent standard normal latents. The posterior is the encoder's own Gaussian.

    At new inputs nothing is known: predictions are the prior, N(0, 1), whatever was conditioned on.
    """

    def call(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> LatentPosterior:
        mean, variance = (tf.cast(x, linalg.DTYPE) for x in (mean, variance))
        divergence = gaussians.kl_to_standard_normal(mean, variance)
        return LatentPosterior(mean, variance, tf.reduce_sum(divergence, axis=list(range(1, len(mean.shape)))))

    def condition(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> Evidence:
        # the number of channels, and of series where there are several, is all that predictions need
        return Evidence((tf.zeros_like(tf.cast(mean, linalg.DTYPE)[..., 0, :]),))

    def merge(self, old: Evidence, new: Evidence) -> Evidence:
        return old

    def remove(self, old: Evidence, gone: Evidence) -> Evidence:
        return old

    def predict(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        zeros = evidence.arrays[0][..., tf.newaxis, :] + tf.zeros_like(tf.cast(features, linalg.DTYPE)[..., :1])
        return zeros, tf.ones_like(zeros)

    def predict_joint(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mean, variance = self.predict(evidence, features)
        return mean, tf.linalg.diag(tf.linalg.matrix_transpose(variance))

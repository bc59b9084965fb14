"""The exact GP prior of Pearce (2020): eqs. 1 and 2 of the paper. Cubic in the length of a series."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import exact as exact_posterior
from svgp_vae_tf.gp import gaussians, linalg
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.priors.base import Evidence, LatentPosterior, Prior, channels_first, channels_last, with_latent_axis


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class ExactGP(Prior):
    """``p(z^l | x) = N(0, k(x, x))``, and the exact posterior given the encoder's latent data set.

    Args:
        kernel: covariance of the latents over the features.
        num_data: see `Prior`; a mini-batch smaller than N has no exact posterior, so a batch must hold all N.
    """

    def __init__(self, kernel: Kernel, num_data: int | None = None, **kwargs) -> None:
        super().__init__(num_data=num_data, **kwargs)
        self.kernel = kernel

    def call(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> LatentPosterior:
        x = with_latent_axis(features)
        y, s2 = channels_first(mean), channels_first(variance)
        if self.num_data is not None:
            whole = tf.debugging.assert_equal(
                tf.shape(x)[-2], self.num_data, "an exact GP over a data set needs all of it in one batch"
            )
            with tf.control_dependencies([whole] if whole is not None else []):
                x = tf.identity(x)
        k_nn = self.kernel.matrix(x, x)
        q = exact_posterior.posterior(k_nn, y, s2)
        q_mean, q_variance = exact_posterior.marginals(q, k_nn, linalg.diagonal(k_nn))
        cross_entropy = tf.reduce_sum(gaussians.expected_log_density(q_mean, q_variance, y, s2), axis=-1)
        kl = tf.reduce_sum(cross_entropy - exact_posterior.log_marginal_likelihood(q), axis=-1)
        per_example = kl if self.num_data is None else kl / self.num_data
        return LatentPosterior(channels_last(q_mean), channels_last(q_variance), per_example)

    def condition(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> Evidence:
        return Evidence((tf.cast(features, mean.dtype), mean, variance))

    def merge(self, old: Evidence, new: Evidence) -> Evidence:
        return Evidence(tuple(tf.concat([a, b], axis=-2) for a, b in zip(old.arrays, new.arrays, strict=True)))

    def remove(self, old: Evidence, gone: Evidence) -> Evidence:
        keep = _rows_to_keep(np.asarray(old.arrays[0]), np.asarray(gone.arrays[0]))
        return Evidence(tuple(tf.gather(array, keep, axis=-2, batch_dims=keep.ndim - 1) for array in old.arrays))

    def _posterior(self, evidence: Evidence) -> tuple[tf.Tensor, exact_posterior.ExactPosterior]:
        features, mean, variance = evidence.arrays
        x = with_latent_axis(features)
        return x, exact_posterior.posterior(self.kernel.matrix(x, x), channels_first(mean), channels_first(variance))

    def predict(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, q = self._posterior(evidence)
        new = with_latent_axis(features)
        moments = exact_posterior.marginals(q, self.kernel.matrix(x, new), self.kernel.diagonal(new))
        mean, variance = (channels_last(moment) for moment in moments)
        return mean, variance

    def predict_joint(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, q = self._posterior(evidence)
        new = with_latent_axis(features)
        k_nr = self.kernel.matrix(x, new)
        mean, _ = exact_posterior.marginals(q, k_nr, self.kernel.diagonal(new))
        return channels_last(mean), exact_posterior.covariance(q, k_nr, self.kernel.matrix(new, new))

    def validate_features(self, features_shape: tuple[int | None, ...]) -> None:
        self.kernel.validate_features(features_shape[-1])

    def validate_replicas(self) -> None:
        if self.num_data is not None:
            raise ValueError("an exact GP over a data set cannot be split over replicas; use a sparse one")

    def validate_latents(self, num_latents: int) -> None:
        self.kernel.validate_latents(num_latents)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel": keras.saving.serialize_keras_object(self.kernel)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ExactGP":
        return cls(**{**config, "kernel": keras.saving.deserialize_keras_object(config["kernel"])})


def _rows_to_keep(old: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Indices of the rows of ``old`` (..., n, D) that are left when each row of ``gone`` (..., k, D) takes one out."""
    if old.ndim == 3:
        return np.stack([_rows_to_keep(a, b) for a, b in zip(old, gone, strict=True)])
    keep = list(range(len(old)))
    for row in gone:
        found = next((i for i in keep if np.array_equal(old[i], row)), None)
        if found is None:
            raise DataError(f"cannot forget the datum with features {row}: it was never conditioned on")
        keep.remove(found)
    return np.asarray(keep, dtype=np.int64)

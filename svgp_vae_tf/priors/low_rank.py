"""The GP prior of GPPVAE (Casale et al. 2018): objects times views, low rank plus noise."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import gaussians, linalg, low_rank
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.priors.base import Evidence, LatentPosterior, Prior


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class LowRankGP(Prior):
    """``z_l ~ N(0, V V^T + alpha I)`` with ``V V^T = <o, o'> k(w, w')`` for objects o and views w among Q known ones.

    The first features are the view, the others the object's vector. The posterior of a datum is the encoder's own; the
    divergence from the prior involves all N data, so a batch needs the sums over all of them (see `GPPVAE`).

    Args:
        kernel: covariance over views.
        views: the Q distinct views of the training data, (Q, C).
        num_data: N.
        noise_variance: alpha at the start.
        num_object_features: M, if known: features of another width are refused.

    Raises:
        ValueError: for views of a wrong shape, no num_data, or a noise variance that is not positive.
    """

    def __init__(
        self,
        kernel: Kernel,
        views: np.ndarray,
        num_data: int | None,
        noise_variance: float = 0.1,
        num_object_features: int | None = None,
        **kwargs,
    ) -> None:
        if num_data is None:
            raise ValueError("this prior is for one GP over a data set: give num_data, its number of points")
        super().__init__(num_data=num_data, **kwargs)
        self.views = np.asarray(views, dtype=np.float64)
        if self.views.ndim != 2 or self.views.size == 0 or not np.isfinite(self.views).all():
            raise ValueError(f"views need shape (Q, C) and finite values, got shape {self.views.shape}")
        if len(np.unique(self.views, axis=0)) != len(self.views):
            raise ValueError("views must be distinct")
        if not 0.0 < noise_variance < np.inf:
            raise ValueError(f"noise_variance must be positive and finite, got {noise_variance}")
        self.num_object_features = num_object_features
        self.kernel = kernel
        self.kernel.validate_features(self.views.shape[1])
        self.initial_noise_variance = float(noise_variance)
        self._log_alpha = self.add_weight(
            name="log_noise_variance", shape=(), dtype="float64",
            initializer=keras.initializers.Constant(np.log(noise_variance)),
        )  # fmt: skip

    @property
    def noise_variance(self) -> tf.Tensor:
        """alpha, shape ()."""
        return tf.exp(tf.convert_to_tensor(self._log_alpha))

    def factor(self, features: tf.Tensor) -> tf.Tensor:
        """Rows of V at features (n, C + M), shape (n, M Q)."""
        views, objects = self._split(features)
        chol = linalg.cholesky(self.kernel.matrix(self.views, self.views), linalg.ROUNDING)
        return low_rank.factor(chol, self.kernel.matrix(self.views, views), objects)

    def _split(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        columns = self.views.shape[1]
        features = tf.cast(features, linalg.DTYPE)
        return features[..., :columns], features[..., columns:]

    def call(
        self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, whole: low_rank.Sums | None = None
    ) -> LatentPosterior:
        """The encoder's posterior, and its divergence from the prior, (E[-log p(z)] - entropy) / N.

        The value of the first part is that of all data; its gradient is this batch's part (`low_rank.linear_term`).
        Without ``whole`` the batch is all there is.

        Args:
            features: (b, C + M).
            mean, variance: encoder moments, (b, L).
            whole: sums over all training data, from `total`.
        """
        alpha = self.noise_variance
        batch = tf.cast(tf.shape(mean)[0], linalg.DTYPE)
        part = self.total(features, mean, variance)
        if whole is None:
            cross_entropy = low_rank.expected_negative_log_prior(part, alpha) / batch
        else:
            value, slopes, d_alpha = low_rank.expand(whole, alpha)
            linear = low_rank.linear_term(slopes, d_alpha, part, alpha, batch / self.num_data)
            cross_entropy = value / self.num_data + (linear - tf.stop_gradient(linear)) / batch
        entropy = 0.5 * tf.reduce_sum(tf.math.log(variance) + gaussians.LOG_2PI + 1.0, axis=-1)
        return LatentPosterior(mean, variance, cross_entropy - entropy)

    def total(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> low_rank.Sums:
        """Sums over data for training, which does not tell channels' variances apart."""
        return low_rank.sums(self.factor(features), mean, tf.reduce_sum(variance, axis=-1, keepdims=True))

    def condition(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> Evidence:
        return Evidence(tuple(low_rank.sums(self.factor(features), mean, variance)))

    def merge(self, old: Evidence, new: Evidence) -> Evidence:
        return Evidence(tuple(a + b for a, b in zip(old.arrays, new.arrays, strict=True)))

    def remove(self, old: Evidence, gone: Evidence) -> Evidence:
        left = low_rank.Sums(*(a - b for a, b in zip(old.arrays, gone.arrays, strict=True)))
        smallest = tf.reduce_min(tf.linalg.eigvalsh(left.vv))
        if left.count[0] < 0 or smallest < -1e-6 * (1.0 + tf.linalg.trace(old.arrays[0])):
            raise DataError("cannot forget data that the posterior was not given")
        return Evidence(tuple(left))

    def predict(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        views, objects = self._split(features)
        k_diagonal = self.kernel.diagonal(views) * linalg.sum_of_squares(objects)
        return low_rank.predict(low_rank.Sums(*evidence.arrays), self.noise_variance, self.factor(features), k_diagonal)

    def predict_joint(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        views, objects = self._split(features)
        k_new = self.kernel.matrix(views, views) * tf.linalg.matmul(objects, objects, transpose_b=True)
        return low_rank.predict_joint(
            low_rank.Sums(*evidence.arrays), self.noise_variance, self.factor(features), k_new
        )

    def validate_features(self, features_shape: tuple[int | None, ...]) -> None:
        num_features, columns = features_shape[-1], self.views.shape[1]
        if num_features is not None and num_features <= columns:
            raise ValueError(f"features need {columns} view column(s) and object columns, but there are {num_features}")
        objects = self.num_object_features
        if None not in (num_features, objects) and num_features != columns + objects:
            raise DataError(
                f"auxiliary data give {num_features} features, but {columns} view column(s) and an object's vector of "
                f"{objects} make {columns + objects}"
            )

    def validate_latents(self, num_latents: int) -> None:
        if self.kernel.num_latents not in (None, 1):
            raise ValueError("channels share one kernel here; leave out num_latents")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel": keras.saving.serialize_keras_object(self.kernel),
            "views": self.views.tolist(),
            "noise_variance": self.initial_noise_variance,
            "num_object_features": self.num_object_features,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LowRankGP":
        return cls(**{**config, "kernel": keras.saving.deserialize_keras_object(config["kernel"])})

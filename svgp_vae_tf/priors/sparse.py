"""The sparse GP prior of the paper: amortised, mini-batched, everything trained jointly (eqs. 3 to 7, 9 and 10)."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.distribution import sum_over_replicas
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import gaussians, linalg
from svgp_vae_tf.gp import sparse as sparse_posterior
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.priors.base import Evidence, LatentPosterior, Prior, channels_first, channels_last, with_latent_axis

BOUNDS = ("hensman", "titsias")


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class SparseGP(Prior):
    """A GP prior seen through m inducing points.

    Args:
        kernel: covariance of the latents over the features.
        inducing_points: initial places in feature space, (m, D) shared by all channels or (L, m, D).
        bound: "hensman" (eq. 10, for any batch) or "titsias" (eq. 6 on the batch at hand; a bound on the whole data
            set only if the batch is all of it).
        num_data: see `Prior`; scales the statistics of a mini-batch by N/b.
        train_inducing_points: whether `fit` moves them.
        inducing_scale: the optimiser sees the points in this unit, a number or one per feature, so that a learning
            rate of r moves them by about ``r * inducing_scale`` per step; None takes their spread at the start.
        jitter: added to the diagonal of K_mm, relative to its mean.

    Raises:
        ValueError: for an unknown bound, bad inducing points, or more inducing points than data.
    """

    def __init__(
        self,
        kernel: Kernel,
        inducing_points: np.ndarray,
        bound: str = "hensman",
        num_data: int | None = None,
        train_inducing_points: bool = True,
        inducing_scale: float | Sequence[float] | None = None,
        jitter: float = linalg.JITTER,
        **kwargs,
    ) -> None:
        super().__init__(num_data=num_data, **kwargs)
        if bound not in BOUNDS:
            raise ValueError(f"unknown bound {bound!r}; choose one of {', '.join(BOUNDS)}")
        points = np.asarray(inducing_points, dtype=np.float64)
        _check_inducing_points(points, self.num_data)
        self.kernel = kernel
        self.bound = bound
        self.jitter = float(jitter)
        self.train_inducing_points = train_inducing_points
        self.initial_inducing_points = points
        self.inducing_scale = _unit(points, inducing_scale)
        self._raw_points = self.add_weight(
            name="inducing_points", shape=points.shape, initializer="zeros", dtype="float64",
            trainable=train_inducing_points,
        )  # fmt: skip
        self._raw_points.assign(points / self.inducing_scale)
        kernel.validate_features(points.shape[-1])

    @property
    def inducing_points(self) -> tf.Tensor:
        """Where the inducing points are, (m, D) or (L, m, D)."""
        return tf.convert_to_tensor(self._raw_points) * self.inducing_scale

    def _latent_inducing_points(self) -> tf.Tensor:
        """Inducing points with a latent axis, (L or 1, m, D)."""
        z = self.inducing_points
        return z if len(z.shape) == 3 else z[tf.newaxis]

    def _chol_kmm(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Inducing points (L or 1, m, D) and the factor L_m (L or 1, m, m)."""
        z = self._latent_inducing_points()
        return z, linalg.cholesky(self.kernel.matrix(z, z), self.jitter)

    def _project(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """V = L_m^-1 K_mn (..., L or 1, m, n) and k_nn (..., L or 1, n)."""
        z, x = self._latent_inducing_points(), with_latent_axis(features)
        whiten = linalg.inverse_cholesky(self.kernel.matrix(z, z), self.jitter)
        return tf.linalg.matmul(whiten, self.kernel.matrix(z, x)), self.kernel.diagonal(x)

    def unexplained_variance(self, features: tf.Tensor) -> tf.Tensor:
        """What the inducing values leave open of the prior variance, k_rr - k_rm K_mm^-1 k_mr.

        Large where inducing points are missing; it is not negative but for rounding, against which the posterior's
        variances have it cut at zero, and this has not.

        Args:
            features: (..., r, D).

        Returns:
            (..., r, L or 1).
        """
        v, k_diagonal = self._project(features)
        return channels_last(k_diagonal - linalg.sum_of_squares(v, axis=-2))

    def call(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> LatentPosterior:
        y, s2 = channels_first(mean), channels_first(variance)
        v, k_diagonal = self._project(features)
        stats = sparse_posterior.statistics(v, y, s2)
        batch = tf.cast(tf.shape(y)[-1], y.dtype)
        if self.num_data is not None:  # one GP over all replicas' data
            stats, batch = (
                sparse_posterior.Statistics(*(sum_over_replicas(x) for x in stats)),
                sum_over_replicas(batch),
            )
        scale = 1.0 if self.num_data is None else self.num_data / batch
        q_mean, q_variance, kl = sparse_posterior.marginals_and_kl(stats, scale, v, k_diagonal)
        kl = tf.reduce_sum(self._regulariser(kl, stats, (k_diagonal, y, s2), (q_mean, q_variance)), axis=-1)
        per_example = kl if self.num_data is None else kl / self.num_data
        return LatentPosterior(channels_last(q_mean), channels_last(q_variance), per_example)

    def _regulariser(
        self,
        kl: tf.Tensor,
        stats: sparse_posterior.Statistics,
        data: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
        moments: tuple[tf.Tensor, tf.Tensor],
    ) -> tf.Tensor:
        """The regulariser of the whole data set (or of each series), per channel, (..., L); kl is Hensman's."""
        if self.bound == "hensman":
            return kl
        k_diagonal, y, s2 = data
        cross_entropy = tf.reduce_sum(gaussians.expected_log_density(*moments, y, s2), axis=-1)
        surplus = cross_entropy - sparse_posterior.titsias_bound(stats, k_diagonal, y, s2)
        if self.num_data is None:
            return surplus
        return surplus * self.num_data / tf.cast(tf.shape(y)[-1], y.dtype)  # eq. 6 knows the batch alone

    def condition(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> Evidence:
        v, _ = self._project(features)
        return Evidence(tuple(sparse_posterior.statistics(v, channels_first(mean), channels_first(variance))))

    def merge(self, old: Evidence, new: Evidence) -> Evidence:
        return Evidence(tuple(a + b for a, b in zip(old.arrays, new.arrays, strict=True)))

    def remove(self, old: Evidence, gone: Evidence) -> Evidence:
        precision, shift = (a - b for a, b in zip(old.arrays, gone.arrays, strict=True))
        # S is positive semi-definite; where the rest clearly is not, something was taken out that was never in
        values, directions = tf.linalg.eigh(precision)
        if tf.reduce_any(values[..., 0] < -1e-6 * (1.0 + tf.linalg.trace(old.arrays[0]))):
            raise DataError("cannot forget data that the posterior was not given")
        # where it is by rounding, nothing is left but rounding: the prior
        left = tf.where(values > 0.0, values, 0.0)[..., tf.newaxis, :] * directions
        kept = tf.linalg.matvec(directions, shift, transpose_a=True)
        kept = tf.linalg.matvec(directions, tf.where(values > 0.0, kept, 0.0))
        return Evidence((tf.linalg.matmul(left, directions, transpose_b=True), kept))

    def predict(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        v, k_diagonal = self._project(features)
        q = sparse_posterior.posterior(sparse_posterior.Statistics(*evidence.arrays))
        mean, variance = (channels_last(moment) for moment in sparse_posterior.marginals(q, v, k_diagonal))
        return mean, variance

    def predict_joint(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        v, k_diagonal = self._project(features)
        q = sparse_posterior.posterior(sparse_posterior.Statistics(*evidence.arrays))
        mean, _ = sparse_posterior.marginals(q, v, k_diagonal)
        x = with_latent_axis(features)
        return channels_last(mean), sparse_posterior.covariance(q, v, self.kernel.matrix(x, x))

    @property
    def num_features(self) -> int:
        return int(self.initial_inducing_points.shape[-1])

    def validate_features(self, features_shape: tuple[int | None, ...]) -> None:
        given, width = features_shape[-1], self.num_features
        if given is not None and given != width:
            raise ValueError(f"inducing points have {width} feature(s), but auxiliary data give {given}")

    def validate_training(self, features_shape: tuple[int | None, ...]) -> None:
        num_inputs, m = features_shape[-2], self.inducing_points.shape[-2]
        if self.num_data is None and not self.train_inducing_points and num_inputs is not None and m > num_inputs:
            raise ValueError(f"{m} fixed inducing points are more than the {num_inputs} points of a series")

    def validate_replicas(self) -> None:
        if self.bound == "titsias" and self.num_data is not None:
            raise ValueError("the titsias bound of one GP over a data set cannot be split over replicas; use hensman")

    @property
    def least_chunk(self) -> int:
        return 1 if self.num_data is None else int(self.inducing_points.shape[-2])  # against factors of m x m matrices

    def validate_latents(self, num_latents: int) -> None:
        self.kernel.validate_latents(num_latents)
        shape = self.inducing_points.shape
        if len(shape) == 3 and shape[0] not in (1, num_latents):
            raise ValueError(f"inducing points are for {shape[0]} latents, but there are {num_latents}")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel": keras.saving.serialize_keras_object(self.kernel),
            "inducing_points": self.initial_inducing_points.tolist(),
            "bound": self.bound,
            "train_inducing_points": self.train_inducing_points,
            "inducing_scale": self.inducing_scale.tolist(),
            "jitter": self.jitter,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SparseGP":
        kernel = keras.saving.deserialize_keras_object(config["kernel"])
        return cls(**{**config, "kernel": kernel})


def _check_inducing_points(points: np.ndarray, num_data: int | None) -> None:
    if points.ndim not in (2, 3) or 0 in points.shape:
        raise ValueError(f"inducing points need shape (m, D) or (L, m, D) with m >= 1, got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("inducing points hold values that are not finite")
    if num_data is not None and points.shape[-2] > num_data:
        raise ValueError(f"{points.shape[-2]} inducing points are more than the {num_data} data points")


def _unit(points: np.ndarray, unit: float | Sequence[float] | None) -> np.ndarray:
    """The optimiser's unit for each feature, (D,)."""
    if unit is None:
        spread = np.std(points.reshape(-1, points.shape[-1]), axis=0)
        return np.where(spread > 0, spread, 1.0)
    values = np.broadcast_to(np.asarray(unit, dtype=np.float64), points.shape[-1:])
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(f"inducing_scale must be positive and finite, got {unit}")
    return values

"""The sparse GP prior of the paper: amortised, mini-batched, everything trained jointly (eqs. 3 to 7, 9 and 10)."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import finite_array, instance_of, non_negative_number, one_of, positive_array, true_or_false
from svgp_vae_tf.distribution import sum_over_replicas
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import gaussians, linalg, sparse, whitened
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.priors.base import (
    LatentData,
    LatentPosterior,
    Prior,
    SufficientStatistics,
    with_latent_axis,
)
from svgp_vae_tf.priors.sparse_posterior import SparseArrays, SparsePosterior

BOUNDS = ("hensman", "titsias")
SINGLE_PRECISION = 2.0**-24
"""The relative rounding error of the networks' outputs."""


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class SparseGP(Prior):
    """A GP prior approximated with m inducing points.

    Args:
        kernel: covariance of the latents over the features.
        inducing_points: initial locations in feature space, (m, D) shared by all channels or (L, m, D).
        bound: "hensman" (eq. 10, for any batch) or "titsias" (eq. 6 on the batch at hand; a bound on the whole data
            set only if the batch is all of it).
        num_data: see `Prior`; scales the statistics of a mini-batch by N/b.
        train_inducing_points: whether `fit` moves them.
        inducing_scale: the optimiser sees the points divided by this, a number or one per feature, so that a learning
            rate of r moves them by about ``r * inducing_scale`` per step; None takes their initial spread.
        jitter: added to the diagonal of K_mm, relative to its mean.

    Raises:
        ValueError: for an unknown bound, bad inducing points, or more inducing points than data.
    """

    statistics_type: ClassVar[Any] = sparse.SufficientStatistics

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
        self.bound = one_of("bound", bound, BOUNDS)
        points = finite_array("inducing points", inducing_points)
        _check_inducing_points(points, self.num_data)
        self.kernel = instance_of("kernel", kernel, Kernel)
        self.jitter = non_negative_number("jitter", jitter)
        self.train_inducing_points = true_or_false("train_inducing_points", train_inducing_points)
        self.initial_inducing_points = points
        self.inducing_scale = _scale(points, inducing_scale)
        self._raw_points = self.add_weight(
            name="inducing_points", shape=points.shape, initializer="zeros", dtype="float64", autocast=False,
            trainable=self.train_inducing_points,
        )  # fmt: skip
        self._raw_points.assign(points / self.inducing_scale)
        kernel.validate_features(points.shape[-1])

    @property
    def inducing_points(self) -> tf.Tensor:
        """Current inducing points, (m, D) or (L, m, D)."""
        return tf.convert_to_tensor(self._raw_points) * self.inducing_scale

    @property
    def chol_kmm(self) -> tf.Tensor:
        """L_m, the Cholesky factor of the jittered K_mm, shape (L or 1, m, m)."""
        z = self._latent_inducing_points()
        return linalg.cholesky(self.kernel.matrix(z, z), self.jitter)

    def _latent_inducing_points(self) -> tf.Tensor:
        """Inducing points with a latent axis, (L or 1, m, D)."""
        z = self.inducing_points
        return z if len(z.shape) == 3 else z[tf.newaxis]

    def factors(self) -> tuple[tf.Tensor, ...]:
        """L_m^-1, shape (L or 1, m, m)."""
        z = self._latent_inducing_points()
        return (linalg.inverse_cholesky(self.kernel.matrix(z, z), self.jitter),)

    def project(self, features: tf.Tensor, factors: tuple[tf.Tensor, ...] | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """V = L_m^-1 K_mn, shape (..., L or 1, m, n), and k_nn, shape (..., L or 1, n), at features (..., n, D)."""
        x = with_latent_axis(features)
        if factors is not None:
            return self._whiten(x, *factors)
        z = self._latent_inducing_points()
        v = linalg.whiten(self.kernel.matrix(z, z), self.kernel.matrix(z, x), self.jitter)
        return v, self.kernel.diagonal(x)

    def _whiten(self, x: tf.Tensor, whiten: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.linalg.matmul(whiten, self.kernel.matrix(self._latent_inducing_points(), x)), self.kernel.diagonal(x)

    def unexplained_variance(self, features: tf.Tensor) -> tf.Tensor:
        """Prior variance that the inducing values leave open, k_rr - k_rm K_mm^-1 k_mr.

        Large where inducing points are missing. Rounding can make it slightly negative; the posterior's variances
        clip it at zero, this method does not.

        Args:
            features: (..., r, D).

        Returns:
            (..., r, L or 1).
        """
        return tf.linalg.matrix_transpose(whitened.unexplained_variance(*self.project(features)))

    def call(self, data: LatentData) -> LatentPosterior:
        """Posterior of eqs. 3 and 9 at a batch, and its share of the regulariser of eq. 10.

        Args:
            data: (b, ...), or (series, n, ...).

        Returns:
            Marginals, and per example the KL of its series, or KL / N.
        """
        y, s2 = data.y, data.s2
        v, k_diagonal = self.project(data.features)
        stats, scale = sparse.statistics(v, y, s2), 1.0
        if self.num_data is not None:  # one GP over the data of all replicas
            stats = sparse.SufficientStatistics(*(sum_over_replicas(x) for x in stats))
            scale = self.num_data / sum_over_replicas(tf.cast(tf.shape(y)[-1], y.dtype))
        q = sparse.posterior(stats, scale)
        moments = whitened.marginals(q, v, k_diagonal)
        kl = tf.reduce_sum(self._regulariser(q, stats, (k_diagonal, y, s2), moments), axis=-1)
        return LatentPosterior.from_channels_first(*moments, kl if self.num_data is None else kl / self.num_data)

    def _regulariser(
        self,
        q: whitened.WhitenedPosterior,
        stats: sparse.SufficientStatistics,
        data: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
        moments: tuple[tf.Tensor, tf.Tensor],
    ) -> tf.Tensor:
        """The regulariser of the whole data set (or of each series), per channel, (..., L).

        Args:
            q: of the inducing values.
            stats: of the batch.
            data: k_nn, y and s2 of the batch.
            moments: marginals at the batch.
        """
        if self.bound == "hensman":
            return whitened.kl(q)
        k_diagonal, y, s2 = data
        cross_entropy = tf.reduce_sum(gaussians.expected_log_density(*moments, y, s2), axis=-1)
        surplus = cross_entropy - sparse.titsias_bound(stats, k_diagonal, y, s2)
        if self.num_data is None:
            return surplus
        return surplus * self.num_data / tf.cast(tf.shape(y)[-1], y.dtype)  # eq. 6 covers the batch only

    def statistics(self, data: LatentData, factors: tuple[tf.Tensor, ...] | None = None) -> sparse.SufficientStatistics:
        """S = V Omega^-1 V^T and s = V Omega^-1 y."""
        v, _ = self.project(data.features, factors)
        return sparse.statistics(v, data.y, data.s2)

    def remove(self, full: SufficientStatistics, removed: SufficientStatistics) -> SufficientStatistics:
        """The difference of the statistics, without what rounding leaves of directions that are empty.

        Networks in single precision give the removed data other moments than when they were added, unless they come in
        the same chunks. That leaves an error of about 1e-7 d^T S d in direction d, for S of all data, and 1 + d^T S' d
        times less in the posterior mean, for S' of the data that stay. Where the latter error is not small, nothing is
        known any more, and the posterior is the prior.

        Raises:
            DataError: if S is clearly not positive semi-definite afterwards, so that the data were not part of it.
        """
        precision, information = (a - b for a, b in zip(full, removed, strict=True))
        values, directions = tf.linalg.eigh(precision)
        if tf.reduce_any(values[..., 0] < -1e-6 * (1.0 + tf.linalg.trace(full.data_precision))):
            raise DataError("cannot forget data that the posterior was not given")
        before = tf.reduce_sum(directions * tf.linalg.matmul(full.data_precision, directions), axis=-2)
        known = (values > 0.0) & (1.0 + values > 100.0 * SINGLE_PRECISION * before)
        kept = tf.where(known, values, 0.0)[..., tf.newaxis, :] * directions
        components = tf.linalg.matvec(directions, information, transpose_a=True)
        return sparse.SufficientStatistics(
            tf.linalg.matmul(kept, directions, transpose_b=True),
            tf.linalg.matvec(directions, tf.where(known, components, 0.0)),
        )

    def posterior(self, statistics: SufficientStatistics) -> SparsePosterior:
        """Factors K_mm and B, O(m^3) per channel."""
        q = sparse.posterior(statistics)
        return SparsePosterior(self, SparseArrays(self.factors()[0], q.mean, q.root))

    @property
    def num_features(self) -> int:
        """D, the width of the inducing points."""
        return int(self.initial_inducing_points.shape[-1])

    def validate_features(self, features_shape: tuple[int | None, ...]) -> None:
        """Raise DataError if features are not as wide as the inducing points."""
        given, width = features_shape[-1], self.num_features
        if given is not None and given != width:
            raise DataError(
                f"inducing points have {width} feature(s), but auxiliary data give {given}: choose columns of a "
                "DataFrame or dict with auxiliary=NamedColumns([...])"
            )

    def validate_training(self, features_shape: tuple[int | None, ...]) -> None:
        """Raise ValueError for more fixed inducing points than points of a series."""
        num_inputs, m = features_shape[-2], self.initial_inducing_points.shape[-2]
        if self.num_data is None and not self.train_inducing_points and num_inputs is not None and m > num_inputs:
            raise ValueError(f"{m} fixed inducing points are more than the {num_inputs} points of a series")

    def validate_replicas(self) -> None:
        """Raise ValueError for Titsias' bound of one data set, which is not a sum over parts of a batch."""
        if self.bound == "titsias" and self.num_data is not None:
            raise ValueError("the titsias bound of one GP over a data set cannot be split over replicas; use hensman")

    def validate_latents(self, num_latents: int) -> None:
        """Raise ValueError if kernel or inducing points are for another number of channels."""
        self.kernel.validate_latents(num_latents)
        shape = self.initial_inducing_points.shape
        if len(shape) == 3 and shape[0] not in (1, num_latents):
            raise ValueError(f"inducing points are for {shape[0]} latents, but there are {num_latents}")

    def get_config(self) -> dict[str, Any]:
        """The constructor\'s arguments."""
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
        """From `get_config`."""
        config = renamed(config)
        return cls(**{**config, "kernel": keras.saving.deserialize_keras_object(config["kernel"])})


def renamed(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with today's names; files of version 0.1.0 before its release say ``inducing_unit``."""
    return {"inducing_scale" if name == "inducing_unit" else name: value for name, value in config.items()}


def _check_inducing_points(points: np.ndarray, num_data: int | None) -> None:
    if points.ndim not in (2, 3) or 0 in points.shape:
        raise ValueError(f"inducing points need shape (m, D) or (L, m, D) with m >= 1, got {points.shape}")
    if num_data is not None and points.shape[-2] > num_data:
        raise ValueError(f"{points.shape[-2]} inducing points are more than the {num_data} data points")


def _scale(points: np.ndarray, scale: float | Sequence[float] | None) -> np.ndarray:
    """The optimiser's unit of length for each feature, (D,)."""
    if scale is None:
        spread = np.std(points.reshape(-1, points.shape[-1]), axis=0)
        return np.where(spread > 0, spread, 1.0)
    values = positive_array("inducing_scale", scale)
    if values.shape not in ((), (1,), points.shape[-1:]):
        raise ValueError(f"inducing_scale must be a number or one per feature, {points.shape[-1:]}, got {values.shape}")
    return np.broadcast_to(values, points.shape[-1:])

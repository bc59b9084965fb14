"""The exact GP prior of Pearce (2020): eqs. 1 and 2 of the paper. Cubic in the length of a series."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import instance_of
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import exact, gaussians, linalg
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.kernels.functions import PriorFunctions, can_draw, num_random
from svgp_vae_tf.priors.base import (
    Functions,
    LatentData,
    LatentPosterior,
    Posterior,
    Prior,
    standard_normal,
    with_latent_axis,
)


class ExactArrays(NamedTuple):
    """The data's features and the factors of K_nn + diag(s2) = R R^T."""

    features: tf.Tensor
    """Shape (..., n, D)."""
    chol: tf.Tensor
    """R, shape (..., L, n, n)."""
    whitened: tf.Tensor
    """R^-1 y, shape (..., L, n)."""
    variance: tf.Tensor
    """s2, shape (..., L, n)."""


class ExactPosterior(Posterior):
    """The exact posterior, eq. 1."""

    def _marginals(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return exact.marginals(*self._factors(x), self.prior.kernel.diagonal(x))

    def _joint(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        q, k_nr = self._factors(x)
        mean, _ = exact.marginals(q, k_nr, self.prior.kernel.diagonal(x))
        return mean, exact.covariance(q, k_nr, self.prior.kernel.matrix(x, x))

    @property
    def num_anchors(self) -> int:
        """n, the points of the data."""
        return int(self.arrays.features.shape[-2])

    @property
    def num_random(self) -> int:
        """See `Posterior.num_random`."""
        return num_random(self.prior.kernel, self.arrays.whitened.shape[-2], self.arrays.features.shape[-1])

    def functions(self, generators: Sequence[np.random.Generator]) -> Functions | None:
        """f(x) + k(x, X) C^-1 (y - f(X) - noise), noise ~ N(0, s2), see `Posterior.functions`."""
        kernel, (features, chol, whitened, s2) = self.prior.kernel, self.arrays
        if not can_draw(kernel):
            return None
        data = with_latent_axis(features)
        f = PriorFunctions(kernel, generators, whitened.shape[:-1], features.shape[-1])
        noisy = f(data) + tf.sqrt(s2) * standard_normal(generators, s2.shape)
        residual = whitened - linalg.solve_lower_vector(chol, noisy)
        weights = tf.linalg.triangular_solve(chol, residual[..., tf.newaxis], adjoint=True)[..., 0]

        def draws(features: tf.Tensor) -> tf.Tensor:
            x = with_latent_axis(features)
            return tf.linalg.matrix_transpose(f(x) + linalg.channel_vecmat(weights, kernel.matrix(data, x)))

        return draws

    def _factors(self, x: tf.Tensor) -> tuple[exact.ExactPosterior, tf.Tensor]:
        k_nr = self.prior.kernel.matrix(with_latent_axis(self.arrays.features), x)
        return exact.ExactPosterior(self.arrays.chol, self.arrays.whitened), k_nr


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class ExactGP(Prior):
    """``p(z^l | x) = N(0, k(x, x))``, and the exact posterior given the encoder's latent data set.

    Its sufficient statistics are the latent data themselves.

    Args:
        kernel: covariance of the latents over the features.
        num_data: see `Prior`; a mini-batch smaller than N has no exact posterior, so a batch must hold all N.
    """

    statistics_type = LatentData

    def __init__(self, kernel: Kernel, num_data: int | None = None, **kwargs) -> None:
        super().__init__(num_data=num_data, **kwargs)
        self.kernel = instance_of("kernel", kernel, Kernel)

    def call(self, data: LatentData) -> LatentPosterior:
        """The exact posterior at the data, and E_q[log q~(z | y)] - log Z (eq. 2)."""
        x, y, s2 = self._complete(data.x), data.y, data.s2
        k_nn = self.kernel.matrix(x, x)
        q = exact.posterior(k_nn, y, s2)
        mean, variance = exact.marginals_at_data(q, k_nn, y, s2)
        cross_entropy = tf.reduce_sum(gaussians.expected_log_density(mean, variance, y, s2), axis=-1)
        kl = tf.reduce_sum(cross_entropy - exact.log_marginal_likelihood(q), axis=-1)
        return LatentPosterior.from_channels_first(mean, variance, kl if self.num_data is None else kl / self.num_data)

    def _complete(self, x: tf.Tensor) -> tf.Tensor:
        """The features of a batch, which must hold the whole data set if there is one."""
        if self.num_data is None:
            return x
        complete = tf.debugging.assert_equal(
            tf.shape(x)[-2], self.num_data, "an exact GP over a data set needs all of it in one batch"
        )
        with tf.control_dependencies([complete] if complete is not None else []):
            return tf.identity(x)

    def log_marginal_likelihood(self, data: LatentData) -> tf.Tensor:
        """log Z of latent data sets (eq. 2), summed over channels, (...)."""
        q = exact.posterior(self.kernel.matrix(data.x, data.x), data.y, data.s2)
        return tf.reduce_sum(exact.log_marginal_likelihood(q), axis=-1)

    def statistics(self, data: LatentData, factors: tuple[tf.Tensor, ...] | None = None) -> LatentData:
        """The data themselves."""
        return data

    def merge(self, one: LatentData, other: LatentData) -> LatentData:
        """Both data sets, one after the other."""
        return LatentData(*(tf.concat([a, b], axis=-2) for a, b in zip(one, other, strict=True)))

    def remove(self, full: LatentData, removed: LatentData) -> LatentData:
        """The data without one row for each removed one: of those with its features, that with the nearest moments.

        Raises:
            DataError: if no row has its features, or none of them its mean and variance up to rounding.
        """
        rows, given = (np.concatenate([np.asarray(x) for x in data], axis=-1) for data in (full, removed))
        keep = _rows_to_keep(rows, given, width=full.features.shape[-1])
        return LatentData(*(tf.gather(array, keep, axis=-2, batch_dims=keep.ndim - 1) for array in full))

    def posterior(self, statistics: LatentData) -> ExactPosterior:
        """Factors K_nn + diag(s2), O(n^3)."""
        x = statistics.x
        q = exact.posterior(self.kernel.matrix(x, x), statistics.y, statistics.s2)
        return ExactPosterior(self, ExactArrays(statistics.features, *q, statistics.s2))

    def validate_features(self, features_shape: tuple[int | None, ...]) -> None:
        """Raise ValueError if the kernel selects a column that features lack."""
        self.kernel.validate_features(features_shape[-1])

    def validate_replicas(self) -> None:
        """Raise ValueError for one GP over a data set."""
        if self.num_data is not None:
            raise ValueError("an exact GP over a data set cannot be split over replicas; use a sparse one")

    def validate_latents(self, num_latents: int) -> None:
        """Raise ValueError if the kernel is for another number of channels."""
        self.kernel.validate_latents(num_latents)

    def get_config(self) -> dict[str, Any]:
        """The constructor\'s arguments."""
        return {**super().get_config(), "kernel": keras.saving.serialize_keras_object(self.kernel)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ExactGP":
        """From `get_config`."""
        return cls(**{**config, "kernel": keras.saving.deserialize_keras_object(config["kernel"])})


def _rows_to_keep(full: np.ndarray, removed: np.ndarray, width: int) -> np.ndarray:
    """Indices of the rows of ``full`` that stay when each row of ``removed`` takes one out.

    Args:
        full, removed: (..., n, D + 2 L) and (..., k, D + 2 L): features, means and variances.
        width: D.
    """
    if full.ndim == 3:
        return np.stack([_rows_to_keep(a, b, width) for a, b in zip(full, removed, strict=True)])
    keep = list(range(len(full)))
    for row in removed:
        equal = [i for i in keep if np.array_equal(full[i, :width], row[:width])]
        if not equal:
            raise DataError(f"cannot forget the datum with features {row[:width]}: it was never conditioned on")
        distances = _distances(full[equal, width:], row[width:])
        if distances.min() > 1.0:
            raise DataError(f"cannot forget the datum with features {row[:width]}: what was observed there differs")
        keep.remove(equal[int(np.argmin(distances))])
    return np.asarray(keep, dtype=np.int64)


def _distances(moments: np.ndarray, given: np.ndarray) -> np.ndarray:
    """How far rows of means and variances (n, 2 L) are from given ones (2 L), in units of what rounding may explain."""
    (mean, variance), (given_mean, given_variance) = np.split(moments, 2, axis=-1), np.split(given, 2)
    of_mean = np.abs(mean - given_mean) / (1e-2 * np.sqrt(given_variance) + 1e-3 * np.abs(given_mean))
    of_variance = np.abs(np.log(variance / given_variance)) / 1e-2
    return np.maximum(of_mean, of_variance).max(axis=-1)

"""The GP prior of GPPVAE (Casale et al. 2018): objects times views, low rank plus noise."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import finite_array, instance_of, positive_number, whole_number
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import gaussians, linalg, low_rank
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.kernels.functions import PriorFunctions, can_draw, num_random
from svgp_vae_tf.priors.base import (
    Functions,
    LatentData,
    LatentPosterior,
    Posterior,
    Prior,
    SufficientStatistics,
    standard_normal,
)


class LowRankPosterior(Posterior):
    """The posterior of the latent function <o, .> k(w, .) given all data."""

    def predict(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and variance of the latents at new features (r, C + M), each (r, L)."""
        views, objects = self.prior.split(features)
        k_diagonal = self.prior.kernel.diagonal(views) * linalg.sum_of_squares(objects)
        return low_rank.marginals(self.arrays, self.prior.factor(features), k_diagonal)

    def predict_joint(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean (r, L) and covariances (L, r, r) of the latents at new features (r, C + M)."""
        views, objects = self.prior.split(features)
        k_new = self.prior.kernel.matrix(views, views) * tf.linalg.matmul(objects, objects, transpose_b=True)
        return low_rank.joint(self.arrays, self.prior.factor(features), k_new)

    @property
    def num_anchors(self) -> int:
        """Q, the views."""
        return len(self.prior.views)

    @property
    def num_random(self) -> int:
        """See `Posterior.num_random`."""
        return num_random(self.prior.kernel, 1, self.prior.views.shape[1])

    def functions(self, generators: Sequence[np.random.Generator]) -> Functions | None:
        """V(x) c + what V leaves unexplained of a draw of the prior, see `Posterior.functions`.

        The prior's function is <o, g(w)> for M functions g of the view w, one for each entry of the object's vector o.
        Its part V(x) L_q^-1 g(views) is replaced by the posterior's, of c ~ N(w, alpha C^-1 + C^-1 V^T D V C^-1).
        """
        prior, q = self.prior, self.arrays
        if not can_draw(prior.kernel):
            return None
        count, columns = prior.views.shape
        num_latents, size = q.weighted_gram.shape[:2]
        leading = (num_latents, size // count)
        g = PriorFunctions(prior.kernel, generators, leading, columns)
        explained = linalg.solve_lower(prior.chol_views, tf.linalg.matrix_transpose(g(prior.views[np.newaxis])))
        explained = tf.reshape(tf.linalg.matrix_transpose(explained), (-1, num_latents, size))
        weights = low_rank.draw_weights(q, *(standard_normal(generators, (num_latents, size)) for _ in range(2)))

        def draws(features: tf.Tensor) -> tf.Tensor:
            views, objects = prior.split(features)
            of_prior = tf.reduce_sum(g(views[tf.newaxis]) * tf.linalg.matrix_transpose(objects), axis=-2)
            v = prior.factor(features)
            return tf.linalg.matrix_transpose(of_prior + tf.linalg.matmul(weights - explained, v, transpose_b=True))

        return draws


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

    statistics_type: ClassVar[Any] = low_rank.SufficientStatistics

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
        self.views = finite_array("views", views)
        if self.views.ndim != 2 or self.views.size == 0:
            raise ValueError(f"views need shape (Q, C), got shape {self.views.shape}")
        if len(np.unique(self.views, axis=0)) != len(self.views):
            raise ValueError("views must be distinct")
        if num_object_features is not None:
            num_object_features = whole_number("num_object_features", num_object_features)
        self.num_object_features = num_object_features
        self.kernel = instance_of("kernel", kernel, Kernel)
        self.kernel.validate_features(self.views.shape[1])
        self.initial_noise_variance = positive_number("noise_variance", noise_variance)
        self._log_alpha = self.add_weight(
            name="log_noise_variance", shape=(), dtype="float64", autocast=False,
            initializer=keras.initializers.Constant(np.log(self.initial_noise_variance)),
        )  # fmt: skip

    @property
    def noise_variance(self) -> tf.Tensor:
        """alpha, shape ()."""
        return tf.exp(tf.convert_to_tensor(self._log_alpha))

    def factor(self, features: tf.Tensor) -> tf.Tensor:
        """Rows of V at features (n, C + M), shape (n, M Q)."""
        views, objects = self.split(features)
        return low_rank.factor(self.chol_views, self.kernel.matrix(self.views, views), objects)

    @property
    def chol_views(self) -> tf.Tensor:
        """L_q, the Cholesky factor of the kernel among the Q views, shape (Q, Q)."""
        return linalg.cholesky(self.kernel.matrix(self.views, self.views), linalg.ROUNDING)

    def split(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Views (..., C) and object vectors (..., M)."""
        columns = self.views.shape[1]
        return features[..., :columns], features[..., columns:]

    def call(self, data: LatentData, full: low_rank.SufficientStatistics | None = None) -> LatentPosterior:
        """The encoder's posterior, and its divergence from the prior, (E[-log p(z)] - entropy) / N.

        The value of the first term is that of all data; its gradient is the batch's share (`low_rank.linear_term`).
        Without ``full`` the batch is the whole data set.

        Args:
            data: (b, ...).
            full: statistics of all training data, from `totals`.
        """
        alpha = self.noise_variance
        count = tf.cast(tf.shape(data.mean)[0], linalg.DTYPE)
        batch = self.totals(data)
        if full is None:
            cross_entropy = low_rank.expected_negative_log_prior(batch, alpha) / count
        else:
            value, slopes, d_alpha = low_rank.expand(full, alpha)
            linear = low_rank.linear_term(slopes, d_alpha, batch, alpha, count / self.num_data)
            cross_entropy = value / self.num_data + (linear - tf.stop_gradient(linear)) / count
        entropy = 0.5 * tf.reduce_sum(tf.math.log(data.variance) + gaussians.LOG_2PI + 1.0, axis=-1)
        return LatentPosterior(data.mean, data.variance, cross_entropy - entropy)

    def totals(self, data: LatentData) -> low_rank.SufficientStatistics:
        """Statistics for training, which needs the encoder's variances summed over channels only."""
        total_variance = tf.reduce_sum(data.variance, axis=-1, keepdims=True)
        return low_rank.statistics(self.factor(data.features), data.mean, total_variance)

    def statistics(self, data: LatentData, factors: tuple[tf.Tensor, ...] | None = None) -> SufficientStatistics:
        """Sums over the data, see `low_rank.SufficientStatistics`."""
        return low_rank.statistics(self.factor(data.features), data.mean, data.variance)

    def remove(self, full: SufficientStatistics, removed: SufficientStatistics) -> SufficientStatistics:
        """The difference of the sums.

        Raises:
            DataError: if it cannot be the sums of any data.
        """
        rest = low_rank.SufficientStatistics(*(a - b for a, b in zip(full, removed, strict=True)))
        if rest.count[0] < 0 or not low_rank.can_be_sums(rest, full):
            raise DataError("cannot forget data that the posterior was not given")
        if rest.count[0] == 0:  # without what rounding leaves
            return low_rank.SufficientStatistics(*map(tf.zeros_like, rest))
        return rest

    def posterior(self, statistics: SufficientStatistics) -> LowRankPosterior:
        """Factors C = alpha I + V^T V, O(H^3)."""
        return LowRankPosterior(self, low_rank.posterior(statistics, self.noise_variance))

    @property
    def num_features(self) -> int | None:
        """Columns of the views and of the objects' vectors, if the latter are known."""
        return None if self.num_object_features is None else self.views.shape[1] + self.num_object_features

    def validate_features(self, features_shape: tuple[int | None, ...]) -> None:
        """Raise ValueError or DataError if features are not views and object vectors."""
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
        """Raise ValueError for a kernel with parameters per channel."""
        if self.kernel.num_latents not in (None, 1):
            raise ValueError("channels share one kernel here; leave out num_latents")

    def get_config(self) -> dict[str, Any]:
        """The constructor\'s arguments."""
        return {
            **super().get_config(),
            "kernel": keras.saving.serialize_keras_object(self.kernel),
            "views": self.views.tolist(),
            "noise_variance": self.initial_noise_variance,
            "num_object_features": self.num_object_features,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LowRankGP":
        """From `get_config`."""
        return cls(**{**config, "kernel": keras.saving.deserialize_keras_object(config["kernel"])})

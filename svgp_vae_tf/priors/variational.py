"""The sparse GP of deep SVIGP (eq. 8): q(u) has free parameters instead of an encoder's data."""

from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import finite_array, whole_number
from svgp_vae_tf.gp import linalg, whitened
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.priors.base import LatentData, LatentPosterior, SufficientStatistics
from svgp_vae_tf.priors.sparse import SparseGP
from svgp_vae_tf.priors.sparse_posterior import SparseArrays, SparsePosterior


class Nothing(NamedTuple):
    """What conditioning keeps: the data are in q(u) already."""

    zeros: tf.Tensor
    """Shape (1, L)."""


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class VariationalGP(SparseGP):
    """One GP over a data set whose q(f_m) = N(mu, A) is a weight (Hensman et al. 2013, uncollapsed).

    Whitened, f_m = L_m u and q(u) = N(w, T T^T); it starts as the prior, w = 0 and T = I. The data reach q through
    training alone: encoded moments are ignored, and conditioning changes nothing.

    Args:
        kernel, inducing_points: see `SparseGP`.
        num_latents: L, the number of latent channels.
        num_data: N.
        kwargs: as for `SparseGP`, without `bound`.

    Raises:
        ValueError: without num_data, for fewer than one latent, and as for `SparseGP`.
    """

    statistics_type: ClassVar[Any] = Nothing
    keeps_data: ClassVar[bool] = False

    def __init__(
        self,
        kernel: Kernel,
        inducing_points: np.ndarray,
        num_latents: int,
        num_data: int | None = None,
        **kwargs,
    ) -> None:
        if num_data is None:
            raise ValueError("a variational q(u) is for one GP over a data set: give num_data, its number of points")
        if "bound" in kwargs:
            raise ValueError("a variational q(u) has one bound, that of eq. 8; leave out `bound`")
        super().__init__(kernel, inducing_points, num_data=num_data, **kwargs)
        self.num_latents = whole_number("num_latents", num_latents)
        super().validate_latents(self.num_latents)
        shape = (self.num_latents, self.initial_inducing_points.shape[-2])
        options: dict[str, Any] = {"initializer": "zeros", "dtype": "float64", "autocast": False}
        self._mean = self.add_weight(name="variational_mean", shape=shape, **options)
        # T below the diagonal, its logarithm on it; entries above are unused
        self._raw_factor = self.add_weight(name="variational_factor", shape=(*shape, shape[-1]), **options)

    @property
    def q_u(self) -> whitened.WhitenedPosterior:
        """q(u) = N(w, M^T M) with w (L, m) and M = T^T (L, m, m)."""
        raw = tf.convert_to_tensor(self._raw_factor)
        lower = tf.linalg.band_part(raw, -1, 0)
        factor = tf.linalg.set_diag(lower, tf.exp(tf.linalg.diag_part(raw)))
        return whitened.WhitenedPosterior(tf.convert_to_tensor(self._mean), tf.linalg.matrix_transpose(factor))

    def inducing_moments(self) -> tuple[tf.Tensor, tf.Tensor]:
        """mu (L, m) and A (L, m, m) of q(f_m)."""
        return whitened.inducing_moments(self.q_u, self.chol_kmm)

    def assign_inducing_moments(self, mu: np.ndarray, a: np.ndarray) -> None:
        """Set q(f_m) = N(mu, A) for the current kernel and inducing points.

        Args:
            mu: shape (L, m).
            a: positive definite, shape (L, m, m).

        Raises:
            ValueError: for wrong shapes, values that are not finite, or an A that is not positive definite.
        """
        mu, a = finite_array("mu", mu), finite_array("A", a)
        shapes = tuple(self._mean.shape), tuple(self._raw_factor.shape)
        if (mu.shape, a.shape) != shapes:
            raise ValueError(f"mu and A need shapes {shapes[0]} and {shapes[1]}, got {mu.shape} and {a.shape}")
        if not (np.allclose(a, np.swapaxes(a, -1, -2)) and (np.linalg.eigvalsh(a) > 0).all()):
            raise ValueError("A must be symmetric and positive definite")
        q = whitened.from_inducing_moments(tf.constant(mu), tf.constant(a), self.chol_kmm)
        factor = tf.linalg.matrix_transpose(q.root)
        self._mean.assign(q.mean)
        self._raw_factor.assign(tf.linalg.set_diag(factor, tf.math.log(tf.linalg.diag_part(factor))))

    def call(self, data: LatentData) -> LatentPosterior:
        """Marginals of q_S (eq. 3) at a batch, and KL(q(f_m) || p(f_m)) / N, summed over channels.

        Args:
            data: features (b, D); moments are ignored, so that no encoder is needed.
        """
        q = self.q_u
        moments = whitened.marginals(q, *self.project(data.features))
        return LatentPosterior.from_channels_first(*moments, tf.reduce_sum(whitened.kl(q)) / self.num_data)

    def statistics(self, data: LatentData, factors: tuple[tf.Tensor, ...] | None = None) -> SufficientStatistics:
        """Nothing: the data are in q(u) already."""
        return Nothing(tf.zeros((1, self.num_latents), linalg.DTYPE))

    def merge(self, one: SufficientStatistics, other: SufficientStatistics) -> SufficientStatistics:
        """Further data change nothing."""
        return one

    def remove(self, full: SufficientStatistics, removed: SufficientStatistics) -> SufficientStatistics:
        """Nothing was kept of the data."""
        return full

    def posterior(self, statistics: SufficientStatistics) -> SparsePosterior:
        """q_S of the current q(u)."""
        q = self.q_u
        return SparsePosterior(self, SparseArrays(self.factors()[0], q.mean, q.root))

    def validate_latents(self, num_latents: int) -> None:
        """Raise ValueError for another number of channels."""
        super().validate_latents(num_latents)
        if num_latents != self.num_latents:
            raise ValueError(f"the prior has num_latents={self.num_latents}, but there are {num_latents} latents")

    def get_config(self) -> dict[str, Any]:
        """The constructor\'s arguments."""
        config = {**super().get_config(), "num_latents": self.num_latents}
        del config["bound"]
        return config


# files that were saved under the earlier name of the class
keras.saving.get_custom_objects()["svgp_vae_tf>FreeFormGP"] = VariationalGP

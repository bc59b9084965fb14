"""The sparse GP of deep SVIGP (eq. 8): q(u) is free, not amortised, so that no encoder is needed."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.gp import linalg
from svgp_vae_tf.gp import whitened as free_form
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.priors.base import Evidence, LatentPosterior, channels_last, with_latent_axis
from svgp_vae_tf.priors.sparse import SparseGP


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class FreeFormGP(SparseGP):
    """One GP over a data set whose q(f_m) = N(mu, A) is a weight (Hensman et al. 2013).

    Whitened, f_m = L_m u and q(u) = N(w, T T^T); it starts as the prior, w = 0 and T = I. What the data say reaches q
    through training alone: encoded moments are ignored, and conditioning changes nothing.

    Args:
        kernel, inducing_points: see `SparseGP`.
        num_latents: L, the number of latent channels.
        num_data: N.
        kwargs: as for `SparseGP`, without `bound`.

    Raises:
        ValueError: without num_data, for fewer than one latent, and as for `SparseGP`.
    """

    def __init__(
        self,
        kernel: Kernel,
        inducing_points: np.ndarray,
        num_latents: int,
        num_data: int | None = None,
        **kwargs,
    ) -> None:
        if num_data is None:
            raise ValueError("a free q(u) is for one GP over a data set: give num_data, its number of points")
        if num_latents < 1:
            raise ValueError(f"num_latents must be at least 1, got {num_latents}")
        if "bound" in kwargs:
            raise ValueError("a free q(u) has one bound, that of eq. 8; leave out `bound`")
        super().__init__(kernel, inducing_points, num_data=num_data, **kwargs)
        self.num_latents = int(num_latents)
        super().validate_latents(self.num_latents)
        shape = (self.num_latents, self.initial_inducing_points.shape[-2])
        options: dict[str, Any] = {"initializer": "zeros", "dtype": "float64", "trainable": True}
        self._mean = self.add_weight(name="free_mean", shape=shape, **options)
        # below the diagonal T itself, on it the logarithm; what is above is not used
        self._raw_factor = self.add_weight(name="free_factor", shape=(*shape, shape[-1]), **options)

    @property
    def free_posterior(self) -> free_form.FreePosterior:
        """q(u): w (L, m) and T (L, m, m)."""
        raw = tf.convert_to_tensor(self._raw_factor)
        lower = tf.linalg.band_part(raw, -1, 0)
        factor = tf.linalg.set_diag(lower, tf.exp(tf.linalg.diag_part(raw)))
        return free_form.FreePosterior(tf.convert_to_tensor(self._mean), factor)

    def inducing_moments(self) -> tuple[tf.Tensor, tf.Tensor]:
        """mu (L, m) and A (L, m, m) of q(f_m)."""
        return free_form.inducing_moments(self.free_posterior, self._chol_kmm()[1])

    def assign_inducing_moments(self, mu: np.ndarray, a: np.ndarray) -> None:
        """Set q(f_m) = N(mu, A) for the present kernel and inducing points.

        Args:
            mu: shape (L, m).
            a: positive definite, shape (L, m, m).

        Raises:
            ValueError: for wrong shapes, values that are not finite, or an A that is not positive definite.
        """
        mu, a = (np.asarray(x, dtype=np.float64) for x in (mu, a))
        shapes = tuple(self._mean.shape), tuple(self._raw_factor.shape)
        if (mu.shape, a.shape) != shapes:
            raise ValueError(f"mu and A need shapes {shapes[0]} and {shapes[1]}, got {mu.shape} and {a.shape}")
        if not (np.isfinite(mu).all() and np.isfinite(a).all()):
            raise ValueError("mu or A hold values that are not finite")
        if not (np.allclose(a, np.swapaxes(a, -1, -2)) and (np.linalg.eigvalsh(a) > 0).all()):
            raise ValueError("A must be symmetric and positive definite")
        _, chol = self._chol_kmm()
        q = free_form.from_inducing_moments(tf.constant(mu), tf.constant(a), chol)
        self._mean.assign(q.mean)
        self._raw_factor.assign(tf.linalg.set_diag(q.factor, tf.math.log(tf.linalg.diag_part(q.factor))))

    def call(
        self, features: tf.Tensor, mean: tf.Tensor | None = None, variance: tf.Tensor | None = None
    ) -> LatentPosterior:
        """Marginals of q_S (eq. 3) at a batch, and KL(q(f_m) || p(f_m)) / N, summed over channels.

        Args:
            features: auxiliary features, (b, D).
            mean, variance: ignored; there need be no encoder.
        """
        kl = tf.reduce_sum(free_form.kl(self.free_posterior)) / self.num_data
        return LatentPosterior(*self._marginals(features), kl)

    def _marginals(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and variance of single latents, each (b, L)."""
        mean, variance = free_form.marginals(self.free_posterior, *self._project(features))
        return channels_last(mean), channels_last(variance)

    def condition(
        self, features: tf.Tensor, mean: tf.Tensor | None = None, variance: tf.Tensor | None = None
    ) -> Evidence:
        return Evidence((tf.zeros((1, self.num_latents), linalg.DTYPE),))  # the data are in q already

    def merge(self, old: Evidence, new: Evidence) -> Evidence:
        return old

    def remove(self, old: Evidence, gone: Evidence) -> Evidence:
        return old

    def predict(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._marginals(features)

    def predict_joint(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        v, k_diagonal = self._project(features)
        x = with_latent_axis(features)
        mean, _ = free_form.marginals(self.free_posterior, v, k_diagonal)
        return channels_last(mean), free_form.covariance(self.free_posterior, v, self.kernel.matrix(x, x))

    def validate_latents(self, num_latents: int) -> None:
        super().validate_latents(num_latents)
        if num_latents != self.num_latents:
            raise ValueError(f"the prior has num_latents={self.num_latents}, but there are {num_latents} latents")

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "num_latents": self.num_latents}
        del config["bound"]
        return config

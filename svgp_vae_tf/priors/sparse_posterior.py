"""The sparse posterior q_S of eq. 3, for a q(u) that follows from data or is free."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from svgp_vae_tf.gp import linalg, whitened
from svgp_vae_tf.kernels.functions import PriorFunctions, can_draw, num_random
from svgp_vae_tf.priors.base import Functions, Posterior, standard_normal, with_latent_axis


class SparseArrays(NamedTuple):
    """Factors of K_mm and of the posterior of the inducing values."""

    whiten: tf.Tensor
    """L_m^-1, shape (L or 1, m, m)."""
    mean: tf.Tensor
    """w of q(u) = N(w, M^T M), shape (..., L, m)."""
    root: tf.Tensor
    """M, shape (..., L, m, m)."""


class SparsePosterior(Posterior):
    """q_S of eq. 3 for a given q(u)."""

    def _marginals(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        v, k_diagonal = self.prior._whiten(x, self.arrays.whiten)
        return whitened.marginals(self.inducing, v, k_diagonal)

    def _joint(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        v, k_diagonal = self.prior._whiten(x, self.arrays.whiten)
        mean, _ = whitened.marginals(self.inducing, v, k_diagonal)
        return mean, whitened.covariance(self.inducing, v, self.prior.kernel.matrix(x, x))

    @property
    def num_anchors(self) -> int:
        """m, the inducing points."""
        return int(self.arrays.mean.shape[-1])

    @property
    def num_random(self) -> int:
        """See `Posterior.num_random`."""
        return num_random(self.prior.kernel, self.arrays.mean.shape[-2], self.prior.initial_inducing_points.shape[-1])

    def functions(self, generators: Sequence[np.random.Generator]) -> Functions | None:
        """f(x) + v(x)^T (u - L_m^-1 f(Z)) with u ~ q(u), see `Posterior.functions`.

        The jitter on K_mm is noise of f(Z), so that L_m^-1 f(Z) has the covariance I.
        """
        prior, (whiten, mean, root) = self.prior, self.arrays
        if not can_draw(prior.kernel):
            return None
        z = prior._latent_inducing_points()
        f = PriorFunctions(prior.kernel, generators, mean.shape[:-1], z.shape[-1])
        jitter = prior.jitter * tf.reduce_mean(prior.kernel.diagonal(z), axis=-1, keepdims=True)
        at_inducing_points = f(z) + tf.sqrt(jitter) * standard_normal(generators, mean.shape)
        u = mean + tf.linalg.matvec(root, standard_normal(generators, mean.shape), transpose_a=True)
        weights = u - tf.linalg.matvec(whiten, at_inducing_points)

        def draws(features: tf.Tensor) -> tf.Tensor:
            x = with_latent_axis(features)
            v, _ = prior._whiten(x, whiten)
            return tf.linalg.matrix_transpose(f(x) + linalg.channel_vecmat(weights, v))

        return draws

    @property
    def inducing(self) -> whitened.WhitenedPosterior:
        """q(u) of the whitened inducing values."""
        return whitened.WhitenedPosterior(self.arrays.mean, self.arrays.root)

"""The regulariser of the original moving-ball program, which is not a divergence; kept to explain published figures.

For video v, eq. 7 has

    KL_v = [log|K_mm| - log|A_v| - m + tr(K_mm^-1 A_v) + mu_v^T K_mm^-1 mu_v] / 2

The program has A instead of mu, and sums two terms over all videos w of the batch:

    [log|K_mm| - sum_w log|A_w| - m + tr(K_mm^-1 A_v) + sum_w tr(A_w K_mm^-1 A_w)] / 2

The posterior mean is not penalised at all, so that the scale of the latents is arbitrary.
"""

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.distribution import sum_over_replicas
from svgp_vae_tf.gp import linalg, whitened
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.priors.sparse import SparseGP


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class OriginalBallGP(SparseGP):
    """A `SparseGP` per series with the original program's moving-ball term instead of the KL."""

    def __init__(self, kernel: Kernel, inducing_points: np.ndarray, **kwargs) -> None:
        if kwargs.get("num_data") is not None or kwargs.get("bound", "hensman") != "hensman":
            raise ValueError("the original program's term is for series: it takes no num_data and no other bound")
        super().__init__(kernel, inducing_points, **kwargs)

    def _regulariser(self, q, stats, data, moments) -> tf.Tensor:
        return original_ball_term(q, self.chol_kmm)


def original_ball_term(q: whitened.WhitenedPosterior, chol_kmm: tf.Tensor) -> tf.Tensor:
    """The term above for each video and channel, (videos, L).

    Args:
        q: posterior of the whitened inducing values, for a batch of videos.
        chol_kmm: Cholesky factor L_m of K_mm, (L or 1, m, m).
    """
    log_k = linalg.log_determinant(chol_kmm)
    log_a = log_k + linalg.log_determinant(q.root)
    _, a = whitened.inducing_moments(q, chol_kmm)
    quadratic = linalg.sum_of_squares(linalg.solve_lower(chol_kmm, a), axis=(-2, -1))  # tr(A K_mm^-1 A)
    over_videos = sum_over_replicas(tf.reduce_sum(quadratic - log_a, axis=0, keepdims=True))
    m = tf.cast(tf.shape(q.mean)[-1], q.mean.dtype)
    return 0.5 * (log_k - m + linalg.sum_of_squares(q.root, axis=(-2, -1)) + over_videos)

"""The amortised sparse GP posterior (eqs. 4 to 6 and 9 of the paper), in whitened form.

Write f_m = L_m u with K_mm = L_m L_m^T, so that the prior is u ~ N(0, I). With V = L_m^-1 K_mn and Omega = diag(s2),

    Sigma  = K_mm + c K_mn Omega^-1 K_nm = L_m (I + c S) L_m^T = L_m B L_m^T    c = N/b
    q(u)   = N(c B^-1 s, B^-1)                                                  eqs. 4, 5, 9
    mu     = K_mm Sigma^-1 c K_mn Omega^-1 y = L_m c B^-1 s
    A      = K_mm Sigma^-1 K_mm              = L_m B^-1 L_m^T

Two Cholesky factors, of K_mm and of B, give everything; B is never worse conditioned than its data make it. Marginals,
covariances and the KL of q(u) are in `whitened`. With this optimal q(u) the KL is the whole regulariser of eq. 10 for
the Hensman bound (times b/N): the cross-entropy term and the per-datum sum of eq. 7 are the same quantity and cancel.
"""

from typing import NamedTuple

import tensorflow as tf

from svgp_vae_tf.gp import gaussians, linalg
from svgp_vae_tf.gp.whitened import WhitenedPosterior


class SufficientStatistics(NamedTuple):
    """All that a latent data set tells the sparse GP. Sets combine by adding these, field by field."""

    data_precision: tf.Tensor
    """S = V Omega^-1 V^T, shape (..., L, m, m)."""
    precision_mean: tf.Tensor
    """s = V Omega^-1 y, the information vector, shape (..., L, m)."""


def statistics(v: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> SufficientStatistics:
    """S and s of a latent data set.

    Args:
        v: V = L_m^-1 K_mn, shape (..., L or 1, m, n).
        mean: y, shape (..., L, n).
        variance: s2 > 0, shape (..., L, n); an infinite variance leaves the datum out.
    """
    weight = 1.0 / variance
    return SufficientStatistics(
        data_precision=linalg.weighted_gram(v, weight),
        precision_mean=linalg.channel_vecmat(mean * weight, v, transpose_v=True),
    )


def posterior(stats: SufficientStatistics, scale: float | tf.Tensor = 1.0) -> WhitenedPosterior:
    """q(u) from the statistics of a mini-batch (eq. 9) or, with scale 1, of all data (eqs. 4 and 5).

    With R = L_B^-1, so that B^-1 = R^T R, the mean is c R^T R s and the root R. Everything after the factor and its
    inverse is a matrix product.

    Args:
        stats: sums over the b data at hand.
        scale: c = N/b.
    """
    identity = tf.eye(tf.shape(stats.precision_mean)[-1], dtype=stats.precision_mean.dtype)
    precision = linalg.guarded(identity + scale * stats.data_precision, 1.0)
    root = linalg.inverse_cholesky(precision, 0.0)
    return WhitenedPosterior(scale * linalg.solve_by_root(precision, root, stats.precision_mean), root)


def titsias_bound(
    stats: SufficientStatistics, k_diagonal: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
) -> tf.Tensor:
    """L_T of eq. 6 for the data at hand, per channel, shape (..., L):

        log N(y | 0, V^T V + Omega) - tr(Omega^-1 (K_nn - V^T V)) / 2

    By the determinant lemma |V^T V + Omega| = |I + S| |Omega|, and by Woodbury's identity
    y^T (V^T V + Omega)^-1 y = y^T Omega^-1 y - |R s|^2, so the statistics and sums over data suffice.

    Args:
        stats: of the same data.
        k_diagonal: prior variance k_nn, shape (..., L or 1, n).
        mean, variance: y and s2, each (..., L, n).
    """
    root = posterior(stats).root
    log_zero = tf.reduce_sum(gaussians.log_density(mean, tf.zeros_like(mean), variance), axis=-1)
    gain = linalg.sum_of_squares(tf.linalg.matvec(root, stats.precision_mean))
    nystrom_trace = tf.linalg.trace(stats.data_precision) - tf.reduce_sum(k_diagonal / variance, axis=-1)
    return log_zero + 0.5 * (gain + linalg.log_determinant(root) + nystrom_trace)

"""The amortised sparse GP posterior (eqs. 3 to 7 and 9 of the paper), in whitened form.

Write f_m = L_m u with K_mm = L_m L_m^T, so that the prior is u ~ N(0, I). With V = L_m^-1 K_mn and D = diag(s2),

    Sigma  = K_mm + c K_mn D^-1 K_nm = L_m (I + c S) L_m^T = L_m B L_m^T        c = N/b
    q(u)   = N(c B^-1 s, B^-1)                                                  eqs. 4, 5, 9
    mu     = K_mm Sigma^-1 c K_mn D^-1 y = L_m c B^-1 s
    A      = K_mm Sigma^-1 K_mm          = L_m B^-1 L_m^T

Two Cholesky factors, of K_mm and of B, give everything; B is never worse conditioned than its data make it.
"""

from typing import NamedTuple

import tensorflow as tf

from svgp_vae_tf.gp import gaussians, linalg


class Statistics(NamedTuple):
    """All that a set of latent data tells the sparse GP. Sets combine by adding these, field by field."""

    precision: tf.Tensor
    """S = V D^-1 V^T, shape (..., L, m, m)."""
    shift: tf.Tensor
    """s = V D^-1 y, shape (..., L, m)."""


class InducingPosterior(NamedTuple):
    """q(u) = N(mean, (L_B L_B^T)^-1) of the whitened inducing values u = L_m^-1 f_m."""

    mean: tf.Tensor
    """c B^-1 s, shape (..., L, m)."""
    chol_precision: tf.Tensor
    """L_B, lower Cholesky factor of B = I + c S, shape (..., L, m, m)."""


def project(chol_kmm: tf.Tensor, kmn: tf.Tensor) -> tf.Tensor:
    """V = L_m^-1 K_mn, shape (..., L or 1, m, n)."""
    return linalg.solve_lower(chol_kmm, kmn)


def statistics(v: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> Statistics:
    """S and s of a latent data set.

    Args:
        v: V = L_m^-1 K_mn, shape (..., L or 1, m, n).
        mean: y, shape (..., L, n).
        variance: s2 > 0, shape (..., L, n); an infinite variance leaves the datum out.
    """
    weight = 1.0 / variance
    return Statistics(
        precision=linalg.weighted_gram(v, weight),
        shift=linalg.channel_vecmat(mean * weight, v, transpose_v=True),
    )


def posterior(stats: Statistics, scale: float | tf.Tensor = 1.0) -> InducingPosterior:
    """q(u) from the statistics of a mini-batch (eq. 9) or, with scale 1, of all data (eqs. 4 and 5).

    Args:
        stats: sums over the b data at hand.
        scale: c = N/b.
    """
    identity = tf.eye(tf.shape(stats.shift)[-1], dtype=stats.shift.dtype)
    chol = linalg.cholesky(identity + scale * stats.precision, linalg.ROUNDING)
    mean = tf.linalg.cholesky_solve(chol, scale * stats.shift[..., tf.newaxis])[..., 0]
    return InducingPosterior(mean, chol)


def marginals(q: InducingPosterior, v: tf.Tensor, k_diagonal: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of q_S(f_r) at single inputs, eq. 3.

        mean = K_rm K_mm^-1 mu                          = V^T E[u]
        var  = k_rr - diag(K_rm K_mm^-1 K_mr) + ...A... = (k_rr - |v|^2) + |L_B^-1 v|^2

    Both summands are non-negative; the first is cut at zero against rounding.

    Args:
        q: posterior of the whitened inducing values.
        v: L_m^-1 K_mr, shape (..., L or 1, m, r).
        k_diagonal: prior variance k_rr, shape (..., L or 1, r).

    Returns:
        mean and variance, each (..., L, r).
    """
    mean = tf.linalg.matvec(v, q.mean, transpose_a=True)
    unexplained = tf.maximum(k_diagonal - linalg.sum_of_squares(v, axis=-2), 0.0)
    explained = linalg.sum_of_squares(linalg.solve_lower(q.chol_precision, v), axis=-2)
    return mean, unexplained + explained


def covariance(q: InducingPosterior, v: tf.Tensor, k_full: tf.Tensor) -> tf.Tensor:
    """Full covariance of q_S(f_r) (eq. 3), shape (..., L, r, r). Arguments as in `marginals`, k_full (..., r, r)."""
    w = linalg.solve_lower(q.chol_precision, v)
    return k_full - tf.linalg.matmul(v, v, transpose_a=True) + tf.linalg.matmul(w, w, transpose_a=True)


def inducing_moments(q: InducingPosterior, chol_kmm: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """mu (..., L, m) and A (..., L, m, m) of q(f_m) = N(mu, A): eqs. 4, 5 and 9."""
    half = linalg.solve_lower(q.chol_precision, tf.linalg.matrix_transpose(chol_kmm))  # L_B^-1 L_m^T
    return tf.linalg.matvec(chol_kmm, q.mean), tf.linalg.matmul(half, half, transpose_a=True)


def kl(q: InducingPosterior) -> tf.Tensor:
    """KL(q(f_m) || p(f_m)) = KL(N(mean, B^-1) || N(0, I)) per channel, shape (..., L).

    With the optimal q this is the whole regulariser of eq. 10 for the Hensman bound (times b/N): the cross-entropy
    term and the per-datum sum of eq. 7 are the same quantity and cancel.
    """
    identity = tf.eye(tf.shape(q.mean)[-1], dtype=q.mean.dtype)
    mahalanobis = linalg.sum_of_squares(q.mean)
    trace = linalg.sum_of_squares(linalg.solve_lower(q.chol_precision, identity), axis=(-2, -1))
    dimension = tf.cast(tf.shape(q.mean)[-1], q.mean.dtype)
    return 0.5 * (mahalanobis + trace - dimension + linalg.log_determinant(q.chol_precision))


def marginals_and_kl(
    stats: Statistics, scale: float | tf.Tensor, v: tf.Tensor, k_diagonal: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """`marginals` and `kl` of the `posterior` at once: all that a training step needs, by matrix products alone.

    With R = L_B^-1, so that B^-1 = R^T R,

        E[u] = c R^T R s        mean = V^T E[u]        var = (k_rr - |v|^2) + |R v|^2
        KL   = (|E[u]|^2 + |R|^2 - m - log|R|^2) / 2

    Arguments as there.

    Returns:
        mean and variance, each (..., L, r), and the KL per channel, (..., L).
    """
    identity = tf.eye(tf.shape(stats.shift)[-1], dtype=stats.shift.dtype)
    r = linalg.inverse_cholesky(identity + scale * stats.precision, linalg.ROUNDING)
    u = scale * tf.linalg.matvec(r, tf.linalg.matvec(r, stats.shift), transpose_a=True)
    unexplained = tf.maximum(k_diagonal - linalg.sum_of_squares(v, axis=-2), 0.0)
    explained = linalg.sum_of_squares(linalg.channel_matmul(r, v), axis=-2)
    squares = linalg.sum_of_squares(u) + linalg.sum_of_squares(r, axis=(-2, -1))
    dimension = tf.cast(tf.shape(u)[-1], u.dtype)
    kl_ = 0.5 * (squares - dimension - linalg.log_determinant(r))
    return linalg.channel_vecmat(u, v), unexplained + explained, kl_


def hensman_data_term(
    q: InducingPosterior, v: tf.Tensor, k_diagonal: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
) -> tf.Tensor:
    """The sum over data of eq. 7, per channel, shape (..., L):

        sum_i [ log N(y_i | k_i K_mm^-1 mu, s2_i) - (k~_ii + tr(A Lambda_i)) / (2 s2_i) ]

    with k~_ii = k_ii - |v_i|^2 and tr(A Lambda_i) = |L_B^-1 v_i|^2. L_H = this - `kl`.
    """
    f_mean = tf.linalg.matvec(v, q.mean, transpose_a=True)
    k_tilde = k_diagonal - linalg.sum_of_squares(v, axis=-2)
    trace = linalg.sum_of_squares(linalg.solve_lower(q.chol_precision, v), axis=-2)
    return tf.reduce_sum(gaussians.log_density(mean, f_mean, variance) - 0.5 * (k_tilde + trace) / variance, axis=-1)


def titsias_bound(stats: Statistics, k_diagonal: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """L_T of eq. 6 for the data at hand, per channel, shape (..., L):

        log N(y | 0, V^T V + D) - tr(D^-1 (K_nn - V^T V)) / 2

    By the determinant lemma |V^T V + D| = |I + S| |D|, and by Woodbury's identity
    y^T (V^T V + D)^-1 y = y^T D^-1 y - |L_B^-1 s|^2, so the statistics and sums over data suffice.
    """
    q = posterior(stats)
    log_zero = tf.reduce_sum(gaussians.log_density(mean, tf.zeros_like(mean), variance), axis=-1)
    gain = linalg.sum_of_squares(linalg.solve_lower_vector(q.chol_precision, stats.shift))
    nystrom_trace = tf.linalg.trace(stats.precision) - tf.reduce_sum(k_diagonal / variance, axis=-1)
    return log_zero + 0.5 * (gain - linalg.log_determinant(q.chol_precision) + nystrom_trace)

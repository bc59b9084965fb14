"""A sparse GP posterior with free parameters (eq. 8, Hensman et al. 2013), in whitened form.

Write f_m = L_m u with K_mm = L_m L_m^T, so that the prior is u ~ N(0, I). No data enter q; it is learnt:

    q(u)   = N(w, T T^T)                  T lower triangular, with a positive diagonal
    mu     = L_m w
    A      = L_m T T^T L_m^T
    KL(q(f_m) || p(f_m)) = KL(N(w, T T^T) || N(0, I))

With V = L_m^-1 K_mn the marginals of eq. 3 are N(V^T w, k_nn - |v|^2 + |T^T v|^2).
"""

from typing import NamedTuple

import tensorflow as tf

from svgp_vae_tf.gp import linalg


class FreePosterior(NamedTuple):
    """q(u) = N(mean, factor factor^T) of the whitened inducing values u = L_m^-1 f_m."""

    mean: tf.Tensor
    """w, shape (..., L, m)."""
    factor: tf.Tensor
    """T, lower triangular with a positive diagonal, shape (..., L, m, m)."""


def marginals(q: FreePosterior, v: tf.Tensor, k_diagonal: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of q_S(f_r) at single inputs, eq. 3.

        mean = K_rm K_mm^-1 mu                          = V^T w
        var  = k_rr - diag(K_rm K_mm^-1 K_mr) + ...A... = (k_rr - |v|^2) + |T^T v|^2

    Both summands are non-negative; the first is cut at zero against rounding.

    Args:
        q: posterior of the whitened inducing values.
        v: L_m^-1 K_mr, shape (..., L or 1, m, r).
        k_diagonal: prior variance k_rr, shape (..., L or 1, r).

    Returns:
        mean and variance, each (..., L, r).
    """
    mean = tf.linalg.matvec(v, q.mean, transpose_a=True)
    return mean, _unexplained(v, k_diagonal) + _explained(q, v)


def covariance(q: FreePosterior, v: tf.Tensor, k_full: tf.Tensor) -> tf.Tensor:
    """Full covariance of q_S(f_r) (eq. 3), shape (..., L, r, r). Arguments as in `marginals`, k_full (..., r, r)."""
    w = tf.linalg.matmul(q.factor, v, transpose_a=True)
    return k_full - tf.linalg.matmul(v, v, transpose_a=True) + tf.linalg.matmul(w, w, transpose_a=True)


def kl(q: FreePosterior) -> tf.Tensor:
    """KL(q(f_m) || p(f_m)) per channel, shape (..., L):

    KL(N(w, T T^T) || N(0, I)) = (|w|^2 + |T|^2 - m - log|T T^T|) / 2
    """
    dimension = tf.cast(tf.shape(q.mean)[-1], q.mean.dtype)
    squares = linalg.sum_of_squares(q.mean) + linalg.sum_of_squares(q.factor, axis=(-2, -1))
    return 0.5 * (squares - dimension - linalg.log_determinant(q.factor))


def inducing_moments(q: FreePosterior, chol_kmm: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """mu (..., L, m) and A (..., L, m, m) of q(f_m) = N(mu, A); chol_kmm is L_m, (L or 1, m, m)."""
    half = tf.linalg.matmul(chol_kmm, q.factor)
    return tf.linalg.matvec(chol_kmm, q.mean), tf.linalg.matmul(half, half, transpose_b=True)


def from_inducing_moments(mu: tf.Tensor, a: tf.Tensor, chol_kmm: tf.Tensor) -> FreePosterior:
    """The q(u) with given moments of f_m: w = L_m^-1 mu and T = L_m^-1 chol(A), which is lower triangular.

    Args:
        mu: shape (..., L, m).
        a: A, positive definite, shape (..., L, m, m).
        chol_kmm: L_m, shape (L or 1, m, m).
    """
    factor = linalg.solve_lower(chol_kmm, linalg.cholesky(a, linalg.ROUNDING))
    return FreePosterior(linalg.solve_lower_vector(chol_kmm, mu), factor)


def _unexplained(v: tf.Tensor, k_diagonal: tf.Tensor) -> tf.Tensor:
    """Variance that the inducing values leave open, k_ii - |v_i|^2 >= 0, (..., L or 1, r)."""
    return tf.maximum(k_diagonal - linalg.sum_of_squares(v, axis=-2), 0.0)


def _explained(q: FreePosterior, v: tf.Tensor) -> tf.Tensor:
    """Variance from that of the inducing values, |T^T v_i|^2, (..., L, r)."""
    return linalg.sum_of_squares(tf.linalg.matmul(q.factor, v, transpose_a=True), axis=-2)

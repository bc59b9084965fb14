"""The whitened posterior of the inducing values, and everything that follows from it.

Write f_m = L_m u with K_mm = L_m L_m^T, so that the prior is u ~ N(0, I). Every sparse posterior here is

    q(u) = N(w, M^T M)        M triangular with a positive diagonal

and differs only in where w and M come from: from the statistics of the latent data set (`sparse.posterior`, eqs. 4, 5
and 9), or from free parameters (`VariationalGP`, eq. 8). With V = L_m^-1 K_mn,

    mean     = K_nm K_mm^-1 mu                            = V^T w
    variance = k_nn - diag(K_nm K_mm^-1 K_mn) + ... A ... = (k_nn - |v|^2) + |M v|^2        eq. 3
    KL(q(f_m) || p(f_m)) = KL(N(w, M^T M) || N(0, I)) = (|w|^2 + |M|^2 - m - log|M^T M|) / 2
    mu = L_m w,    A = L_m M^T M L_m^T
"""

from typing import NamedTuple

import tensorflow as tf

from svgp_vae_tf.gp import linalg


class WhitenedPosterior(NamedTuple):
    """q(u) = N(mean, root^T root) of the whitened inducing values u = L_m^-1 f_m."""

    mean: tf.Tensor
    """w, shape (..., L, m)."""
    root: tf.Tensor
    """M, triangular with a positive diagonal, shape (..., L, m, m)."""


def marginals(q: WhitenedPosterior, v: tf.Tensor, k_diagonal: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of q_S(f_r) at single inputs, eq. 3.

    Both terms of the variance are non-negative; the first is clipped at zero against rounding.

    Args:
        q: posterior of the whitened inducing values.
        v: V = L_m^-1 K_mr, shape (..., L or 1, m, r).
        k_diagonal: prior variance k_rr, shape (..., L or 1, r).

    Returns:
        Mean and variance, each (..., L, r).
    """
    unexplained = tf.maximum(unexplained_variance(v, k_diagonal), 0.0)
    explained = linalg.sum_of_squares(linalg.channel_matmul(q.root, v), axis=-2)
    return linalg.channel_vecmat(q.mean, v), unexplained + explained


def unexplained_variance(v: tf.Tensor, k_diagonal: tf.Tensor) -> tf.Tensor:
    """Prior variance that the inducing values leave open, k_rr - |v_r|^2, shape (..., L or 1, r).

    Non-negative up to rounding. Arguments as in `marginals`.
    """
    return k_diagonal - linalg.sum_of_squares(v, axis=-2)


def covariance(q: WhitenedPosterior, v: tf.Tensor, k_full: tf.Tensor) -> tf.Tensor:
    """Full covariance of q_S(f_r) (eq. 3), shape (..., L, r, r).

    Args:
        q: posterior of the whitened inducing values.
        v: as in `marginals`.
        k_full: prior covariance K_rr, shape (..., L or 1, r, r).
    """
    half = tf.linalg.matmul(q.root, v)
    return k_full - tf.linalg.matmul(v, v, transpose_a=True) + tf.linalg.matmul(half, half, transpose_a=True)


def kl(q: WhitenedPosterior) -> tf.Tensor:
    """KL(q(f_m) || p(f_m)) per channel, shape (..., L)."""
    dimension = tf.cast(tf.shape(q.mean)[-1], q.mean.dtype)
    squares = linalg.sum_of_squares(q.mean) + linalg.sum_of_squares(q.root, axis=(-2, -1))
    return 0.5 * (squares - dimension - linalg.log_determinant(q.root))


def inducing_moments(q: WhitenedPosterior, chol_kmm: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Moments mu (..., L, m) and A (..., L, m, m) of q(f_m) = N(mu, A), given L_m of shape (L or 1, m, m)."""
    half = tf.linalg.matmul(q.root, chol_kmm, transpose_b=True)
    return tf.linalg.matvec(chol_kmm, q.mean), tf.linalg.matmul(half, half, transpose_a=True)


def from_inducing_moments(mu: tf.Tensor, a: tf.Tensor, chol_kmm: tf.Tensor) -> WhitenedPosterior:
    """The q(u) of given moments of f_m: w = L_m^-1 mu and M^T = L_m^-1 chol(A), which is lower triangular.

    Args:
        mu: shape (..., L, m).
        a: A, positive definite, shape (..., L, m, m).
        chol_kmm: L_m, shape (L or 1, m, m).
    """
    factor = linalg.solve_lower(chol_kmm, linalg.cholesky(a, linalg.ROUNDING))
    return WhitenedPosterior(linalg.solve_lower_vector(chol_kmm, mu), tf.linalg.matrix_transpose(factor))

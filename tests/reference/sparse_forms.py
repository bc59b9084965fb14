"""Longer forms of the sparse GP's algebra, which the library's short ones are held against."""

import tensorflow as tf

from svgp_vae_tf.gp import gaussians, linalg, sparse, whitened


def hensman_data_term(
    q: whitened.WhitenedPosterior, v: tf.Tensor, k_diagonal: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
) -> tf.Tensor:
    """The sum over data of eq. 7, per channel, shape (..., L):

        sum_i [ log N(y_i | k_i K_mm^-1 mu, s2_i) - (k~_ii + tr(A Lambda_i)) / (2 s2_i) ]

    with k~_ii = k_ii - |v_i|^2 and tr(A Lambda_i) = |M v_i|^2. L_H = this - KL.
    """
    f_mean = tf.linalg.matvec(v, q.mean, transpose_a=True)
    k_tilde = k_diagonal - linalg.sum_of_squares(v, axis=-2)
    trace = linalg.sum_of_squares(tf.linalg.matmul(q.root, v), axis=-2)
    return tf.reduce_sum(gaussians.log_density(mean, f_mean, variance) - 0.5 * (k_tilde + trace) / variance, axis=-1)


def by_solves(
    stats: sparse.SufficientStatistics, scale: float, v: tf.Tensor, k_diagonal: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Marginals and KL of the posterior by triangular solves with the factor of B, never by its inverse.

    Returns:
        mean and variance, each (..., L, r), and the KL per channel, (..., L).
    """
    identity = tf.eye(tf.shape(stats.precision_mean)[-1], dtype=tf.float64)
    chol = linalg.cholesky(identity + scale * stats.data_precision, linalg.ROUNDING)
    u = tf.linalg.cholesky_solve(chol, scale * stats.precision_mean[..., tf.newaxis])[..., 0]
    unexplained = tf.maximum(k_diagonal - linalg.sum_of_squares(v, axis=-2), 0.0)
    explained = linalg.sum_of_squares(linalg.solve_lower(chol, v), axis=-2)
    trace = linalg.sum_of_squares(linalg.solve_lower(chol, identity), axis=(-2, -1))
    dimension = tf.cast(tf.shape(u)[-1], u.dtype)
    kl = 0.5 * (linalg.sum_of_squares(u) + trace - dimension + linalg.log_determinant(chol))
    return tf.linalg.matvec(v, u, transpose_a=True), unexplained + explained, kl

"""Exact GP regression with one noise variance per datum: eq. 1 of the paper and log Z of eq. 2. O(n^3)."""

from typing import NamedTuple

import tensorflow as tf

from svgp_vae_tf.gp import gaussians, linalg


class ExactPosterior(NamedTuple):
    """Factors of the exact posterior; C = K_nn + diag(s2) = R R^T."""

    chol: tf.Tensor
    """R, shape (..., L, n, n)."""
    whitened: tf.Tensor
    """R^-1 y, shape (..., L, n)."""


def posterior(k_nn: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> ExactPosterior:
    """Condition on a latent data set.

    Args:
        k_nn: kernel among the data, shape (..., L or 1, n, n).
        mean: y, shape (..., L, n).
        variance: s2 > 0, shape (..., L, n).
    """
    # a large variance is no reason to guard: it scales a row and a column, and rounding errors stay there
    guarded = linalg.guarded(k_nn, tf.reduce_min(variance, axis=-1))
    chol = linalg.cholesky(guarded + tf.linalg.diag(variance), 0.0)
    return ExactPosterior(chol, linalg.solve_lower_vector(chol, mean))


def log_marginal_likelihood(q: ExactPosterior) -> tf.Tensor:
    """log Z = log N(y | 0, K_nn + diag(s2)) per channel, shape (..., L)."""
    n = tf.cast(tf.shape(q.whitened)[-1], q.whitened.dtype)
    return -0.5 * (n * gaussians.LOG_2PI + linalg.sum_of_squares(q.whitened) + linalg.log_determinant(q.chol))


def marginals(q: ExactPosterior, k_nr: tf.Tensor, k_diagonal: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Posterior mean and variance at single inputs, each (..., L, r).

    Args:
        q: conditioned posterior.
        k_nr: kernel between data and new inputs, shape (..., L or 1, n, r).
        k_diagonal: prior variance at the new inputs, shape (..., L or 1, r).
    """
    w = linalg.solve_lower(q.chol, k_nr)
    mean = tf.linalg.matvec(w, q.whitened, transpose_a=True)
    return mean, tf.maximum(k_diagonal - linalg.sum_of_squares(w, axis=-2), 0.0)


def marginals_at_data(
    q: ExactPosterior, k_nn: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Posterior mean and variance at the data themselves, each (..., L, n).

    With C = K + Omega, K C^-1 y = y - Omega C^-1 y and K - K C^-1 K = Omega - Omega C^-1 Omega. Each datum takes the
    form that starts from the smaller of k_ii and s2_i: a posterior variance is below both, and from the larger one it
    may be a difference without correct digits, or its gradient be.

    Args:
        q: conditioned posterior.
        k_nn: kernel among the data, shape (..., L or 1, n, n).
        mean, variance: y and s2 of the data, each (..., L, n).
    """
    k_diagonal = linalg.diagonal(k_nn)
    precise = variance < k_diagonal
    w = linalg.solve_lower(q.chol, tf.where(precise[..., tf.newaxis, :], tf.linalg.diag(variance), k_nn))
    shift = tf.linalg.matvec(w, q.whitened, transpose_a=True)
    remaining = tf.where(precise, variance, k_diagonal) - linalg.sum_of_squares(w, axis=-2)
    return tf.where(precise, mean - shift, shift), tf.maximum(remaining, 0.0)


def covariance(q: ExactPosterior, k_nr: tf.Tensor, k_full: tf.Tensor) -> tf.Tensor:
    """Full posterior covariance at new inputs, shape (..., L, r, r)."""
    w = linalg.solve_lower(q.chol, k_nr)
    return k_full - tf.linalg.matmul(w, w, transpose_a=True)

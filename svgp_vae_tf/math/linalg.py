"""Cholesky factors that do not fail, and the few solves built on them."""

import tensorflow as tf

DTYPE = tf.float64
"""Every matrix of the GP algebra has this type."""

JITTER = 1e-6
"""Default for K_mm, which is singular by nature (close or repeated inducing points). Relative to its mean diagonal."""

ROUNDING = 1e-13
"""For matrices that are positive definite by construction: covers rounding alone."""


def cholesky(matrix: tf.Tensor, jitter: float) -> tf.Tensor:
    """Lower Cholesky factor of ``matrix + jitter * mean(diag(matrix)) * I``.

    The jitter is relative, so that the result does not depend on the unit of the kernel's amplitude.

    Args:
        matrix: symmetric positive semi-definite, shape (..., n, n), float64.
        jitter: non-negative, in units of the mean diagonal.

    Returns:
        Lower triangular factor, shape (..., n, n).
    """
    diagonal = tf.linalg.diag_part(matrix)
    scale = tf.maximum(tf.reduce_mean(diagonal, axis=-1, keepdims=True), 1e-200)  # an all-zero matrix still factors
    return tf.linalg.cholesky(matrix + tf.linalg.diag(jitter * scale + tf.zeros_like(diagonal)))


def solve_lower(factor: tf.Tensor, right_hand_side: tf.Tensor) -> tf.Tensor:
    """``factor^-1 right_hand_side`` for a lower triangular factor; leading axes broadcast."""
    return tf.linalg.triangular_solve(factor, right_hand_side, lower=True)


def solve_lower_vector(factor: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """``factor^-1 vector`` for vectors of shape (..., n)."""
    return solve_lower(factor, vector[..., tf.newaxis])[..., 0]


def log_determinant(factor: tf.Tensor) -> tf.Tensor:
    """``log |A|`` from the Cholesky factor of A; shape (...)."""
    return 2.0 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), axis=-1)


def sum_of_squares(x: tf.Tensor, axis: int | tuple[int, ...] = -1) -> tf.Tensor:
    """Sum of squares along an axis (or axes)."""
    return tf.reduce_sum(tf.square(x), axis=axis)

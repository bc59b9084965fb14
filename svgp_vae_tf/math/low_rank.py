"""The GP prior of Casale et al. (2018), GPPVAE: low rank plus noise, shared by the L latent channels.

    K = V V^T + alpha I,     V (N, H),     z_l ~ N(0, K)   for l = 1 ... L

With C = alpha I + V^T V = L_C L_C^T (H, H) and the ridge weights w = C^-1 V^T z, Woodbury's identity, the determinant
lemma and K^-1 V = V C^-1 give all that is needed without an N x N matrix:

    K^-1 z      = (z - V w) / alpha
    z^T K^-1 z  = |z - V w|^2 / alpha + |w|^2
    log |K|     = (N - H) log alpha + log |C|
    K_*N K^-1 z = V_* w

Notation: N training data, b of them in a mini-batch, M object features, Q distinct training views, H = M Q. Unlike in
the other modules, channels are the last axis of z. No leading axes.
"""

from typing import NamedTuple

import tensorflow as tf

from svgp_vae_tf.math import gaussians, linalg


class Woodbury(NamedTuple):
    """K = V V^T + alpha I, ready for solves and its determinant."""

    chol: tf.Tensor
    """L_C, lower Cholesky factor of C = alpha I + V^T V, shape (H, H)."""
    v: tf.Tensor
    """V, shape (N, H)."""
    alpha: tf.Tensor
    """Noise variance > 0, shape ()."""


class TaylorCoefficients(NamedTuple):
    """Gradients of `negative_log_prior` with respect to z, V and alpha, as constants."""

    a: tf.Tensor
    """d/dz, shape (N, L)."""
    b: tf.Tensor
    """d/dV, summed over channels, shape (N, H)."""
    c: tf.Tensor
    """d/dalpha, summed over channels, shape ()."""


def factor(chol_view: tf.Tensor, k_view: tf.Tensor, objects: tf.Tensor) -> tf.Tensor:
    """Rows V_i = o_i kron (L_q^-1 k_view(grid, w_i)), so that V_i V_j^T = <o_i, o_j> k_view(w_i, w_j).

    That holds exactly as soon as one of the two views is in the grid, and is Nystroem's approximation otherwise. On the
    grid itself the second factor is the row of L_q that belongs to the view.

    Args:
        chol_view: L_q, lower Cholesky factor of the view kernel among the Q views of the grid, shape (Q, Q).
        k_view: view kernel between the grid and the views w_i of the data, shape (Q, n).
        objects: object vectors o_i of the data, shape (n, M).

    Returns:
        V, shape (n, M Q), the view's index running fastest.
    """
    views = tf.linalg.matrix_transpose(linalg.solve_lower(chol_view, k_view))  # (n, Q)
    size = tf.shape(objects)[-1] * tf.shape(chol_view)[-1]
    return tf.reshape(objects[:, :, tf.newaxis] * views[:, tf.newaxis, :], [-1, size])


def woodbury(v: tf.Tensor, alpha: tf.Tensor) -> Woodbury:
    """Factorises K = V V^T + alpha I. O(N H^2 + H^3).

    Args:
        v: V, shape (N, H).
        alpha: noise variance > 0, shape ().
    """
    alpha = tf.convert_to_tensor(alpha, v.dtype)
    identity = tf.eye(tf.shape(v)[-1], dtype=v.dtype)
    chol = linalg.cholesky(alpha * identity + tf.linalg.matmul(v, v, transpose_a=True), linalg.ROUNDING)
    return Woodbury(chol, v, alpha)


def weights(k: Woodbury, z: tf.Tensor) -> tf.Tensor:
    """w = C^-1 V^T z, shape (H, L), for z of shape (N, L)."""
    return tf.linalg.cholesky_solve(k.chol, tf.linalg.matmul(k.v, z, transpose_a=True))


def solve(k: Woodbury, z: tf.Tensor) -> tf.Tensor:
    """K^-1 z = (z - V w) / alpha, shape (N, L)."""
    return (z - tf.linalg.matmul(k.v, weights(k, z))) / k.alpha


def log_determinant(k: Woodbury) -> tf.Tensor:
    """log |K| = (N - H) log alpha + log |C|, shape ()."""
    excess = tf.cast(tf.shape(k.v)[0] - tf.shape(k.v)[1], k.v.dtype)
    return excess * tf.math.log(k.alpha) + linalg.log_determinant(k.chol)


def quadratic(k: Woodbury, z: tf.Tensor) -> tf.Tensor:
    """z_l^T K^-1 z_l = |z_l - V w_l|^2 / alpha + |w_l|^2 per channel, shape (L,). A sum of squares: never negative."""
    w = weights(k, z)
    residual = z - tf.linalg.matmul(k.v, w)
    return linalg.sum_of_squares(residual, axis=0) / k.alpha + linalg.sum_of_squares(w, axis=0)


def inverse_diagonal(k: Woodbury) -> tf.Tensor:
    """diag(K^-1) = (1 - |L_C^-1 V_i^T|^2) / alpha, shape (N,)."""
    half = linalg.solve_lower(k.chol, tf.linalg.matrix_transpose(k.v))  # (H, N)
    return (1.0 - linalg.sum_of_squares(half, axis=0)) / k.alpha


def negative_log_prior(k: Woodbury, z: tf.Tensor) -> tf.Tensor:
    """- sum_l log N(z_l | 0, K), shape (), the term with 2 pi included:

        sum_l [ z_l^T K^-1 z_l / 2 + log|K| / 2 + N/2 log(2 pi) ]

    Args:
        k: from `woodbury`.
        z: latent values, shape (N, L).
    """
    num_data, num_channels = tf.cast(tf.shape(z)[0], z.dtype), tf.cast(tf.shape(z)[1], z.dtype)
    constant = log_determinant(k) + num_data * gaussians.LOG_2PI
    return 0.5 * (tf.reduce_sum(quadratic(k, z)) + num_channels * constant)


def expected_negative_log_prior(k: Woodbury, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """E[`negative_log_prior`] over independent z_il ~ N(mean_il, variance_il), shape (), 2 pi included:

        -sum_l log N(mean_l | 0, K) + sum_il variance_il (K^-1)_ii / 2

    Args:
        k: from `woodbury`.
        mean: shape (N, L).
        variance: shape (N, L).
    """
    spread = tf.reduce_sum(inverse_diagonal(k)[:, tf.newaxis] * variance)
    return negative_log_prior(k, mean) + 0.5 * spread


def taylor_coefficients(v: tf.Tensor, alpha: tf.Tensor, z: tf.Tensor) -> TaylorCoefficients:
    """The gradients of `negative_log_prior` at (z, V, alpha); no gradient flows through them.

        a = K^-1 z                                      K^-1 V = V C^-1
        B = sum_l [ K^-1 V - a_l a_l^T V ]            = L V C^-1 - a (a^T V)
        c = sum_l [ tr K^-1 - |a_l|^2 ] / 2

    Args:
        v: V, shape (N, H).
        alpha: noise variance, shape ().
        z: latent values, shape (N, L).
    """
    k = woodbury(v, alpha)
    num_channels = tf.cast(tf.shape(z)[1], z.dtype)
    a = solve(k, z)
    solved = tf.linalg.matrix_transpose(tf.linalg.cholesky_solve(k.chol, tf.linalg.matrix_transpose(k.v)))
    b = num_channels * solved - tf.linalg.matmul(a, tf.linalg.matmul(a, k.v, transpose_a=True))
    c = 0.5 * (num_channels * tf.reduce_sum(inverse_diagonal(k)) - tf.reduce_sum(tf.square(a)))
    return TaylorCoefficients(tf.stop_gradient(a), tf.stop_gradient(b), tf.stop_gradient(c))


def take(coefficients: TaylorCoefficients, index: tf.Tensor) -> TaylorCoefficients:
    """The coefficients of a mini-batch: rows `index` (b,) of a and B; c stays that of all data."""
    return TaylorCoefficients(tf.gather(coefficients.a, index), tf.gather(coefficients.b, index), coefficients.c)


def taylor_term(
    coefficients: TaylorCoefficients, z: tf.Tensor, v: tf.Tensor, alpha: tf.Tensor, share: float | tf.Tensor
) -> tf.Tensor:
    """A mini-batch's part of the linear form whose gradient is that of `negative_log_prior`, shape ():

        sum_{i in batch} [ <z_i, a_i> + <V_i, B_i> ] + share alpha c

    Over batches whose shares sum to one, and with parameters left as they are, the gradients sum to the gradient of the
    negative log prior of all data. The value itself does not: it lacks the constant of the expansion.

    Args:
        coefficients: rows of the batch, from `take`.
        z: latent values of the batch, shape (b, L).
        v: rows of V of the batch, shape (b, H).
        alpha: noise variance, shape ().
        share: b/N.
    """
    return tf.reduce_sum(z * coefficients.a) + tf.reduce_sum(v * coefficients.b) + share * alpha * coefficients.c


def predict(
    v: tf.Tensor, alpha: tf.Tensor, z: tf.Tensor, v_new: tf.Tensor, k_new_diagonal: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Moments of the latent function (without the noise alpha) at new inputs, with K_*N = V_* V^T.

        mean = K_*N K^-1 z                       = V_* w
        var  = diag(K_** - K_*N K^-1 K_N*)       = (k_** - |V_*|^2) + alpha |L_C^-1 V_*^T|^2

    Both summands are non-negative; the first is cut at zero against rounding.

    Args:
        v: V of the training data, shape (N, H).
        alpha: noise variance, shape ().
        z: latent values of the training data, shape (N, L).
        v_new: V_*, from `factor` at the new inputs, shape (r, H).
        k_new_diagonal: prior variance k_** of the latent function, shape (r,).

    Returns:
        mean (r, L) and variance (r,), the latter the same for all channels.
    """
    k = woodbury(v, alpha)
    half = linalg.solve_lower(k.chol, tf.linalg.matrix_transpose(v_new))  # (H, r)
    unexplained = tf.maximum(k_new_diagonal - linalg.sum_of_squares(v_new), 0.0)
    return tf.linalg.matmul(v_new, weights(k, z)), unexplained + k.alpha * linalg.sum_of_squares(half, axis=0)

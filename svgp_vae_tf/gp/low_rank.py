"""The GP prior of Casale et al. (2018), GPPVAE: low rank plus noise, shared by the L latent channels.

    K = V V^T + alpha I,     V (N, H),     z_l ~ N(0, K)   for l = 1 ... L

With C = alpha I + V^T V = L_C L_C^T (H, H) and the ridge weights w = C^-1 V^T z, Woodbury's identity and the
determinant lemma give all that is needed without an N x N matrix:

    K^-1 z      = (z - V w) / alpha
    z^T K^-1 z  = (z^T z - z^T V w) / alpha
    log |K|     = (N - H) log alpha + log |C|
    K_*N K^-1 z = V_* w

The data enter through sums over data points alone (V^T V, V^T z, ...): they pass in chunks, and a gradient with respect
to the sums is, by the chain rule, one for every mini-batch.

Notation: N training data, b of them in a mini-batch, M object features, Q distinct training views, H = M Q. Unlike in
the other modules, channels are the last axis of z. No leading axes.
"""

from typing import NamedTuple

import tensorflow as tf

from svgp_vae_tf.gp import gaussians, linalg


class Sums(NamedTuple):
    """What the prior knows of latents z_il ~ N(mean_il, variance_il); sums over data, so parts add up to the whole."""

    vv: tf.Tensor
    """V^T V, shape (H, H)."""
    vz: tf.Tensor
    """V^T mean, shape (H, L)."""
    zz: tf.Tensor
    """Squares of the means, shape (L,)."""
    vdv: tf.Tensor
    """V^T diag(variance_l) V, shape (L, H, H)."""
    d: tf.Tensor
    """Sums of the variances, shape (L,)."""
    count: tf.Tensor
    """How many data, shape (1,)."""


class TaylorCoefficients(NamedTuple):
    """Gradients of the negative log prior with respect to z, V and alpha."""

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


def sums(v: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> Sums:
    """Sums over some data.

    Args:
        v: V, shape (n, H).
        mean: shape (n, L).
        variance: shape (n, L); or (n, 1), summed over channels, where channels need not be told apart.
    """
    weighted = v * tf.linalg.matrix_transpose(variance)[:, :, tf.newaxis]  # (L, n, H)
    return Sums(
        vv=tf.linalg.matmul(v, v, transpose_a=True),
        vz=tf.linalg.matmul(v, mean, transpose_a=True),
        zz=linalg.sum_of_squares(mean, axis=0),
        vdv=tf.linalg.matmul(weighted, v[tf.newaxis], transpose_a=True),
        d=tf.reduce_sum(variance, axis=0),
        count=tf.cast(tf.shape(v)[:1], v.dtype),
    )


def factorise(vv: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """L_C, lower Cholesky factor of C = alpha I + V^T V, shape (H, H)."""
    return linalg.cholesky(alpha * tf.eye(tf.shape(vv)[-1], dtype=vv.dtype) + vv, linalg.ROUNDING)


def expected_negative_log_prior(s: Sums, alpha: tf.Tensor) -> tf.Tensor:
    """E[- sum_l log N(z_l | 0, K)] over independent z_il ~ N(mean_il, variance_il), shape (), 2 pi included:

        sum_l [ mean_l^T K^-1 mean_l + tr(K^-1 diag(variance_l)) + log|K| + N log(2 pi) ] / 2

    Args:
        s: sums over all data.
        alpha: noise variance > 0, shape ().
    """
    alpha = tf.convert_to_tensor(alpha, s.vv.dtype)
    chol = factorise(s.vv, alpha)
    half = linalg.solve_lower(chol, s.vz)
    quadratic = (tf.reduce_sum(s.zz) - tf.reduce_sum(tf.square(half))) / alpha
    vdv = tf.reduce_sum(s.vdv, axis=0)
    spread = (tf.reduce_sum(s.d) - tf.linalg.trace(tf.linalg.cholesky_solve(chol, vdv))) / alpha
    num_features, num_channels = (tf.cast(size, vdv.dtype) for size in tf.unstack(tf.shape(s.vz)))
    log_det = (s.count[0] - num_features) * tf.math.log(alpha) + linalg.log_determinant(chol)
    return 0.5 * (quadratic + spread + num_channels * (log_det + s.count[0] * gaussians.LOG_2PI))


def expand(whole: Sums, alpha: tf.Tensor) -> tuple[tf.Tensor, Sums, tf.Tensor]:
    """`expected_negative_log_prior` of all data, and its gradients with respect to the sums and alpha; constants."""
    whole, alpha = Sums(*(tf.stop_gradient(x) for x in whole)), tf.stop_gradient(tf.convert_to_tensor(alpha))
    with tf.GradientTape() as tape:
        tape.watch([*whole, alpha])
        value = expected_negative_log_prior(whole, alpha)
    *slopes, d_alpha = tape.gradient(value, [*whole, alpha])
    return value, Sums(*(tf.stop_gradient(x) for x in slopes)), tf.stop_gradient(d_alpha)


def linear_term(slopes: Sums, d_alpha: tf.Tensor, part: Sums, alpha: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """A mini-batch's part of the Taylor expansion in the sums, shape (); constants are left out:

        sum_j <d/dS_j, S_j(batch)> + share alpha d/dalpha

    Over batches whose shares (b/N) sum to one, its gradients with respect to z, V and alpha sum to those of the whole.
    """
    products = [tf.reduce_sum(g * x) for g, x in zip(slopes[:-1], part[:-1], strict=True)]
    return tf.add_n(products) + share * alpha * d_alpha


def taylor_coefficients(v: tf.Tensor, alpha: tf.Tensor, z: tf.Tensor) -> TaylorCoefficients:
    """The gradients of the negative log prior of known latents at (z, V, alpha), as Casale et al. write them.

        a = K^-1 z                                      K^-1 V = V C^-1
        B = sum_l [ K^-1 V - a_l a_l^T V ]            = L V C^-1 - a (a^T V)
        c = sum_l [ tr K^-1 - |a_l|^2 ] / 2

    Args:
        v: V, shape (N, H).
        alpha: noise variance, shape ().
        z: latent values, shape (N, L).
    """
    chol = factorise(tf.linalg.matmul(v, v, transpose_a=True), alpha)
    a = (z - tf.linalg.matmul(v, weights(chol, tf.linalg.matmul(v, z, transpose_a=True)))) / alpha
    solved = tf.linalg.matrix_transpose(tf.linalg.cholesky_solve(chol, tf.linalg.matrix_transpose(v)))
    num_channels = tf.cast(tf.shape(z)[1], z.dtype)
    b = num_channels * solved - tf.linalg.matmul(a, tf.linalg.matmul(a, v, transpose_a=True))
    inverse_trace = (tf.cast(tf.shape(v)[0], z.dtype) - tf.reduce_sum(solved * v)) / alpha
    c = 0.5 * (num_channels * inverse_trace - tf.reduce_sum(tf.square(a)))
    return TaylorCoefficients(a, b, c)


def weights(chol: tf.Tensor, vz: tf.Tensor) -> tf.Tensor:
    """w = C^-1 V^T z, shape (H, L)."""
    return tf.linalg.cholesky_solve(chol, vz)


def predict_joint(s: Sums, alpha: tf.Tensor, v_new: tf.Tensor, k_new: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean (r, L) and covariances (L, r, r) of the latent function at new inputs, with K_*N = V_* V^T, U = V_* C^-1.

        mean_l = K_*N K^-1 mean_l                = V_* w_l
        cov_l  = K_** - K_*N K^-1 K_N*           = (K_** - V_* V_*^T) + alpha V_* C^-1 V_*^T
                 + U V^T diag(variance_l) V U^T             (what the encoder does not know of z)

    Args:
        s: sums over the training data.
        alpha: noise variance, shape ().
        v_new: V_*, from `factor` at the new inputs, shape (r, H).
        k_new: prior covariance K_** of the latent function, shape (r, r).
    """
    chol = factorise(s.vv, alpha)
    v_t = tf.linalg.matrix_transpose(v_new)
    half, u_t = linalg.solve_lower(chol, v_t), tf.linalg.cholesky_solve(chol, v_t)  # (H, r)
    shared = k_new - tf.linalg.matmul(v_new, v_t) + alpha * tf.linalg.matmul(half, half, transpose_a=True)
    encoder = tf.linalg.matmul(u_t[tf.newaxis], tf.linalg.matmul(s.vdv, u_t), transpose_a=True)
    return tf.linalg.matmul(v_new, weights(chol, s.vz)), shared + encoder


def predict(s: Sums, alpha: tf.Tensor, v_new: tf.Tensor, k_new_diagonal: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of single latents, each (r, L): the diagonal of `predict_joint`, without forming it.

    Args as there, but k_new_diagonal: prior variances k_**, shape (r,). What V leaves unexplained is cut at zero
    against rounding; the other summands are never negative.
    """
    chol = factorise(s.vv, alpha)
    v_t = tf.linalg.matrix_transpose(v_new)
    half, u_t = linalg.solve_lower(chol, v_t), tf.linalg.cholesky_solve(chol, v_t)  # (H, r)
    unexplained = tf.maximum(k_new_diagonal - linalg.sum_of_squares(v_new), 0.0)
    shared = unexplained + alpha * linalg.sum_of_squares(half, axis=0)
    encoder = tf.reduce_sum(tf.linalg.matmul(s.vdv, u_t) * u_t, axis=-2)  # (L, r)
    return tf.linalg.matmul(v_new, weights(chol, s.vz)), shared[:, tf.newaxis] + tf.linalg.matrix_transpose(encoder)

"""The GP prior of Casale et al. (2018), GPPVAE: low rank plus noise, shared by the L latent channels.

    K = V V^T + alpha I,     V (N, H),     z_l ~ N(0, K)   for l = 1 ... L

With C = alpha I + V^T V = L_C L_C^T (H, H) and the ridge weights w = C^-1 V^T z, Woodbury's identity and the
determinant lemma give all that is needed without an N x N matrix:

    K^-1 z      = (z - V w) / alpha
    z^T K^-1 z  = (z^T z - z^T V w) / alpha
    log |K|     = (N - H) log alpha + log |C|
    K_*N K^-1 z = V_* w

The data enter only through sums over data points (V^T V, V^T z, ...), so they can be processed in chunks, and by the
chain rule a gradient with respect to the sums gives one for every mini-batch.

Notation: N training data, b of them in a mini-batch, M object features, Q distinct training views, H = M Q. Unlike in
the other modules, channels are the last axis of z. No leading axes.
"""

from typing import NamedTuple

import tensorflow as tf

from svgp_vae_tf.gp import gaussians, linalg


class SufficientStatistics(NamedTuple):
    """All that latents z_il ~ N(mean_il, variance_il) tell the prior: sums over data, so that parts add up."""

    gram: tf.Tensor
    """V^T V, shape (H, H)."""
    projected_mean: tf.Tensor
    """V^T mean, shape (H, L)."""
    mean_squares: tf.Tensor
    """Sums of the squared means, shape (L,)."""
    weighted_gram: tf.Tensor
    """V^T diag(variance_l) V, shape (L, H, H)."""
    total_variance: tf.Tensor
    """Sums of the variances, shape (L,)."""
    count: tf.Tensor
    """Number of data points, shape (1,)."""


def can_be_sums(rest: SufficientStatistics, full: SufficientStatistics) -> tf.Tensor:
    """Whether differences of sums may be sums of data themselves, up to rounding relative to ``full``; shape ().

    Matrices are positive semi-definite, squares and variances not negative, and by the inequality of Cauchy and Schwarz
    the part of the squares that V explains, m^T V (V^T V)^-1 V^T m, is no larger than they are.
    """

    def least(matrices: tf.Tensor) -> tf.Tensor:
        return tf.linalg.eigvalsh(matrices)[..., 0]

    size = 1.0 + tf.linalg.trace(full.gram)
    ridge = 1e-6 * size * tf.eye(tf.shape(rest.gram)[-1], dtype=rest.gram.dtype)
    within = (least(rest.gram) >= -1e-6 * size) & tf.reduce_all(
        least(rest.weighted_gram) >= -1e-5 * (1e-30 + tf.linalg.trace(full.weighted_gram))
    )
    within &= tf.reduce_all(rest.total_variance >= -1e-5 * full.total_variance)
    if not within:
        return within
    factor = linalg.cholesky(rest.gram + ridge, 0.0)
    explained = linalg.sum_of_squares(linalg.solve_lower(factor, rest.projected_mean), axis=0)
    return tf.reduce_all(rest.mean_squares - explained >= -1e-3 * full.mean_squares)


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


def statistics(v: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> SufficientStatistics:
    """Sums over some data.

    Args:
        v: V, shape (n, H).
        mean: shape (n, L).
        variance: shape (n, L); or (n, 1), summed over channels, where only the sum over channels is needed.
    """
    weighted = v * tf.linalg.matrix_transpose(variance)[:, :, tf.newaxis]  # (L, n, H)
    return SufficientStatistics(
        gram=tf.linalg.matmul(v, v, transpose_a=True),
        projected_mean=tf.linalg.matmul(v, mean, transpose_a=True),
        mean_squares=linalg.sum_of_squares(mean, axis=0),
        weighted_gram=tf.linalg.matmul(weighted, v[tf.newaxis], transpose_a=True),
        total_variance=tf.reduce_sum(variance, axis=0),
        count=tf.cast(tf.shape(v)[:1], v.dtype),
    )


def factorise(gram: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """L_C, lower Cholesky factor of C = alpha I + V^T V, shape (H, H)."""
    return linalg.cholesky(linalg.guarded(alpha * tf.eye(tf.shape(gram)[-1], dtype=gram.dtype) + gram, alpha), 0.0)


def expected_negative_log_prior(s: SufficientStatistics, alpha: tf.Tensor) -> tf.Tensor:
    """E[- sum_l log N(z_l | 0, K)] over independent z_il ~ N(mean_il, variance_il), shape (), 2 pi included:

        sum_l [ mean_l^T K^-1 mean_l + tr(K^-1 diag(variance_l)) + log|K| + N log(2 pi) ] / 2

    Args:
        s: sums over all data.
        alpha: noise variance > 0, shape ().
    """
    alpha = tf.convert_to_tensor(alpha, s.gram.dtype)
    chol = factorise(s.gram, alpha)
    half = linalg.solve_lower(chol, s.projected_mean)
    quadratic = (tf.reduce_sum(s.mean_squares) - tf.reduce_sum(tf.square(half))) / alpha
    vdv = tf.reduce_sum(s.weighted_gram, axis=0)
    spread = (tf.reduce_sum(s.total_variance) - tf.linalg.trace(tf.linalg.cholesky_solve(chol, vdv))) / alpha
    num_features, num_channels = (tf.cast(size, vdv.dtype) for size in tf.unstack(tf.shape(s.projected_mean)))
    log_det = (s.count[0] - num_features) * tf.math.log(alpha) + linalg.log_determinant(chol)
    return 0.5 * (quadratic + spread + num_channels * (log_det + s.count[0] * gaussians.LOG_2PI))


def expand(full: SufficientStatistics, alpha: tf.Tensor) -> tuple[tf.Tensor, SufficientStatistics, tf.Tensor]:
    """`expected_negative_log_prior` of all data, and its gradients with respect to the sums and alpha; constants."""
    full = SufficientStatistics(*(tf.stop_gradient(x) for x in full))
    alpha = tf.stop_gradient(tf.convert_to_tensor(alpha))
    with tf.GradientTape() as tape:
        tape.watch([*full, alpha])
        value = expected_negative_log_prior(full, alpha)
    *slopes, d_alpha = tape.gradient(value, [*full, alpha])
    return value, SufficientStatistics(*(tf.stop_gradient(x) for x in slopes)), tf.stop_gradient(d_alpha)


def linear_term(
    slopes: SufficientStatistics, d_alpha: tf.Tensor, batch: SufficientStatistics, alpha: tf.Tensor, share: tf.Tensor
) -> tf.Tensor:
    """A mini-batch's part of the Taylor expansion in the sums, shape (); constants are left out:

        sum_j <d/dS_j, S_j(batch)> + share alpha d/dalpha

    Over batches whose shares (b/N) sum to one, its gradients with respect to z, V and alpha sum to those of all data.
    """
    products = [tf.reduce_sum(g * x) for g, x in zip(slopes[:-1], batch[:-1], strict=True)]
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


class LowRankPosterior(NamedTuple):
    """Factors of the posterior of the latent function given all data."""

    chol: tf.Tensor
    """L_C, shape (H, H)."""
    weights: tf.Tensor
    """w = C^-1 V^T mean, shape (H, L)."""
    weighted_gram: tf.Tensor
    """V^T diag(variance_l) V, shape (L, H, H)."""
    alpha: tf.Tensor
    """Noise variance, shape ()."""


def posterior(s: SufficientStatistics, alpha: tf.Tensor) -> LowRankPosterior:
    """Condition on the data of these statistics."""
    chol = factorise(s.gram, alpha)
    return LowRankPosterior(
        chol, weights(chol, s.projected_mean), s.weighted_gram, tf.convert_to_tensor(alpha, s.gram.dtype)
    )


def draw_weights(q: LowRankPosterior, of_alpha: tf.Tensor, of_encoder: tf.Tensor) -> tf.Tensor:
    """Draws of the weights of V given all data, c ~ N(w_l, alpha C^-1 + C^-1 V^T diag(variance_l) V C^-1).

    Args:
        q: conditioned posterior.
        of_alpha, of_encoder: standard normal numbers for the two parts, each (S, L, H).

    Returns:
        Shape (S, L, H).
    """
    given_latents = tf.linalg.triangular_solve(
        q.chol, tf.sqrt(q.alpha) * of_alpha[..., tf.newaxis], adjoint=True
    )  # L_C^-T e has covariance C^-1
    root = linalg.semidefinite_root(q.weighted_gram)
    of_latents = tf.linalg.cholesky_solve(q.chol, tf.linalg.matmul(root, of_encoder[..., tf.newaxis]))
    return tf.linalg.matrix_transpose(q.weights) + (given_latents + of_latents)[..., 0]


def joint(q: LowRankPosterior, v_new: tf.Tensor, k_new: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean (r, L) and covariances (L, r, r) of the latent function at new inputs, with K_*N = V_* V^T, U = V_* C^-1.

        mean_l = K_*N K^-1 mean_l                = V_* w_l
        cov_l  = K_** - K_*N K^-1 K_N*           = (K_** - V_* V_*^T) + alpha V_* C^-1 V_*^T
                 + U V^T diag(variance_l) V U^T             (the encoder's uncertainty about z)

    Args:
        q: conditioned posterior.
        v_new: V_*, from `factor` at the new inputs, shape (r, H).
        k_new: prior covariance K_** of the latent function, shape (r, r).
    """
    v_t = tf.linalg.matrix_transpose(v_new)
    half, u_t = linalg.solve_lower(q.chol, v_t), tf.linalg.cholesky_solve(q.chol, v_t)  # (H, r)
    shared = k_new - tf.linalg.matmul(v_new, v_t) + q.alpha * tf.linalg.matmul(half, half, transpose_a=True)
    encoder = tf.linalg.matmul(u_t[tf.newaxis], tf.linalg.matmul(q.weighted_gram, u_t), transpose_a=True)
    return tf.linalg.matmul(v_new, q.weights), shared + encoder


def marginals(q: LowRankPosterior, v_new: tf.Tensor, k_new_diagonal: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of single latents, each (r, L): the diagonal of `joint`, without forming the matrix.

    The variance that V leaves unexplained is clipped at zero against rounding; the other terms are never negative.

    Args:
        q: conditioned posterior.
        v_new: as in `joint`.
        k_new_diagonal: prior variances k_**, shape (r,).
    """
    v_t = tf.linalg.matrix_transpose(v_new)
    half, u_t = linalg.solve_lower(q.chol, v_t), tf.linalg.cholesky_solve(q.chol, v_t)  # (H, r)
    unexplained = tf.maximum(k_new_diagonal - linalg.sum_of_squares(v_new), 0.0)
    shared = unexplained + q.alpha * linalg.sum_of_squares(half, axis=0)
    encoder = tf.reduce_sum(tf.linalg.matmul(q.weighted_gram, u_t) * u_t, axis=-2)  # (L, r)
    return tf.linalg.matmul(v_new, q.weights), shared[:, tf.newaxis] + tf.linalg.matrix_transpose(encoder)

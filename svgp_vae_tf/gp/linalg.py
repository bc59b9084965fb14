"""Jittered Cholesky factors, and the few solves and products built on them.

Six functions define their own gradients where TensorFlow's would need solves, or more passes over (..., L, m, n)
tensors. Their second derivatives are TensorFlow's.
"""

from collections.abc import Callable

import tensorflow as tf

DTYPE = tf.float64
"""Every matrix of the GP algebra has this type."""

JITTER = 1e-6
"""Default for K_mm, which close or repeated inducing points make singular. Relative to its mean diagonal."""

ROUNDING = 1e-13
"""Default for matrices that are positive definite by construction, with eigenvalues of whatever size."""

EPSILON = 2.0**-52
"""The relative spacing of float64."""


def cholesky(matrix: tf.Tensor, jitter: float) -> tf.Tensor:
    """Lower Cholesky factor of ``matrix + jitter * mean(diag(matrix)) * I``.

    The jitter is relative, so that the result does not depend on the unit of the kernel's amplitude.

    Args:
        matrix: symmetric positive semi-definite, shape (..., n, n), float64.
        jitter: non-negative, in units of the mean diagonal.

    Returns:
        Lower triangular factor, shape (..., n, n).
    """
    if jitter == 0.0:
        return tf.linalg.cholesky(matrix)
    mean = tf.reduce_mean(diagonal(matrix), axis=-1, keepdims=True)
    return tf.linalg.cholesky(_add_to_diagonal(matrix, jitter * tf.maximum(mean, 1e-200)))


def inverse_cholesky(matrix: tf.Tensor, jitter: float) -> tf.Tensor:
    """R = L^-1 of `cholesky`'s factor L: R A R^T = I and A^-1 = R^T R. Arguments as there.

    One factorisation and one solve; the rest of a computation, and its gradient, are matrix products. From
    R A R^T = I follows dR = -phi(R dA R^T) R, with phi the lower triangle and half the diagonal. The jitter is a
    symmetric linear map of A, so the gradient passes through the same map.
    """

    @tf.custom_gradient
    def factor(a: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        chol = cholesky(a, jitter)
        identity = tf.eye(tf.shape(a)[-1], batch_shape=tf.shape(a)[:-2], dtype=a.dtype)
        r = solve_lower(chol, identity)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return _gradient_of_factor(tf.linalg.matmul(upstream, r, transpose_b=True), r, jitter)

        return r, gradient

    return factor(matrix)


def whiten(k_mm: tf.Tensor, k_mn: tf.Tensor, jitter: float) -> tf.Tensor:
    """V = L^-1 K_mn with `cholesky`'s factor L of K_mm, shape (..., L or 1, m, n).

    It is R K_mn with R = L^-1. From dV = -phi(R dK_mm R^T) V + R dK_mn follow, for an upstream G, the gradients
    -R^T phi(G V^T) R and R^T G. Those of the product and of R together would form G K_nm R^T instead of G V^T, whose
    rounding errors are larger by up to the norm of R, a thousand for close inducing points.

    Args:
        k_mm: as for `cholesky`, shape (L or 1, m, m).
        k_mn: shape (..., L or 1, m, n).
        jitter: as for `cholesky`.
    """

    @tf.custom_gradient
    def project(k_mm: tf.Tensor, k_mn: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
        r = inverse_cholesky(k_mm, jitter)
        v = tf.linalg.matmul(r, k_mn)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            of_matrix = _sum_to_shape_of(k_mm, tf.linalg.matmul(upstream, v, transpose_b=True))
            of_product = tf.linalg.matmul(r, upstream, transpose_a=True)
            return _gradient_of_factor(of_matrix, r, jitter), _sum_to_shape_of(k_mn, of_product)

        return v, gradient

    return project(k_mm, k_mn)


def solve_by_root(matrix: tf.Tensor, root: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """x = A^-1 b = R^T R b with R = `inverse_cholesky` of A without a jitter.

    For an upstream g and h = A^-1 g the gradients are -(h x^T + x h^T) / 2 and h. Through the factor they would be
    differences of larger numbers where A^-1 all but annihilates g, as it does where the data say almost everything.

    Args:
        matrix: A, shape (..., n, n).
        root: R, shape (..., n, n); no gradient passes through it.
        vector: b, shape (..., n).
    """

    def product(vector: tf.Tensor) -> tf.Tensor:
        return tf.linalg.matvec(root, tf.linalg.matvec(root, vector), transpose_a=True)

    @tf.custom_gradient
    def solve(_: tf.Tensor, vector: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
        x = product(vector)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            h = product(upstream)
            outer = h[..., :, tf.newaxis] * x[..., tf.newaxis, :]
            return -0.5 * (outer + tf.linalg.matrix_transpose(outer)), h

        return x, gradient

    return solve(matrix, vector)


def _gradient_of_factor(upstream: tf.Tensor, r: tf.Tensor, jitter: float) -> tf.Tensor:
    """-R^T phi(G) R for the jittered matrix, as a gradient with respect to the matrix itself."""
    g = -tf.linalg.matmul(r, tf.linalg.matmul(_phi(upstream), r), transpose_a=True)
    if jitter == 0.0:
        return g
    return _add_to_diagonal(g, jitter * tf.reduce_mean(diagonal(g), axis=-1, keepdims=True))


def guarded(matrix: tf.Tensor, least: float | tf.Tensor) -> tf.Tensor:
    """A matrix whose exact eigenvalues are at least ``least``, if only with a diagonal to come, made safe to factor.

    It stays as it is unless it is so large that rounding could have consumed half of ``least``; only then the
    diagonal grows, by as much as rounding can have taken. A jitter relative to the diagonal would do harm long before:
    B = I + c S reaches 1e13 where encoder variances are small, and a share of 1e-13 of that would double its
    eigenvalues of 1, the directions about which the data say nothing.

    Args:
        matrix: shape (..., n, n).
        least: positive lower bound, shape (...) or ().
    """
    rounding = 4.0 * EPSILON * tf.linalg.trace(matrix)
    excess = tf.nn.relu(rounding - 0.5 * tf.cast(least, matrix.dtype))
    return _add_to_diagonal(matrix, tf.stop_gradient(excess)[..., tf.newaxis])


def semidefinite_root(matrix: tf.Tensor) -> tf.Tensor:
    """F with F F^T = A for a positive semi-definite A up to rounding, such as a posterior covariance.

    It is `cholesky`'s factor with the default jitter. Where A is a difference of far larger matrices, their rounding
    errors may exceed that, and there is no such factor: then F comes from the eigenvalues of A, the negative ones
    counted as zero.

    Args:
        matrix: symmetric, shape (..., n, n).
    """

    def from_eigenvalues() -> tf.Tensor:
        values, vectors = tf.linalg.eigh(matrix)
        return vectors * tf.sqrt(tf.nn.relu(values))[..., tf.newaxis, :]

    factor = cholesky(matrix, JITTER)
    return tf.cond(tf.reduce_all(tf.math.is_finite(factor)), lambda: factor, from_eigenvalues)


def _phi(matrix: tf.Tensor) -> tf.Tensor:
    """The lower triangle and half the diagonal."""
    n = tf.shape(matrix)[-1]
    lower = tf.linalg.band_part(tf.ones((n, n), matrix.dtype), -1, 0)
    return matrix * (lower - 0.5 * tf.eye(n, dtype=matrix.dtype))


def diagonal(matrix: tf.Tensor) -> tf.Tensor:
    """The diagonal of square matrices, (..., n, n) to (..., n).

    The gradient of TensorFlow's own function cannot be compiled by XLA for batches whose size may vary.
    """
    return tf.custom_gradient(lambda a: (tf.linalg.diag_part(a), tf.linalg.diag))(matrix)


def _add_to_diagonal(matrix: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Add one value per matrix, (..., 1), to the diagonal."""
    return matrix + value[..., tf.newaxis] * tf.eye(tf.shape(matrix)[-1], dtype=matrix.dtype)


def solve_lower(factor: tf.Tensor, right_hand_side: tf.Tensor) -> tf.Tensor:
    """``factor^-1 right_hand_side`` for a lower triangular factor; leading axes broadcast."""
    return tf.linalg.triangular_solve(factor, right_hand_side, lower=True)


def solve_lower_vector(factor: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """``factor^-1 vector`` for vectors of shape (..., n)."""
    return solve_lower(factor, vector[..., tf.newaxis])[..., 0]


def log_determinant(factor: tf.Tensor) -> tf.Tensor:
    """``log |A|`` from the Cholesky factor of A; shape (...)."""
    return 2.0 * tf.reduce_sum(tf.math.log(diagonal(factor)), axis=-1)


def sum_of_squares(x: tf.Tensor, axis: int | tuple[int, ...] = -1) -> tf.Tensor:
    """Sum of squares along an axis (or axes)."""

    @tf.custom_gradient
    def squares(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return tf.reduce_sum(tf.square(x), axis=axis, keepdims=True), lambda upstream: 2.0 * upstream * x

    return tf.squeeze(squares(x), axis)


def channel_matmul(a: tf.Tensor, v: tf.Tensor, transpose_v: bool = False) -> tf.Tensor:
    """``a_l v_l`` for each channel l; one product if all channels share v.

    Args:
        a: shape (..., L, p, m).
        v: shape (..., L or 1, m, n).
        transpose_v: whether v is passed transposed, (..., L or 1, n, m); the product reads it without a copy.

    Returns:
        Shape (..., L, p, n).
    """
    if v.shape.rank > 2 and v.shape[-3] != 1:
        return tf.linalg.matmul(a, v, transpose_b=transpose_v)
    of_v = "nm" if transpose_v else "mn"
    return tf.einsum(f"...lpm,...{of_v}->...lpn", a, v if v.shape.rank == 2 else v[..., 0, :, :])


def channel_vecmat(x: tf.Tensor, v: tf.Tensor, transpose_v: bool = False) -> tf.Tensor:
    """``x_l^T v_l`` for each channel l: (..., L, m) and (..., L or 1, m, n) give (..., L, n)."""
    return channel_matmul(x[..., tf.newaxis, :], v, transpose_v)[..., 0, :]


def weighted_gram(v: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """``v diag(weight_l) v^T`` for each channel l.

    Args:
        v: shape (..., L or 1, m, n).
        weight: shape (..., L, n).

    Returns:
        Symmetric matrices, shape (..., L, m, m).

    With X = (G + G^T) V for an upstream G, the gradients are sum_l X_l diag(weight_l) and sum_j V_ji X_ji / 2.
    """

    @tf.custom_gradient
    def gram(v: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            x = channel_matmul(upstream + tf.linalg.matrix_transpose(upstream), v)
            v_gradient = x * weight[..., tf.newaxis, :]
            return _sum_to_shape_of(v, v_gradient), _sum_to_shape_of(weight, 0.5 * tf.reduce_sum(v * x, axis=-2))

        return channel_matmul(v * weight[..., tf.newaxis, :], v, transpose_v=True), gradient

    return gram(v, weight)


def _sum_to_shape_of(x: tf.Tensor, broadcast: tf.Tensor) -> tf.Tensor:
    """Undo the broadcasting of x by summing over the broadcast axes."""
    axes, _ = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(x), s1=tf.shape(broadcast))
    return tf.reshape(tf.reduce_sum(broadcast, axes), tf.shape(x))

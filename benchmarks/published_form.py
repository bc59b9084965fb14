"""A step of the sparse GP as its formulas are published, with which this project's form is compared.

It loops over channels, has explicit inverses, and one (m, m) matrix Lambda_i for each datum. With P = (K_mm + jitter
I)^-1 and c = N/b, for one channel with encoder means y and variances s2:

    Sigma = K_mm + c K_mb diag(1/s2) K_bm              S = (Sigma + jitter I)^-1
    mean  = c K_bm S K_mb (y/s2)                       variance = k_bb - diag(K_bm P K_mb) + diag(K_bm S K_mb)
    mu    = c K_mm S K_mb (y/s2)                       A = K_mm S K_mm
    L_H   = sum_i [log N(y_i | k_i P mu, s2_i) - (k~_ii + tr(A Lambda_i)) / (2 s2_i)] - (b/N) KL
    KL    = (log|K_mm| - log|A| - m + tr(P A) + mu^T P mu) / 2

with Lambda_i = P k_i k_i^T P. The regulariser is the cross entropy minus L_H, as in eq. 10. This is for tests and
benchmarks only, neither fast nor numerically careful. Kernel matrices are computed once per channel; the original
program computes them twice.
"""

from typing import NamedTuple

import tensorflow as tf

from svgp_vae_tf.gp import gaussians, linalg
from svgp_vae_tf.kernels import Kernel


class Channel(NamedTuple):
    """Posterior and regulariser of one channel of a batch."""

    mean: tf.Tensor
    """Posterior mean at the batch, shape (b,)."""
    variance: tf.Tensor
    """Posterior variance at the batch, shape (b,)."""
    regulariser: tf.Tensor
    """Cross entropy minus L_H, a sum over the batch, shape ()."""


def step(
    kernel: Kernel,
    inducing: tf.Tensor,
    features: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
    num_data: int,
    jitter: float = linalg.JITTER,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Posterior at the batch and regulariser of all channels.

    Args:
        kernel: shared by all channels.
        inducing: inducing points, (m, D).
        features: features of the batch, (b, D).
        mean: encoder means, (b, L).
        variance: encoder variances, (b, L).
        num_data: number of data N.
        jitter: added to the diagonals of K_mm, Sigma and A.

    Returns:
        means (b, L), variances (b, L), and the sum of the regularisers over channels, ().
    """
    scale = num_data / features.shape[0]

    @tf.function  # traced once rather than L times
    def channel(y: tf.Tensor, s2: tf.Tensor) -> Channel:
        matrices = kernel.matrix(inducing, inducing), kernel.matrix(features, inducing), kernel.diagonal(features)
        return _channel(*matrices, y, s2, scale, jitter)

    channels = [channel(mean[:, i], variance[:, i]) for i in range(mean.shape[-1])]
    means, variances, regularisers = zip(*channels, strict=True)
    return tf.stack(means, axis=-1), tf.stack(variances, axis=-1), tf.add_n(regularisers)


def _channel(
    kmm: tf.Tensor, kbm: tf.Tensor, k_diagonal: tf.Tensor, y: tf.Tensor, s2: tf.Tensor, scale: float, jitter: float
) -> Channel:
    unit = jitter * tf.eye(kmm.shape[0], dtype=kmm.dtype)
    p = tf.linalg.inv(kmm + unit)
    s = tf.linalg.inv(kmm + scale * tf.transpose(kbm) @ (kbm / s2[:, tf.newaxis]) + unit)
    mean, variance, mu, a = _posterior(kmm, kbm, k_diagonal, p, s, scale * y / s2)
    cross_entropy = tf.reduce_sum(gaussians.expected_log_density(mean, variance, y, s2))
    bound = _data_term(kbm, k_diagonal, p, y, s2, mu, a) - _kl(kmm + unit, p, mu, a, unit) / scale
    return Channel(mean, variance, cross_entropy - bound)


def _posterior(
    kmm: tf.Tensor, kbm: tf.Tensor, k_diagonal: tf.Tensor, p: tf.Tensor, s: tf.Tensor, weighted: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Mean and variance at the batch (b,), mu (m,) and A (m, m); weighted is c y/s2, (b,)."""
    kmb = tf.transpose(kbm)
    projected = tf.linalg.matvec(s, tf.linalg.matvec(kmb, weighted))
    variance = k_diagonal - tf.linalg.diag_part(kbm @ p @ kmb) + tf.linalg.diag_part(kbm @ s @ kmb)
    return tf.linalg.matvec(kbm, projected), variance, tf.linalg.matvec(kmm, projected), kmm @ s @ kmm


def _data_term(
    kbm: tf.Tensor, k_diagonal: tf.Tensor, p: tf.Tensor, y: tf.Tensor, s2: tf.Tensor, mu: tf.Tensor, a: tf.Tensor
) -> tf.Tensor:
    """The sum over data in eq. 7, from a (b, m, m) tensor of all Lambda_i."""
    f_mean = tf.linalg.matvec(kbm @ p, mu)
    k_tilde = k_diagonal - tf.linalg.diag_part(kbm @ p @ tf.transpose(kbm))
    outer = kbm[:, :, tf.newaxis] @ kbm[:, tf.newaxis, :]
    trace = tf.linalg.trace(a @ (p @ outer @ p))
    return tf.reduce_sum(gaussians.log_density(y, f_mean, s2) - 0.5 * (k_tilde + trace) / s2)


def _kl(kmm: tf.Tensor, p: tf.Tensor, mu: tf.Tensor, a: tf.Tensor, unit: tf.Tensor) -> tf.Tensor:
    log_determinants = tf.linalg.logdet(kmm) - tf.linalg.logdet(a + unit)
    mahalanobis = tf.tensordot(mu, tf.linalg.matvec(p, mu), 1)
    return 0.5 * (log_determinants - mu.shape[0] + tf.linalg.trace(p @ a) + mahalanobis)

"""The original program's objective of deep SVIGP, from the posterior of the inducing values."""

import math

import tensorflow as tf

from svgp_vae_tf.gp import whitened


def trace_term(q: whitened.WhitenedPosterior, v: tf.Tensor, k_diagonal: tf.Tensor, variance: float) -> tf.Tensor:
    """-1 / (2 variance) sum_i [ k~_ii + tr(A k_i k_i^T) ] per channel; the bracket is the variance of f_i."""
    return -0.5 * tf.reduce_sum(whitened.marginals(q, v, k_diagonal)[1], axis=-1) / variance


def objective(
    q: whitened.WhitenedPosterior,
    v: tf.Tensor,
    k_diagonal: tf.Tensor,
    squared_error: float,
    num_values: int,
    noise: float,
    num_data: int,
) -> float:
    """What that program maximises on a batch of b images of K values:

    -b K log nu - b K / 2 log 2 pi - SSE / (2 nu^2) + trace_term(variance nu) - b / N sum_l KL
    """
    batch = int(v.shape[-1])
    log_likelihood = -batch * num_values * (math.log(noise) + 0.5 * math.log(2.0 * math.pi))
    log_likelihood -= 0.5 * squared_error / noise**2
    regulariser = trace_term(q, v, k_diagonal, noise) - batch / num_data * whitened.kl(q)
    return log_likelihood + float(tf.reduce_sum(regulariser))

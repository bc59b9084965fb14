"""Sums over the replicas that train together: what makes many devices compute what one would."""

import tensorflow as tf


def sum_over_replicas(x: tf.Tensor) -> tf.Tensor:
    """The sum over all replicas that train together; gradients flow through it."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce(tf.distribute.ReduceOp.SUM, x)

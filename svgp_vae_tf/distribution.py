"""Sums over the replicas that train together: what makes many devices compute what one would."""

import tensorflow as tf


def num_replicas() -> int:
    """How many replicas train together, here and on other machines."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def sum_over_replicas(x: tf.Tensor) -> tf.Tensor:
    """The sum over all replicas that train together; gradients flow through it."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce(tf.distribute.ReduceOp.SUM, x)


def local_rows(count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where this replica's examples are in the global batch.

    Args:
        count: how many they are, shape (); replicas may differ, and some may have none.

    Returns:
        The row of the first one and the number of all replicas' rows, each int32 of shape ().
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tf.constant(0), count
    replicas = context.num_replicas_in_sync
    own = tf.one_hot(context.replica_id_in_sync_group, replicas, dtype=tf.float64) * tf.cast(count, tf.float64)
    counts = tf.cast(sum_over_replicas(own), tf.int32)
    return tf.reduce_sum(counts[: context.replica_id_in_sync_group]), tf.reduce_sum(counts)


def gather_replicas(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The rows of the global batch, on every replica; gradients flow through them.

    Args:
        x: this replica's rows, (b, ...).

    Returns:
        All rows, (B, ...), and the places of this replica's among them, (b,), int32.
    """
    count = tf.shape(x)[0]
    first, total = local_rows(count)
    if num_replicas() == 1:
        return x, tf.range(count)
    around = tf.stack([first, total - first - count])
    padding = tf.concat([around[tf.newaxis], tf.zeros((len(x.shape) - 1, 2), tf.int32)], axis=0)
    return sum_over_replicas(tf.pad(x, padding)), first + tf.range(count)

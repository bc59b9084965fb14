"""Reductions over the replicas that train together, so that several devices compute what one device would.

With one replica, or outside of a replica context, tensors are left as they are.
"""

import tensorflow as tf


def num_replicas() -> int:
    """Number of replicas that train together, on this machine and others."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def sum_over_replicas(x: tf.Tensor) -> tf.Tensor:
    """The sum of a tensor over all replicas, with gradients; x has the same shape on all of them."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce(tf.distribute.ReduceOp.SUM, x)


def local_rows(count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The position of this replica's rows in the global batch.

    Args:
        count: number of this replica's rows, int32, shape (); it may differ between replicas and may be 0.

    Returns:
        The index of the replica's first row and the number of rows of all replicas, int32, shape () each.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tf.constant(0), count
    replicas = context.num_replicas_in_sync
    own = tf.one_hot(context.replica_id_in_sync_group, replicas, dtype=tf.float64) * tf.cast(count, tf.float64)
    counts = tf.cast(sum_over_replicas(own), tf.int32)
    return tf.reduce_sum(counts[: context.replica_id_in_sync_group]), tf.reduce_sum(counts)


def gather_replicas(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The rows of the global batch on every replica, with gradients.

    Args:
        x: this replica's rows, (b, ...).

    Returns:
        All rows, (B, ...), and the indices of this replica's rows among them, (b,), int32.
    """
    count = tf.shape(x)[0]
    first, total = local_rows(count)
    if num_replicas() == 1:
        return x, tf.range(count)
    around = tf.stack([first, total - first - count])
    padding = tf.concat([around[tf.newaxis], tf.zeros((len(x.shape) - 1, 2), tf.int32)], axis=0)
    return sum_over_replicas(tf.pad(x, padding)), first + tf.range(count)

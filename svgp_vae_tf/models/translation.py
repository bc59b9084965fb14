"""TensorFlow's pages about an error, reduced to the one line that matters."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from svgp_vae_tf.errors import DataError, WorkerLostError

_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


def several_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether replicas are in other processes, too."""
    replicas = strategy.num_replicas_in_sync
    return replicas > 1 and replicas > len(strategy.extended.worker_devices)


@contextlib.contextmanager
def one_line_errors(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Translate errors of checks inside graphs, and of workers that were lost.

    Raises:
        DataError: with the line of the check that failed.
        WorkerLostError: when another worker does not answer.
    """
    with translate_worker_errors(strategy), translate_graph_errors():
        yield


@contextlib.contextmanager
def translate_graph_errors() -> Iterator[None]:
    """Reduce what TensorFlow writes about a failed check inside a graph to the check's own line.

    Raises:
        DataError: with that line.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        failed = re.search(
            r"DataError: ([^\n]+)|assertion failed: \[(.+?)\](?:\n|$| \[)|(the loss is not finite[^\n]*?) : Tensor",
            str(error),
        )
        if failed is None:
            raise
        raise DataError(next(line for line in failed.groups() if line)) from error


@contextlib.contextmanager
def translate_worker_errors(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Reduce TensorFlow's pages about a collective that was cut off to one line.

    Raises:
        WorkerLostError: when another worker does not answer.
    """
    try:
        yield
    except _LOST as error:
        if not several_workers(strategy):
            raise
        raise WorkerLostError(
            "another worker was lost: see its own output for why, then start all workers again from the last checkpoint"
        ) from error

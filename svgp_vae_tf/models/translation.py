"""TensorFlow's pages about an error, reduced to the one line that matters."""

import contextlib
import gc
import re
from collections.abc import Callable, Iterator
from typing import Any

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


def with_one_line_errors(strategy: tf.distribute.Strategy, call: Callable[..., Any], **kwargs: Any) -> Any:
    """Call Keras' `fit` or `evaluate`; translate errors of checks inside graphs, and of workers that were lost.

    Keras keeps the iterator over the data in a reference cycle and in the frames of an error. If it runs over a Python
    generator and lives until the interpreter ends, it can hang it there, so after an error nothing may hold it.

    Raises:
        DataError: with the line of the check that failed.
        WorkerLostError: when another worker does not answer.
    """
    try:
        with translate_worker_errors(strategy):
            return call(**kwargs)
    except tf.errors.InvalidArgumentError as error:
        line = failed_check(error)
        if line is None:
            raise
        error.__traceback__ = error.__context__ = None
    gc.collect()
    raise DataError(line)


def failed_check(error: tf.errors.InvalidArgumentError) -> str | None:
    """The line of the check that failed inside a graph, from what TensorFlow writes about it; None if none did."""
    failed = re.search(
        r"DataError: ([^\n]+)|assertion failed: \[(.+?)\](?:\n|$| \[)|(the loss is not finite[^\n]*?) : Tensor",
        str(error),
    )
    if failed is None:
        return None
    return next(line for line in failed.groups() if line).replace("\\'", "'")  # TensorFlow escapes quotes


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

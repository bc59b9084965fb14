"""Batches of whole groups."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import random_seed, whole_number
from svgp_vae_tf.arrays import as_array
from svgp_vae_tf.errors import DataError


def whole_groups(
    aux: Mapping[str, np.ndarray],
    observations: np.ndarray,
    groups_per_batch: int,
    group: str = "group",
    seed: int | None = None,
) -> tf.data.Dataset:
    """Batches (aux, observations) of whole groups, for `fit`, `evaluate` and `condition`.

    Args:
        aux: named arrays (n, ...), among them the ids. In the batches, ids that are text are replaced by their indices
            in alphabetical order.
        observations: (n, ...).
        groups_per_batch: number of groups in a batch, which may differ in size; the last batch may hold fewer.
        group: name of the ids, (n,).
        seed: shuffles the groups, differently in each pass; None leaves them in ascending order. As everywhere in
            `tf.data`, the order also depends on TensorFlow's global seed (`keras.utils.set_random_seed`).

    Returns:
        A finite data set; arrays keep their types.

    Raises:
        ValueError: for a number of groups that is not a whole number above 0.
        DataError: for arrays of different lengths, data without ids, or ids that cannot be told apart.
    """
    groups_per_batch, seed = whole_number("groups_per_batch", groups_per_batch), random_seed("seed", seed)
    if not isinstance(aux, Mapping) or group not in aux:
        held = ", ".join(aux) if isinstance(aux, Mapping) else type(aux).__name__
        raise DataError(f"auxiliary data must be a dict with {group}, the ids of groups; got {held or 'nothing'}")
    arrays = {name: np.atleast_1d(as_array(name, value)) for name, value in aux.items()}
    observed = np.atleast_1d(as_array("observations", observations))
    lengths = {name: len(value) for name, value in {**arrays, "observations": observed}.items()}
    if len(set(lengths.values())) != 1 or not len(observed):
        raise DataError(f"arrays must have one length and not be empty: {lengths}")
    ids = checked_ids(arrays[group], group)
    _, member = np.unique(ids, return_inverse=True)
    arrays[group] = member if ids.dtype.kind not in "fiub" else ids
    order, sizes = np.argsort(member, kind="stable"), np.bincount(member)
    rows = tf.RaggedTensor.from_row_lengths(order, sizes)
    names = tuple(arrays)

    def take(members: np.ndarray) -> tuple[np.ndarray, ...]:
        return (*(arrays[name][members] for name in names), observed[members])

    def gather(chosen: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        members = tf.gather(rows, chosen).flat_values
        # in NumPy, because TensorFlow would hold two copies of all arrays
        types = [tf.as_dtype(array.dtype) for array in (*arrays.values(), observed)]
        parts = tf.numpy_function(take, [members], types, stateful=False)
        shapes = [(None, *array.shape[1:]) for array in (*arrays.values(), observed)]
        *parts, batch = (tf.ensure_shape(part, shape) for part, shape in zip(parts, shapes, strict=True))
        return dict(zip(names, parts, strict=True)), batch

    groups = tf.data.Dataset.range(len(sizes))
    if seed is not None:
        groups = groups.shuffle(len(sizes), seed=seed)
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread delays the end of `fit`
    return groups.batch(groups_per_batch).map(gather, num_parallel_calls=1).prefetch(2).with_options(options)


def checked_ids(ids: Any, name: str) -> np.ndarray:
    """Ids of rows as an array (n,) of text, or of finite numbers that double precision can tell apart.

    Args:
        ids: numbers or text, (n,) or (n, 1).
        name: name of the ids in messages.

    Raises:
        DataError: for ids of another shape or type, missing ids, and ids that cannot be told apart.
    """
    array = as_array(name, ids)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if array.ndim != 1:
        raise DataError(f"{name} must hold one id for each row, (n,), got shape {array.shape}")
    if array.dtype.kind == "O":
        if not all(isinstance(one, str) for one in array):
            raise DataError(f"{name} holds ids that are neither all numbers nor all text")
        array = array.astype(str)
    if array.dtype.kind in "fiu":
        if not np.isfinite(array).all():
            raise DataError(f"{name} holds ids that are NaN or infinite")
        if np.abs(array.astype(np.float64)).max(initial=0.0) >= 2.0**53:
            raise DataError(f"{name} holds ids from 2**53 on, which cannot be told apart: give them as text")
    elif array.dtype.kind not in "bUS":
        raise DataError(f"{name} must hold numbers or text, got an array of {array.dtype}")
    return array

"""Containers of batches: reading them, what a `tf.data.Dataset` says of them, and a `PyDataset` that checks them."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.models import checks

NO_BATCH = "the data set holds no batch"
NO_WEIGHTS = "weights of data have no meaning for a Gaussian process; leave data out instead"


class CheckedBatches(keras.utils.PyDataset):
    """Another `PyDataset`, whose batches are checked."""

    def __init__(self, batches: keras.utils.PyDataset, check: Any) -> None:
        super().__init__(batches.workers, batches.use_multiprocessing, batches.max_queue_size)
        self._batches, self._check = batches, check

    def __getitem__(self, index: int) -> Any:
        return self._check(self._batches[index])

    @property
    def num_batches(self) -> int | None:
        """The other's number of batches."""
        return self._batches.num_batches

    def on_epoch_begin(self) -> None:
        """Tell the other."""
        self._batches.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the other."""
        self._batches.on_epoch_end()


def observations_spec(dataset: tf.data.Dataset) -> tf.TensorSpec:
    """The spec of the observations in a data set's batches.

    Raises:
        DataError: if it does not give pairs, or weights beside them, or does not say how many axes they have.
    """
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2:
        raise DataError("a data set must give pairs (aux, observations)")
    if len(spec) > 2:
        raise DataError(NO_WEIGHTS)
    if any(part.shape.rank is None for part in tree.flatten(spec)):
        raise DataError(
            "the data set does not say how many axes its batches have: give from_generator an output_signature"
        )
    return tree.flatten(spec[1])[0]


def batches_of(data: Any, steps: int | None = None) -> Iterator[Any]:
    """The batches of a container: all, or as many as ``steps``.

    Raises:
        DataError: for a container that never ends, without ``steps``; and for anything else than a container.
    """
    found: Iterable[Any]
    if isinstance(data, tf.data.Dataset):
        if steps is None and data.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise DataError("the data set never ends, as after repeat(): give each datum once")
        found = data
    elif isinstance(data, keras.utils.PyDataset):
        if steps is None and data.num_batches is None:
            raise DataError("the data set never ends: give each datum once")
        found = (data[i] for i in (itertools.count() if data.num_batches is None else range(data.num_batches)))
    elif isinstance(data, Iterator):
        found = data
    else:
        kinds = "arrays, a tf.data.Dataset, a keras.utils.PyDataset or a generator"
        raise DataError(f"data must be {kinds}, not a {type(data).__name__}")
    return itertools.islice(found, steps)


def joined_inputs(data: Any, names: Sequence[str] | None = None, steps: int | None = None) -> Any:
    """The auxiliary data of a container as arrays, one batch after the other; observations beside them are left out.

    Args:
        data: a container whose batches are auxiliary data, or tuples that begin with them.
        names: columns to take of DataFrames, those that are there.
        steps: see `batches_of`.

    Raises:
        DataError: as `batches_of`; and for batches that cannot be joined, or none.
    """
    parts = [_arrays(keras.utils.unpack_x_y_sample_weight(batch)[0], names) for batch in batches_of(data, steps)]
    if not parts:
        raise DataError(NO_BATCH)
    try:
        return tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
    except ValueError as error:
        shapes = ", ".join(sorted({str(tree.map_structure(np.shape, part)) for part in parts}))
        raise DataError(f"batches of new inputs must differ in length alone, but have shapes {shapes}") from error


def _arrays(aux: Any, names: Sequence[str] | None) -> Any:
    """Auxiliary data of a batch as a NumPy array, or a dict of them."""
    aux = checks.from_frame(aux, names)
    return {name: _array(value) for name, value in aux.items()} if isinstance(aux, Mapping) else _array(aux)


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    text = isinstance(value, tf.Tensor) and value.dtype == tf.string
    return np.char.decode(array.astype(bytes), "utf-8") if text else array

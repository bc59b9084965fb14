"""Containers of batches: reading, checking and counting them, and what a `tf.data.Dataset` says of them."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from svgp_vae_tf.arrays import as_array
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features import Features
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


class OnePass(keras.callbacks.Callback):
    """Ends a `fit` whose first epoch, one pass over the data, shows another number of points than the model's.

    The points are those that the steps have counted, so that nothing is read twice. Full batches may have left out the
    rest of a pass, fewer points than one of them holds.

    Args:
        num_data: the number of points that the model was made for.

    Raises:
        DataError: naming both numbers, at the end of the epoch.
    """

    def __init__(self, num_data: int) -> None:
        super().__init__()
        self._num_data = num_data
        self._batch_size: float | None = None
        self._done = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin to count."""
        self._start = self._seen

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the size of the first batch."""
        if batch and self._batch_size is None:
            self._batch_size = (self._seen - self._start) / batch  # several steps may be executed at once

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare after the first epoch."""
        if self._done or self.model.stop_training:
            return
        self._done = True
        points = self._seen - self._start
        if not points:
            return
        size = self._batch_size or points
        rest = size - 1.0 if points % size == 0.0 else 0.0
        if not 0 <= self._num_data - points <= rest:
            raise DataError(
                f"the model was made for num_data={self._num_data} points, but one pass over the data gave {points}: "
                "if an epoch is not one pass, give steps_per_epoch"
            )

    @property
    def _seen(self) -> int:
        """Points of all steps so far; every replica has counted those of all."""
        counter = self.model.points_seen
        return int(self.model.distribute_strategy.experimental_local_results(counter)[0])


def observations_spec(dataset: tf.data.Dataset, auxiliary: Features) -> tf.TensorSpec:
    """The spec of the observations in a data set's batches.

    Args:
        dataset: of batches (aux, observations).
        auxiliary: says which of named arrays are needed.

    Raises:
        DataError: if it does not give pairs of dense tensors of numbers, or weights beside them, or does not say how
            many axes they have.
    """
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2:
        raise DataError("a data set must give pairs (aux, observations)")
    if len(spec) > 2:
        raise DataError(NO_WEIGHTS)
    aux = dict(spec[0]) if isinstance(spec[0], Mapping) else {"aux": spec[0]}
    numeric = ({*aux} if auxiliary.names is None else {*auxiliary.names}) - {*auxiliary.ids} | {"observations"}
    for name, part in [*aux.items(), ("observations", spec[1])]:
        if not isinstance(part, tf.TensorSpec):
            kind = type(part).__name__.removesuffix("Spec")
            raise DataError(f"{name} in the data set must be one dense tensor, not a {kind}")
        if name in numeric and not (part.dtype.is_floating or part.dtype.is_integer or part.dtype.is_bool):
            raise DataError(f"{name} must hold numbers, got an array of {part.dtype.name}")
    if any(part.shape.rank is None for part in tree.flatten(spec)):
        raise DataError(
            "the data set does not say how many axes its batches have: give from_generator an output_signature"
        )
    return spec[1]


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
    aux = checks.named_columns(aux, names)
    if isinstance(aux, Mapping):
        return {name: _array(name, value) for name, value in aux.items()}
    return _array("aux", aux)


def _array(name: str, value: Any) -> np.ndarray:
    array = as_array(name, value)
    text = isinstance(value, tf.Tensor) and value.dtype == tf.string
    return np.char.decode(array.astype(bytes), "utf-8") if text else array

"""Containers of batches: what a `tf.data.Dataset` says of them, and a `PyDataset` that checks them."""

from typing import Any

import keras
import tensorflow as tf
from keras import tree

from svgp_vae_tf.errors import DataError

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

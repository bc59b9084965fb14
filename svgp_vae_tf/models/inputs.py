"""The gate for data: whatever their container, they are checked and prepared once, with one line for one fault.

Containers are arrays (NumPy, tensors, lists, DataFrames, dicts of these, see `svgp_vae_tf.arrays`), `tf.data.Dataset`,
`keras.utils.PyDataset` and generators. Arrays are checked as a whole, batches one by one as they pass.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from svgp_vae_tf.arguments import whole_number
from svgp_vae_tf.arrays import is_array_like
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.models import checks
from svgp_vae_tf.models.containers import (
    NO_BATCH,
    NO_WEIGHTS,
    CheckedBatches,
    OnePass,
    batches_of,
    joined_inputs,
    observations_spec,
)

CHUNK = 256
"""Default number of series, or points of one data set, that go through the networks at a time."""

MISSING = "observations are missing: call with x=aux, y=observations"
OWN_OBSERVATIONS = "a data set gives its own observations: leave out the other argument"


class Chunk(NamedTuple):
    """Part of a data set on its way through a model."""

    aux: Any
    observations: Any
    """None at new inputs."""
    rows: np.ndarray
    """Indices of its series, or points, in the whole, (chunk,)."""


class InputGate:
    """Checks and prepares data for one model.

    Args:
        model: a `LatentModel`, of which it asks the rank of a batch, features, likelihood and observation shape.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._shapes: dict[str, tuple[int | None, ...]] = {}

    # ---- training ----

    def training(self, x: Any, y: Any, num_data: int | None = None, validation_split: float = 0.0) -> tuple[Any, Any]:
        """Data for Keras' `fit` or `evaluate`: checked arrays, or a container of batches that are checked as they pass.

        Args:
            x: auxiliary data, or a container of batches (aux, observations).
            y: observations, with arrays.
            num_data: how many points there must be, or None.
            validation_split: the share of arrays that Keras takes away for validation.

        Raises:
            DataError: for data that cannot be used.
        """
        if x is None:
            raise DataError("there are no data: call with x=aux, y=observations")
        if not is_array_like(x):
            if y is not None:
                raise DataError(OWN_OBSERVATIONS)
            return self.batches(x), None
        if y is None:
            raise DataError(MISSING)
        model = self._model
        aux, observations = self._arrays(x, y)
        checks.check_count(len(observations), num_data, validation_split)
        checks.check_resolution(aux, model.batch_rank, model.auxiliary.allow_near_duplicates)
        model.auxiliary.validate_batches(aux)
        model.ensure_built(observations.shape)
        self.feature_shape(aux)
        return aux, observations

    def validation(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Arguments of `fit` with checked validation data."""
        held_out = kwargs.get("validation_data")
        if held_out is None:
            return kwargs
        x, y, _ = keras.utils.unpack_x_y_sample_weight(held_out)
        x, y = self.training(x, y)
        return {**kwargs, "validation_data": x if y is None else (x, y)}

    def counted(self, data: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Arguments of `fit` with a callback that compares the points of an epoch with the model's `num_data`.

        An epoch is taken as one pass over the checked batches, unless `steps_per_epoch` says that it is not.
        """
        num_data = self._model.prior.num_data
        if num_data is None or kwargs.get("steps_per_epoch") is not None or is_array_like(data):
            return kwargs
        return {**kwargs, "callbacks": tree.flatten([OnePass(num_data), kwargs.get("callbacks") or []])}

    def batches(self, data: Any) -> Any:
        """A container of batches, each of which is checked as it passes; distributed data as they are.

        Raises:
            DataError: for anything else.
        """
        if isinstance(data, tf.data.Dataset):
            self._ensure_batches(observations_spec(data, self._model.auxiliary).shape)
            if data.cardinality() == 0:
                raise DataError(NO_BATCH)
            self.feature_shape(data.element_spec[0])
            return data.map(self._check_in_graph).prefetch(1)
        if isinstance(data, keras.utils.PyDataset):
            if data.num_batches == 0:
                raise DataError(NO_BATCH)
            return CheckedBatches(data, self.batch)
        if isinstance(data, tf.distribute.DistributedDataset):
            return data
        return (self.batch(batch) for batch in batches_of(data))

    @tf.autograph.experimental.do_not_convert
    def _check_in_graph(self, *batch: Any) -> Any:
        """The batch; fails with the line that `batch` has for it.

        Python runs only if there may be one: for a batch that looks faulty, and where the data set leaves shapes open.
        """
        arrays = tree.flatten(batch)

        def line(*values: np.ndarray) -> str:
            try:
                self.batch(tree.pack_sequence_as(batch, list(values)))
            except ValueError as error:
                return str(error)
            return ""

        open_shapes = any(None in array.shape[self._model.batch_rank :] for array in arrays)
        faulty = open_shapes | checks.may_be_faulty(arrays, self._model.batch_rank)
        faulty |= ~self._model.likelihood.in_support(batch[1])
        found = tf.cond(faulty, lambda: tf.numpy_function(line, arrays, tf.string), lambda: tf.constant(""))
        with tf.control_dependencies([tf.debugging.Assert(tf.equal(found, ""), [found])]):
            aux, observations = tree.map_structure(tf.identity, batch)
        return self._with_feature_axis(aux), observations

    def batch(self, batch: Any) -> tuple[Any, Any]:
        """Auxiliary data and observations of a batch, as checked NumPy arrays.

        Raises:
            DataError: for data that cannot be used.
        """
        aux, observations, weights = keras.utils.unpack_x_y_sample_weight(batch)
        if observations is None:
            raise DataError("a batch needs auxiliary data and observations: (aux, observations)")
        if weights is not None:
            raise DataError(NO_WEIGHTS)
        aux, observations = self._arrays(aux, observations)
        self._model.ensure_built(observations.shape)
        self.feature_shape(aux)
        return aux, observations

    def feature_shape(self, aux: Any) -> tuple[int | None, ...]:
        """The shape that the features of checked arrays will have, without computing them.

        Raises:
            DataError, ValueError: if the prior cannot use features of that shape.
        """
        spec = tree.map_structure(lambda array: tf.TensorSpec(array.shape, array.dtype), aux)
        kind = str(tree.map_structure(lambda array: (array.shape[1:], array.dtype), spec))  # of batches of any size
        if kind not in self._shapes:
            traced = tf.function(self._model.features, autograph=False).get_concrete_function(spec)
            self._shapes[kind] = tuple(traced.output_shapes)
        return self._shapes[kind]

    # ---- conditioning and prediction ----

    def observed(self, aux: Any, observations: Any = None, batch_size: int | None = None) -> Iterator[Chunk]:
        """Observed data in chunks, checked, features of groups pooled.

        Args:
            aux: auxiliary data, or a container of batches (aux, observations), which are the chunks.
            observations: with arrays.
            batch_size: length of a chunk of arrays.

        Raises:
            DataError: for data that cannot be used.
        """
        size = chunk_size(batch_size)
        if is_array_like(aux):
            if observations is None:
                raise DataError("observations are missing: give aux and observations")
            aux, observations = self._arrays(aux, observations)
            self._model.ensure_built(observations.shape)
            yield from self.chunks(self._model.auxiliary.prepare(aux), observations, size)
            return
        if observations is not None:
            raise DataError(OWN_OBSERVATIONS)
        start = 0
        if isinstance(aux, tf.data.Dataset):
            self._ensure_batches(observations_spec(aux, self._model.auxiliary).shape)
        for batch in batches_of(aux):
            aux_part, observations_part = self.batch(batch)
            rows = np.arange(start, start + len(observations_part))
            start += len(rows)
            yield Chunk(aux_part, tf.convert_to_tensor(observations_part), rows)

    def new(self, aux: Any, steps: int | None = None) -> tuple[Any, int]:
        """New auxiliary inputs as arrays that can be cut into chunks, and how many series or points they are.

        Args:
            aux: arrays; or a container, whose batches are joined, so that the same checks hold.
            steps: how many batches of a container to take, None for all.

        Raises:
            DataError: for inputs of a wrong shape, or that are not finite.
        """
        if not is_array_like(aux):
            aux = joined_inputs(aux, self._names, steps)
        aux, _ = self._arrays(aux, None)
        aux = self._model.auxiliary.prepare(aux)
        self.feature_shape(aux)
        return aux, len(tree.flatten(aux)[0])

    def chunks(self, aux: Any, observations: Any, size: int) -> Iterator[Chunk]:
        """Prepared arrays in chunks; observations may be None."""
        count = len(tree.flatten(aux)[0])
        for start in range(0, count, size):
            part = slice(start, start + size)
            own = None if observations is None else tf.convert_to_tensor(observations[part])
            yield Chunk(tree.map_structure(lambda a, part=part: a[part], aux), own, np.arange(count)[part])

    # ---- shared ----

    def _ensure_batches(self, shape: tuple[int | None, ...]) -> None:
        """Build the model for observations of a data set's spec, which must be of batches."""
        model = self._model
        if model.built and len(shape) < model.batch_rank + len(model.observation_shape):
            raise DataError("the data set gives single examples, not batches: call .batch(...) on it")
        model.ensure_built(shape)

    @property
    def _names(self) -> Any:
        return getattr(self._model.auxiliary, "names", None)

    def _arrays(self, aux: Any, observations: Any) -> tuple[Any, Any]:
        """Checked NumPy arrays of whatever array-likes were given; observations may be None."""
        model = self._model
        aux = checks.named_columns(aux, self._names)
        aux, observations = checks.check_arrays(aux, observations, model.batch_rank, model.auxiliary.ids)
        if observations is not None:
            model.likelihood.validate_observations(observations)
        model.auxiliary.validate(aux, model.batch_rank)
        return self._with_feature_axis(aux), observations

    def _with_feature_axis(self, aux: Any) -> Any:
        """A single feature (..., n) as (..., n, 1): compiled functions would merge both to an unknown rank."""
        if isinstance(aux, Mapping) or len(aux.shape) != self._model.batch_rank:
            return aux
        return aux[..., np.newaxis]


def features(auxiliary: Any, prior: Any, aux: Any, batch_rank: int, training: bool) -> tf.Tensor:
    """`LatentModel.features`: compute them, and check that the prior can use them."""
    # not through `__call__`, which would wrap the one line of an error into several
    found = auxiliary.call(aux, batch_rank, training)
    if len(found.shape) != batch_rank + 1:
        raise DataError(f"auxiliary data give features of shape {tuple(found.shape)}; they need {batch_rank + 1} axes")
    prior.validate_features(tuple(found.shape))
    width = prior.num_features
    if found.shape[-1] is not None or width is None:
        return found
    # of an unknown width: a kernel would broadcast another one
    message = f"auxiliary data do not give {width} features, as many as the prior has"
    with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(found)[-1], width, message)]):
        return tf.ensure_shape(found, (*found.shape[:-1], width))


def chunk_size(batch_size: int | None) -> int:
    """A given number of examples, checked, or the default."""
    return CHUNK if batch_size is None else whole_number("batch_size", batch_size)


def refuse_weights(kwargs: dict[str, Any]) -> None:
    """Raise DataError for weights of data among the arguments of `fit` or `evaluate`."""
    held_out = kwargs.get("validation_data")
    weighted = isinstance(held_out, tuple | list) and len(held_out) > 2 and held_out[2] is not None
    if weighted or any(kwargs.get(name) is not None for name in ("class_weight", "sample_weight")):
        raise DataError(NO_WEIGHTS)

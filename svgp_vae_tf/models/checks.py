"""Checks of data given as arrays. Each failure is one line that names what is wrong and what to do."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import finite_number
from svgp_vae_tf.arrays import as_array
from svgp_vae_tf.errors import DataError

FLOAT32_RESOLUTION = 2.0**-24


def named_columns(data: Any, names: Sequence[str] | None) -> Any:
    """A DataFrame as a dict of the columns with these names that it has; anything else, or without names, as it is."""
    if names is None or isinstance(data, Mapping) or not (hasattr(data, "to_numpy") and hasattr(data, "columns")):
        return data
    return {name: data[name] for name in names if name in data.columns}


def in_keras_floats(array: Any) -> tf.Tensor:
    """An array as Keras' `fit` hands it on: floats in Keras' float type, anything else as it is."""
    tensor = tf.convert_to_tensor(array)
    return tf.cast(tensor, keras.config.floatx()) if tensor.dtype.is_floating else tensor


def check_arrays(
    aux: Any,
    observations: Any,
    batch_rank: int,
    ids: Collection[str] = (),
) -> tuple[Any, Any]:
    """Check auxiliary data and observations given as arrays.

    Args:
        aux: an array-like (see `svgp_vae_tf.arrays`) or a dict of named ones.
        observations: an array-like with the same ``batch_rank`` axes, or None where there are none (prediction).
        batch_rank: axes before features and observations: 2 for series, 1 for one data set.
        ids: names of arrays that may hold text.

    Returns:
        Both as NumPy arrays, or dicts of them, whatever they were given as.

    Raises:
        DataError: naming the array and what is wrong with it.
    """
    named = dict(aux) if isinstance(aux, Mapping) else {"aux": aux}
    columns = {name: _checked(name, value, batch_rank, text=name in ids) for name, value in named.items()}
    if not columns:
        raise DataError("auxiliary data hold no array")
    first_name, first = next(iter(columns.items()))
    for name, array in columns.items():
        _check_lengths(first_name, first, name, array, batch_rank)
    checked = columns if isinstance(aux, Mapping) else first
    if observations is None:
        return checked, None
    observed = _checked("observations", observations, batch_rank)
    _check_lengths(first_name, first, "observations", observed, batch_rank)
    return checked, observed


def _check_lengths(name: str, array: np.ndarray, other_name: str, other: np.ndarray, batch_rank: int) -> None:
    if array.shape[:batch_rank] != other.shape[:batch_rank]:
        axes = "length" if batch_rank == 1 else "(series, points)"
        raise DataError(
            f"{name} and {other_name} differ in {axes}: {array.shape[:batch_rank]} and {other.shape[:batch_rank]}"
        )


def check_count(count: int, num_data: int | None, validation_split: float = 0.0) -> None:
    """Refuse another number of training points than the model was made for.

    Args:
        count: points that were given.
        num_data: points that the model was made for; None for series, of which there may be any number.
        validation_split: the share that Keras' `fit` takes away from the end for validation.

    Raises:
        DataError: naming both numbers.
    """
    left = math.floor(count * (1.0 - validation_split))
    if num_data is not None and left != num_data:
        split = f", of which {left} are left after validation_split={validation_split}" if validation_split else ""
        raise DataError(f"the model was made for num_data={num_data} points, but {count} were given{split}")


def split_share(kwargs: dict[str, Any]) -> float:
    """The share of the arrays of `fit` that Keras takes away for validation: none if there are validation data.

    Raises:
        ValueError: for a `validation_split` that is not at least 0 and below 1.
    """
    share = kwargs.get("validation_split")
    if share is None or kwargs.get("validation_data") is not None:
        return 0.0
    if not 0.0 <= finite_number("validation_split", share) < 1.0:
        raise ValueError(f"validation_split must be at least 0 and below 1, got {share}")
    return share


def _checked(name: str, value: Any, batch_rank: int, text: bool = False) -> np.ndarray:
    """A finite array of numbers, or if ``text`` allows it of text."""
    array = as_array(name, value)
    if text and array.dtype.kind in "OSU":
        return array
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} must hold numbers, got an array of {array.dtype}")
    if array.ndim < batch_rank:
        axes = "series, points" if batch_rank == 2 else "points"
        raise DataError(f"{name} needs at least {batch_rank} axes ({axes}), got shape {array.shape}")
    if array.size == 0:
        raise DataError(f"{name} is empty: shape {array.shape}")
    if array.dtype.kind == "f" and not _sum_is_finite(array):
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise DataError(f"{name} holds {bad} value(s) that are NaN or infinite, the first at index {place}")
    return array


def may_be_faulty(arrays: Sequence[tf.Tensor], batch_rank: int) -> tf.Tensor:
    """Whether `check_arrays` may refuse a batch: a quick test for graphs, shape ().

    Args:
        arrays: auxiliary arrays and observations.
        batch_rank: see `check_arrays`.
    """
    leading = [tf.shape(array)[:batch_rank] for array in arrays]
    same_rank = all(len(array.shape) >= batch_rank for array in arrays)
    faulty = tf.constant(not same_rank) | (tf.reduce_prod(leading[-1]) == 0)
    for array, shape in zip(arrays, leading, strict=True):
        if same_rank:
            faulty |= tf.reduce_any(shape != leading[-1])
        if array.dtype.is_floating:
            summed = array if array.dtype.size > 2 else tf.cast(array, tf.float32)  # sums of half precision overflow
            faulty |= ~tf.math.is_finite(tf.reduce_sum(summed))
    return faulty


def _sum_is_finite(array: np.ndarray) -> bool:
    """True only if all values are finite, in one quick pass; False if some are not, or their sum overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        wide = np.float32 if array.dtype == np.float16 else array.dtype  # sums of half precision overflow
        return bool(np.isfinite(np.sum(array, dtype=wide)))


def check_resolution(aux: Any, batch_rank: int, allow_near_duplicates: Collection[str] = ()) -> None:
    """Refuse inputs that single precision cannot tell apart; Keras' `fit` casts floats to it.

    Args:
        aux: a checked array, or named ones.
        batch_rank: see `check_arrays`.
        allow_near_duplicates: names of arrays whose rows need not differ.

    Raises:
        DataError: naming the array and the column.
    """
    for name, array in (dict(aux) if isinstance(aux, Mapping) else {"aux": aux}).items():
        if name not in allow_near_duplicates and array.dtype.kind == "f":
            _check_columns(name, array.reshape(-1, 1 if array.ndim == batch_rank else array.shape[-1]))


def _check_columns(name: str, columns: np.ndarray) -> None:
    if columns.dtype.itemsize < 4:
        return  # half precision is exact in single precision, whose bounds would overflow it
    spread, largest = np.std(columns, axis=0, dtype=np.float64), np.max(np.abs(columns), axis=0)
    spread = np.where(np.ptp(columns, axis=0) == 0, 0.0, spread)  # rounding of the mean is no variation
    too_fine = largest * FLOAT32_RESOLUTION > 1e-3 * spread
    lost = (spread == 0) & (largest > 1.0 / FLOAT32_RESOLUTION) & (len(columns) > 1)  # equal already
    for column in np.flatnonzero(((spread > 0) & too_fine) | lost):
        raise DataError(
            f"{name} varies by {spread[column]:.3g} around {np.mean(columns[:, column]):.6g} in column {column}, too "
            f"little for single precision: subtract an offset first"
        )

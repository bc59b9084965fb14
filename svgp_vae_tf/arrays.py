"""Whatever holds numbers as a NumPy array: one conversion for data and arguments, one line for what it cannot take."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from svgp_vae_tf.errors import DataError

MISSING_TYPES = ("NoneType", "NAType", "NaTType", "MaskedConstant")
"""Types of a missing value in an array of objects: Python's, those of pandas, and NumPy's."""
_BFLOAT16 = tf.bfloat16.as_numpy_dtype


def is_array_like(data: Any) -> bool:
    """True for arrays, tensors, DataFrames, lists, and dicts of them; False for data sets and generators."""
    if isinstance(data, Mapping):
        return all(is_array_like(value) for value in data.values())
    known = np.ndarray | tf.Tensor | tf.RaggedTensor | tf.SparseTensor | list | tuple | float | int
    return isinstance(data, known) or hasattr(data, "to_numpy") or hasattr(data, "__array__")


def as_array(name: str, value: Any) -> np.ndarray:
    """A NumPy array of whatever array-like was given, of a type that TensorFlow has if it holds numbers.

    Args:
        name: of the array in messages.
        value: an array, a tensor, nested lists, or anything with `to_numpy` (Series, DataFrame) or `__array__`.

    Raises:
        DataError: for missing values, and for what is not one array.
    """
    _refuse_other_kinds(name, value)
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        if _has_mask(value):
            _refuse_missing(name, _mask(value))
        array = np.asarray(value)
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{name} cannot be read as one array: are the parts of unequal length?") from error
    except (RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{name}, a {type(value).__name__}, cannot be read as an array: {reason}") from error
    if array.dtype.kind == "O":
        return _of_objects(name, array)
    if array.dtype == _BFLOAT16:
        return array.astype(np.float32)
    return array.astype(np.float64) if array.dtype == np.longdouble else array


def _refuse_other_kinds(name: str, value: Any) -> None:
    if value is None:
        raise DataError(f"{name} must be an array, got None")
    if isinstance(value, Mapping):
        raise DataError(f"{name} must be one array, got a dict of {', '.join(map(str, value)) or 'nothing'}")
    if isinstance(value, tf.RaggedTensor):
        raise DataError(f"{name} is a ragged tensor: give series of one length, or all points as one data set")
    if isinstance(value, tf.SparseTensor):
        raise DataError(f"{name} is a sparse tensor: convert it with tf.sparse.to_dense")


def _of_objects(name: str, array: np.ndarray) -> np.ndarray:
    """An array of Python objects as floats, if they are numbers."""
    _refuse_missing(name, np.reshape([_is_missing(one) for one in array.flat], array.shape).astype(bool))
    if not all(isinstance(one, numbers.Real | np.bool_) for one in array.flat):
        return array
    try:
        return array.astype(np.float64)
    except OverflowError as error:
        raise DataError(f"{name} holds a number that is too large for double precision") from error


def _is_missing(value: Any) -> bool:
    return type(value).__name__ in MISSING_TYPES or (isinstance(value, float) and value != value)


def _has_mask(value: Any) -> bool:
    """Whether a masked array, or one within lists, hides a value."""
    if isinstance(value, list | tuple):
        return any(map(_has_mask, value))
    return isinstance(value, np.ma.MaskedArray) and bool(np.ma.is_masked(value))


def _mask(value: Any) -> np.ndarray:
    return np.array([_mask(part) for part in value]) if isinstance(value, list | tuple) else np.ma.getmaskarray(value)


def _refuse_missing(name: str, missing: np.ndarray) -> None:
    if missing.any():
        place = tuple(int(i) for i in np.argwhere(missing)[0])
        raise DataError(
            f"{name} holds {np.count_nonzero(missing)} missing value(s), the first at index {place}: missing values "
            f"are not supported, so leave out such points"
        )

"""Checks of data from outside, made once at the edge. Each failure is one line that names what is wrong."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from svgp_vae_tf.errors import DataError

FLOAT32_RESOLUTION = 2.0**-24


def is_array_like(data: Any) -> bool:
    """True for arrays, tensors, lists and dicts of them; False for data sets and generators."""
    if isinstance(data, Mapping):
        return all(is_array_like(value) for value in data.values())
    return isinstance(data, np.ndarray | tf.Tensor | list | tuple | float | int)


def check_arrays(aux: Any, observations: Any, leading: int, num_data: int | None = None) -> None:
    """Check auxiliary data and observations given as arrays.

    Args:
        aux: an array or a dict of named arrays.
        observations: an array with the same ``leading`` axes, or None where there are none (prediction).
        leading: axes before features and observations: 2 for series, 1 for one data set.
        num_data: the number of points the model was made for, or None.

    Raises:
        DataError: naming the array and what is wrong with it.
    """
    named = dict(aux) if isinstance(aux, Mapping) else {"aux": aux}
    arrays = {name: _numeric(name, value, leading) for name, value in named.items()}
    if observations is not None:
        arrays["observations"] = _numeric("observations", observations, leading)
    first_name, first = next(iter(arrays.items()))
    axes = "length" if leading == 1 else "(series, points)"
    for name, array in arrays.items():
        if array.shape[:leading] != first.shape[:leading]:
            raise DataError(
                f"{first_name} and {name} differ in {axes}: {first.shape[:leading]} and {array.shape[:leading]}"
            )
        if name != "observations":
            _check_resolution(name, array)
    if num_data is not None and observations is not None and len(first) != num_data:
        raise DataError(f"the model was made for num_data={num_data} points, but {len(first)} were given")


def _numeric(name: str, value: Any, leading: int) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} must hold numbers, got an array of {array.dtype}")
    if array.ndim < leading:
        raise DataError(f"{name} needs at least {leading} axes ({'series, points' if leading == 2 else 'points'}), "
                        f"got shape {array.shape}")  # fmt: skip
    if array.size == 0:
        raise DataError(f"{name} is empty: shape {array.shape}")
    if array.dtype.kind == "f":
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise DataError(f"{name} holds {bad} value(s) that are NaN or infinite, the first at index {place}")
    return array


def _check_resolution(name: str, array: np.ndarray) -> None:
    """Keras hands floats on in single precision; refuse inputs that would run together there."""
    if array.dtype != np.float64 or array.size < 2:
        return
    spread, largest = float(np.std(array)), float(np.max(np.abs(array)))
    if spread > 0 and largest * FLOAT32_RESOLUTION > 1e-3 * spread:
        raise DataError(
            f"{name} varies by {spread:.3g} around {float(np.mean(array)):.6g}, too little for single precision: "
            f"subtract an offset first"
        )

"""Checks that the contracts of several kinds share."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

GENERATED = ("name", "build_config", "registered_name")
"""Parts of a configuration that a copy need not share."""


def without_names(config: Any) -> Any:
    """A configuration without the names that Keras makes up."""
    if isinstance(config, dict):
        return {key: without_names(value) for key, value in config.items() if key not in GENERATED}
    return [without_names(value) for value in config] if isinstance(config, list | tuple) else config


def serialized_copy(layer: Any) -> Any:
    """A copy by `serialize_keras_object`, which must have the same configuration, with the layer's weights."""
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    again = type(layer).from_config(layer.get_config())
    assert type(copy) is type(layer) is type(again)
    assert without_names(copy.get_config()) == without_names(layer.get_config())
    assert without_names(again.get_config()) == without_names(layer.get_config())
    if hasattr(layer, "set_weights"):
        copy.set_weights(layer.get_weights())
    return copy


def moved(layer: Any, scale: float = 0.1, seed: int = 0) -> Any:
    """The same layer, its float weights moved from where they started."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        if weight.dtype.startswith("float"):
            weight.assign(weight.numpy() + scale * rng.normal(size=weight.shape))
    return layer


def unknown_sizes(array: Any, axes: int) -> tf.TensorSpec:
    """A spec of an array whose first axes may have any size."""
    tensor = tf.convert_to_tensor(array)
    return tf.TensorSpec([None] * axes + list(tensor.shape[axes:]), tensor.dtype)


def assert_same(one: Any, two: Any, tolerance: float = 1e-12) -> None:
    """Structures of arrays that are equal, relative to the largest value of each array."""
    one, two = (tf.nest.flatten(value) for value in (one, two))
    assert len(one) == len(two) > 0
    for a, b in zip(one, two, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape and a.dtype == b.dtype
        if a.dtype.kind == "f":
            assert np.isfinite(a).all()
            np.testing.assert_allclose(a, b, rtol=0.0, atol=tolerance * max(1.0, np.max(np.abs(a), initial=0.0)))
        else:
            np.testing.assert_array_equal(a, b)


def refused(call: Callable[[], Any], kind: type[Exception] = ValueError) -> str:
    """The one line with which a call fails."""
    try:
        call()
    except kind as error:
        assert "\n" not in str(error)
        return str(error)
    raise AssertionError(f"no {kind.__name__} was raised")

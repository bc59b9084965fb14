"""Auxiliary data become kernel features once, before the GP. Inducing points live in the space of these features."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.math import linalg

_register = keras.saving.register_keras_serializable(package="svgp_vae_tf")


@_register
class Features(keras.layers.Layer):
    """Auxiliary data that are features already: an array (..., n, D), or (..., n) for a single feature."""

    def __init__(self, **kwargs) -> None:
        kwargs.setdefault("dtype", "float64")
        super().__init__(**kwargs)
        self.built = True

    def call(self, aux: Any, leading: int) -> tf.Tensor:
        """Features (..., n, D) of auxiliary data with ``leading`` axes before the features."""
        if isinstance(aux, Mapping):
            raise DataError(
                f"auxiliary data are named ({', '.join(aux)}); give the model auxiliary=NamedColumns([...])"
            )
        return _as_columns(aux, leading)


@_register
class NamedColumns(Features):
    """Named arrays, joined in the order of ``names``: {"time": (..., n), "place": (..., n, 2)} gives (..., n, 3).

    Args:
        names: the arrays to use; others are ignored.
    """

    def __init__(self, names: Sequence[str], **kwargs) -> None:
        super().__init__(**kwargs)
        self.names = list(names)

    def call(self, aux: Any, leading: int) -> tf.Tensor:
        if not isinstance(aux, Mapping):
            raise DataError(f"auxiliary data must be a dict with {', '.join(self.names)}, got {type(aux).__name__}")
        missing = [name for name in self.names if name not in aux]
        if missing:
            raise DataError(f"auxiliary data lack {', '.join(missing)}; they hold {', '.join(aux) or 'nothing'}")
        return tf.concat([_as_columns(aux[name], leading) for name in self.names], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "names": self.names}


def _as_columns(array: Any, leading: int) -> tf.Tensor:
    tensor = tf.cast(tf.convert_to_tensor(array), linalg.DTYPE)
    return tensor[..., tf.newaxis] if len(tensor.shape) == leading else tensor

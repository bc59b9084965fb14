"""Auxiliary data as features: the interface, and arrays that are features already."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import linalg


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class Features(keras.layers.Layer):
    """Auxiliary data that are features already: an array (..., n, D), or (..., n) for a single feature."""

    allow_near_duplicates: tuple[str, ...] = ()
    """Names of arrays whose rows may lie closer together than single precision can tell."""
    ids: tuple[str, ...] = ()
    """Names of arrays that tell rows apart, as numbers or as text."""

    def __init__(self, **kwargs) -> None:
        kwargs.setdefault("dtype", "float64")
        super().__init__(**kwargs)
        self.built = True

    def call(self, aux: Any, batch_rank: int, training: bool = False) -> tf.Tensor:
        """Features (..., n, D) of auxiliary data with ``batch_rank`` axes before the features."""
        if isinstance(aux, Mapping):
            raise DataError(
                f"auxiliary data are named ({', '.join(aux)}); give the model auxiliary=NamedColumns([...])"
            )
        return as_columns(aux, batch_rank)

    def prepare(self, aux: Any) -> Any:
        """Auxiliary data of a whole data set in a form that may be cut into chunks."""
        return aux

    def validate_batches(self, aux: Any) -> None:
        """Raise DataError if arrays must not be cut into batches at will, as Keras does."""


def as_columns(array: Any, batch_rank: int) -> tf.Tensor:
    """An array (..., n, D), or (..., n) for a single column, as (..., n, D), float64."""
    tensor = tf.cast(tf.convert_to_tensor(array), linalg.DTYPE)
    return tensor[..., tf.newaxis] if len(tensor.shape) == batch_rank else tensor

"""The interface of features, and its simplest case: auxiliary data that are features already."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import linalg


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class Features(keras.layers.Layer):
    """Auxiliary data that are features already: an array (..., n, D), or (..., n) for a single feature.

    Base class of all features. A subclass overrides `call` and `validate`, and `names` if it takes named arrays.
    """

    allow_near_duplicates: tuple[str, ...] = ()
    """Names of arrays whose rows may differ by less than single precision resolves."""
    ids: tuple[str, ...] = ()
    """Names of arrays of ids, which may be numbers or text."""

    def __init__(self, **kwargs) -> None:
        kwargs.setdefault("dtype", "float64")
        super().__init__(**kwargs)
        self.built = True

    @property
    def names(self) -> list[str] | None:
        """Names of the arrays that may be used, or None for a single array without a name."""
        return None

    def call(self, aux: Any, batch_rank: int, training: bool = False) -> tf.Tensor:
        """Compute features.

        Args:
            aux: auxiliary data, an array or a dict of named arrays.
            batch_rank: number of axes before the features: 2 for series (series, points), 1 for one data set (points).
            training: whether networks run in training mode.

        Returns:
            Features (..., n, D), float64.

        Raises:
            DataError: for auxiliary data that these features cannot take, see `validate`.
        """
        require_array(aux)
        return tf.cast(with_feature_axis(tf.convert_to_tensor(aux), batch_rank), linalg.DTYPE)

    def validate(self, aux: Any, batch_rank: int) -> None:
        """Check auxiliary data without computing features.

        Args:
            aux: a NumPy array or a dict of them, as they are before `prepare` or after it.
            batch_rank: see `call`.

        Raises:
            DataError: the error that `call` raises for the same data.
        """
        require_array(aux)

    def prepare(self, aux: Any) -> Any:
        """Auxiliary data of a whole data set in a form that may be split into chunks.

        Args:
            aux: a NumPy array or a dict of them.
        """
        return aux

    def validate_batches(self, aux: Any) -> None:
        """Raise DataError if these arrays must not be split into arbitrary batches, as Keras' `fit` does."""


def require_array(aux: Any) -> None:
    """Raise DataError if auxiliary data are named arrays."""
    if isinstance(aux, Mapping):
        raise DataError(f"auxiliary data are named ({', '.join(aux)}); give the model auxiliary=NamedColumns([...])")


def with_feature_axis(array: Any, batch_rank: int) -> Any:
    """A NumPy array or tensor (..., n, D), or (..., n) for a single column, as (..., n, D)."""
    return array[..., tf.newaxis] if len(array.shape) == batch_rank else array

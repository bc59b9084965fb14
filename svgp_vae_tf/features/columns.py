"""Features joined from named arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.arguments import name_list
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features.base import Features, with_feature_axis
from svgp_vae_tf.gp import linalg


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class NamedColumns(Features):
    """Named arrays, concatenated in the order of ``names``.

    {"time": (..., n), "place": (..., n, 2)} gives features (..., n, 3).

    Args:
        names: the arrays to use; others are ignored.

    Raises:
        DataError: from `call` and `validate`, for data that are not a dict with all of these names.
    """

    def __init__(self, names: Sequence[str], **kwargs) -> None:
        super().__init__(**kwargs)
        self._names = name_list("names", names)

    @property
    def names(self) -> list[str]:
        """Names of the arrays to join."""
        return list(self._names)

    def call(self, aux: Any, batch_rank: int, training: bool = False) -> tf.Tensor:
        """See `Features.call`."""
        return join_columns(aux, self._names, batch_rank)

    def validate(self, aux: Any, batch_rank: int) -> None:
        """See `Features.validate`."""
        require_names(aux, self._names)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "names": self.names}


def join_columns(aux: Any, names: Sequence[str], batch_rank: int) -> tf.Tensor:
    """Columns (..., n, D), float64, of named arrays in this order.

    Raises:
        DataError: if the data are not a dict with these names.
    """
    require_names(aux, names)
    arrays = [tf.cast(tf.convert_to_tensor(aux[name]), linalg.DTYPE) for name in names]
    return tf.concat([with_feature_axis(array, batch_rank) for array in arrays], axis=-1)


def require_names(aux: Any, names: Sequence[str]) -> None:
    """Raise DataError if auxiliary data are not a dict with these names."""
    if not isinstance(aux, Mapping):
        raise DataError(f"auxiliary data must be a dict with {', '.join(names)}, got {type(aux).__name__}")
    missing = [name for name in names if name not in aux]
    if missing:
        raise DataError(f"auxiliary data lack {', '.join(missing)}; they hold {', '.join(aux) or 'nothing'}")

"""Named auxiliary arrays, joined."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features.base import Features, as_columns


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class NamedColumns(Features):
    """Named arrays, joined in the order of ``names``: {"time": (..., n), "place": (..., n, 2)} gives (..., n, 3).

    Args:
        names: the arrays to use; others are ignored.
    """

    def __init__(self, names: Sequence[str], **kwargs) -> None:
        super().__init__(**kwargs)
        self.names = list(names)

    def call(self, aux: Any, batch_rank: int, training: bool = False) -> tf.Tensor:
        if not isinstance(aux, Mapping):
            raise DataError(f"auxiliary data must be a dict with {', '.join(self.names)}, got {type(aux).__name__}")
        missing = [name for name in self.names if name not in aux]
        if missing:
            raise DataError(f"auxiliary data lack {', '.join(missing)}; they hold {', '.join(aux) or 'nothing'}")
        return tf.concat([as_columns(aux[name], batch_rank) for name in self.names], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "names": self.names}

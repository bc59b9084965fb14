"""A learned vector for each id: the GP latent variable model (Lawrence, 2004)."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features.base import Features
from svgp_vae_tf.features.columns import NamedColumns


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class GPLVM(Features):
    """A vector for each id, learned with everything else: the GP latent variable model of unknown auxiliary data.

    Auxiliary rows hold an id among their columns; the id's row of a trainable table takes its place, at the end:
    (id, angle) with vectors of M entries gives features (angle, v_1, ..., v_M).

    Args:
        vectors: where the table starts, one row per id, (ids, M).
        id_column: which column holds the id, a whole number from 0.
        names: the arrays to join if auxiliary data are named, as in `NamedColumns`; the columns are counted there.
        train_vectors: whether `fit` moves them.

    Raises:
        DataError: for an id outside the table.
    """

    def __init__(
        self,
        vectors: np.ndarray,
        id_column: int = 0,
        names: Sequence[str] | None = None,
        train_vectors: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.initial_vectors = np.asarray(vectors, dtype=np.float64)
        if self.initial_vectors.ndim != 2 or self.initial_vectors.size == 0:
            raise ValueError(f"vectors need shape (ids, M), got {self.initial_vectors.shape}")
        if not np.isfinite(self.initial_vectors).all():
            raise ValueError("vectors hold values that are not finite")
        self.id_column, self.train_vectors = id_column, train_vectors
        self.names = None if names is None else list(names)
        self.vectors = self.add_weight(
            name="vectors", shape=self.initial_vectors.shape, initializer="zeros", dtype="float64",
            trainable=train_vectors,
        )  # fmt: skip
        self.vectors.assign(self.initial_vectors)

    def call(self, aux: Any, batch_rank: int, training: bool = False) -> tf.Tensor:
        columns = (Features() if self.names is None else NamedColumns(self.names)).call(aux, batch_rank)
        width = columns.shape[-1]
        if not 0 <= self.id_column < width:
            raise DataError(f"auxiliary data have {width} column(s), but ids are expected in column {self.id_column}")
        ids = tf.cast(columns[..., self.id_column], tf.int32)
        others = tf.concat([columns[..., : self.id_column], columns[..., self.id_column + 1 :]], axis=-1)
        with tf.control_dependencies(self._check_ids(columns[..., self.id_column])):
            rows = tf.gather(tf.convert_to_tensor(self.vectors), ids)
        return tf.concat([others, rows], axis=-1)

    def _check_ids(self, ids: tf.Tensor) -> list[Any]:
        count = len(self.initial_vectors)
        message = f"auxiliary data hold an id that is no whole number from 0 to {count - 1}, the rows of the table"
        bad = (ids < 0) | (ids >= count) | (ids != tf.floor(ids))
        if tf.is_symbolic_tensor(ids):
            return [tf.debugging.assert_equal(tf.reduce_any(bad), False, message)]
        if tf.reduce_any(bad):
            raise DataError(f"{message}: {ids[bad][0]:g}")
        return []

    def get_config(self) -> dict[str, Any]:
        own = {"id_column": self.id_column, "names": self.names, "train_vectors": self.train_vectors}
        return {**super().get_config(), "vectors": self.initial_vectors.tolist(), **own}

"""Learned vectors for ids: the Gaussian process latent variable model."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import finite_array, name_list, true_or_false, whole_number
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features.base import Features, require_array, with_feature_axis
from svgp_vae_tf.features.columns import join_columns, require_names


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class GPLVM(Features):
    """A vector for each id, learned together with the model: the Gaussian process latent variable model (GPLVM).

    One column of the auxiliary data holds an id. It is removed, and the id's row of a trainable table is appended: (id,
    angle), with vectors of M entries, gives features (angle, v_1, ..., v_M).

    Source: Lawrence (2004), "Gaussian Process Latent Variable Models for Visualisation of High Dimensional Data".

    Args:
        vectors: initial values of the table, one row per id, (ids, M).
        id_column: index of the column with the ids, which are whole numbers from 0.
        names: the arrays to join if auxiliary data are named, as in `NamedColumns`; `id_column` counts the columns of
            the joined array.
        train_vectors: whether `fit` changes the table.

    Raises:
        ValueError: for vectors of another shape, or that are not finite.
        DataError: from `call` and `validate`, for data without these names or the column of ids, or with an id that is
            not in the table.

    >>> features = GPLVM(np.array([[0.1, 0.2], [0.3, 0.4]]))
    >>> features(np.array([[1, 90.0], [0, 45.0]]), batch_rank=1).numpy().tolist()
    [[90.0, 0.3, 0.4], [45.0, 0.1, 0.2]]
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
        self.initial_vectors = finite_array("vectors", vectors)
        if self.initial_vectors.ndim != 2 or self.initial_vectors.size == 0:
            raise ValueError(f"vectors need shape (ids, M), got {self.initial_vectors.shape}")
        self.id_column = whole_number("id_column", id_column, least=None)
        self.train_vectors = true_or_false("train_vectors", train_vectors)
        self._names = None if names is None else name_list("names", names)
        self.vectors = self.add_weight(
            name="vectors", shape=self.initial_vectors.shape, initializer="zeros", dtype="float64", autocast=False,
            trainable=self.train_vectors,
        )  # fmt: skip
        self.vectors.assign(self.initial_vectors)

    @property
    def names(self) -> list[str] | None:
        """Names of the arrays to join, or None for a single array without a name."""
        return None if self._names is None else list(self._names)

    def call(self, aux: Any, batch_rank: int, training: bool = False) -> tf.Tensor:
        """See `Features.call`."""
        if self._names is None:
            columns = super().call(aux, batch_rank)
        else:
            columns = join_columns(aux, self._names, batch_rank)
        self._validate_width(columns.shape[-1])
        ids = columns[..., self.id_column]
        others = tf.concat([columns[..., : self.id_column], columns[..., self.id_column + 1 :]], axis=-1)
        with tf.control_dependencies(self._validate_ids(ids)):
            rows = tf.gather(tf.convert_to_tensor(self.vectors), tf.cast(ids, tf.int32))
        return tf.concat([others, rows], axis=-1)

    def validate(self, aux: Any, batch_rank: int) -> None:
        """See `Features.validate`."""
        if self._names is None:
            require_array(aux)
            arrays = [aux]
        else:
            require_names(aux, self._names)
            arrays = [aux[name] for name in self._names]
        arrays = [with_feature_axis(np.asarray(array), batch_rank) for array in arrays]
        ends = np.cumsum([array.shape[-1] for array in arrays])
        self._validate_width(int(ends[-1]))
        place = int(np.searchsorted(ends, self.id_column, side="right"))  # the array that holds the ids
        ids = arrays[place][..., self.id_column - int(ends[place])]  # counted from the array's end
        self._validate_ids(tf.constant(ids, tf.float64))

    def _validate_width(self, width: int) -> None:
        if not 0 <= self.id_column < width:
            raise DataError(f"auxiliary data have {width} column(s), but ids are expected in column {self.id_column}")

    def _validate_ids(self, ids: tf.Tensor) -> list[Any]:
        """Raise DataError for ids that are not in the table; in a graph, return the assertions that check them."""
        count = len(self.initial_vectors)
        message = f"auxiliary data hold an id that is no whole number from 0 to {count - 1}, the rows of the table"
        bad = (ids < 0) | (ids >= count) | (ids != tf.floor(ids))
        if tf.is_symbolic_tensor(ids):
            return [tf.debugging.assert_equal(tf.reduce_any(bad), False, message)]
        if tf.reduce_any(bad):
            raise DataError(f"{message}: {ids[bad][0]:g}")
        return []

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"id_column": self.id_column, "names": self.names, "train_vectors": self.train_vectors}
        return {**super().get_config(), "vectors": self.initial_vectors.tolist(), **own}

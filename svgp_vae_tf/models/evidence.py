"""Where a model keeps what it was conditioned on."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.errors import NotConditionedError
from svgp_vae_tf.priors.base import Evidence


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class EvidenceStore(keras.layers.Layer):
    """Holds the `Evidence` of a model; saved and loaded with it.

    The arrays live in variables of open shape, so that compiled predictions see every later `set`.
    """

    def __init__(self, **kwargs) -> None:
        kwargs.setdefault("dtype", "float64")
        super().__init__(**kwargs)
        self._variables_of_open_shape: tuple[tf.Variable, ...] = ()
        self.present = False
        self.built = True

    def set(self, evidence: Evidence) -> None:
        """Keep this evidence in the place of any before it."""
        if not self._variables_of_open_shape:
            self._variables_of_open_shape = tuple(
                tf.Variable(array, shape=[None] * len(array.shape), trainable=False) for array in evidence.arrays
            )
        for variable, array in zip(self._variables_of_open_shape, evidence.arrays, strict=True):
            variable.assign(array)
        self.present = True

    def get(self) -> Evidence:
        """The evidence kept.

        Raises:
            NotConditionedError: if there is none.
        """
        self.require()
        return Evidence(tuple(variable.value() for variable in self._variables_of_open_shape))

    def require(self) -> None:
        """Raise NotConditionedError unless there is evidence."""
        if not self.present:
            raise NotConditionedError(
                "the model has no posterior yet: call condition(aux, observations) first, and again after each fit"
            )

    def clear(self) -> None:
        """Forget everything, as `fit` must: evidence is made with the weights of its time."""
        self.present = False

    def save_own_variables(self, store: Any) -> None:
        if self.present:
            for i, variable in enumerate(self._variables_of_open_shape):
                store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        arrays = tuple(tf.constant(np.asarray(store[str(i)])) for i in range(len(store.keys())))
        if arrays:
            self.set(Evidence(arrays))
        else:
            self.clear()

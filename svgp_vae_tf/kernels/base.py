"""The kernel interface, and sums and products of kernels."""

import functools
import operator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import (
    item_list,
    positive_array,
    shown,
    true_or_false,
    whole_number,
)
from svgp_vae_tf.gp import linalg

register = keras.saving.register_keras_serializable(package="svgp_vae_tf")


def psd_kernels() -> Any:
    """`tfp.math.psd_kernels`, imported at first use: TFP takes longer to import than all of this package."""
    from tensorflow_probability.python.math import psd_kernels

    return psd_kernels


class Kernel(keras.layers.Layer):
    """Base class of all kernels.

    Args:
        columns: the feature columns that the kernel depends on; None for all of them.
        num_latents: None for parameters shared by all latent channels, or L for one set per channel.
        trainable: whether `fit` changes the parameters.
    """

    def __init__(
        self, columns: Sequence[int] | None = None, num_latents: int | None = None, trainable: bool = True, **kwargs
    ) -> None:
        kwargs.setdefault("dtype", "float64")
        super().__init__(trainable=true_or_false("trainable", trainable), **kwargs)
        if columns is not None and np.size(columns) == 0:
            raise ValueError(f"{type(self).__name__} selects no column; leave columns=None to use all of them")
        self.columns = None if columns is None else [
            whole_number("an item of columns", column, least=None) for column in item_list("columns", columns)
        ]  # fmt: skip
        self.num_latents = None if num_latents is None else whole_number("num_latents", num_latents)
        self._raw: dict[str, keras.Variable] = {}
        self.built = True  # parameters do not depend on the input's shape

    def _add_positive(self, name: str, value: Any) -> None:
        """Add a positive parameter, stored as its logarithm so that a step is relative to its size.

        Args:
            name: name of the parameter.
            value: initial value, a number or one per feature column; repeated for each channel if `num_latents` is set.
        """
        value = positive_array(f"{type(self).__name__}: {name}", value)
        if self.num_latents is not None:
            value = np.broadcast_to(value, (self.num_latents, *value.shape))
        self._raw[name] = self.add_weight(
            name=f"log_{name}", shape=value.shape, initializer="zeros", dtype="float64", autocast=False, trainable=True
        )
        self._raw[name].assign(np.log(value))

    @property
    def parameters(self) -> dict[str, tf.Tensor]:
        """The positive parameters by name, of shape () or (D,), with a leading axis L if `num_latents` is set."""
        return {name: tf.exp(tf.convert_to_tensor(raw)) for name, raw in self._raw.items()}

    def psd_kernel(self) -> Any:
        """The TFP kernel with the current parameters, including the selection of columns."""
        kernel = self._base_kernel()
        if self.columns is None:
            return kernel
        return psd_kernels().FeatureTransformed(kernel, lambda x, feature_ndims, example_ndims: self._selected(x))

    def _base_kernel(self) -> Any:
        """The TFP kernel of the selected columns."""
        raise NotImplementedError

    def _selected(self, x: tf.Tensor) -> tf.Tensor:
        """The selected columns of x."""
        if self.columns is None:
            return x
        if x.shape[-1] is None:
            return tf.gather(x, tf.math.floormod(self.columns, tf.shape(x)[-1]), axis=-1)
        columns = [column % x.shape[-1] for column in self.columns]  # -1 is the last column
        if columns == list(range(columns[0], columns[-1] + 1)):  # the gradient of a slice is faster than that of gather
            return x[..., columns[0] : columns[-1] + 1]
        return tf.gather(x, columns, axis=-1)

    def matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Covariances k(x_i, z_j) of x (..., n, D) and z (..., m, D): (..., n, m), float64."""
        x, z = (tf.convert_to_tensor(value, linalg.DTYPE) for value in (x, z))
        self.validate_features(x.shape[-1])
        return self._matrix(x, z)

    def _matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """`matrix` of validated tensors, from differences of inputs.

        TFP's own `matrix` expands |x - z|^2, which cancels where inputs are large in units of the length scale (dates,
        time stamps): the distances of close points are then noise, and K_mm may not be positive definite.
        """
        return self.psd_kernel().apply(x[..., :, tf.newaxis, :], z[..., tf.newaxis, :, :], example_ndims=2)

    def diagonal(self, x: tf.Tensor) -> tf.Tensor:
        """Prior variances k(x_i, x_i) of x (..., n, D): (..., n), float64."""
        x = tf.convert_to_tensor(x, linalg.DTYPE)
        self.validate_features(x.shape[-1])
        return self.psd_kernel().apply(x, x, example_ndims=1)

    def call(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """See `matrix`."""
        return self.matrix(x, z)

    def validate_features(self, num_features: int | None) -> None:
        """Raise ValueError if the kernel needs other feature columns than the data have; None is not checked."""
        if num_features is None:
            return
        for column in self.columns or ():
            if not -num_features <= column < num_features:
                raise ValueError(
                    f"{type(self).__name__} selects feature column {column}, but the data have {num_features} "
                    f"column(s), numbered from 0"
                )

    def validate_latents(self, num_latents: int) -> None:
        """Raise ValueError if the kernel has parameters for another number of latent channels."""
        if self.num_latents not in (None, num_latents):
            raise ValueError(
                f"{type(self).__name__} has num_latents={self.num_latents}, but there are {num_latents} latents"
            )

    def __add__(self, other: "Kernel") -> "Sum":
        return Sum([self, other])

    def __mul__(self, other: "Kernel") -> "Product":
        return Product([self, other])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "columns": self.columns, "num_latents": self.num_latents}


class _Composite(Kernel):
    """An elementwise combination of kernels, each of which selects its own columns."""

    _combine: Any

    def __init__(self, kernels: Sequence[Kernel], **kwargs) -> None:
        super().__init__(**kwargs)
        listed = isinstance(kernels, list | tuple) and len(kernels) > 0
        if not listed or not all(isinstance(kernel, Kernel) for kernel in kernels):
            raise ValueError(f"{type(self).__name__} takes kernels of this package, got {shown(kernels)}")
        if self.columns is not None:
            raise ValueError(f"{type(self).__name__} takes no columns; every part selects its own")
        counts = {kernel.num_latents for kernel in kernels if kernel.num_latents is not None}
        if len(counts) > 1:
            raise ValueError(f"{type(self).__name__}: the parts disagree on num_latents: {sorted(counts)}")
        self.kernels = list(kernels)
        if not self.trainable:
            for kernel in self.kernels:
                kernel.trainable = False
        self.num_latents = counts.pop() if counts else None

    @property
    def parameters(self) -> dict[str, tf.Tensor]:
        """The parameters of all parts, named "index.name"."""
        return {f"{i}.{name}": value for i, k in enumerate(self.kernels) for name, value in k.parameters.items()}

    def _base_kernel(self) -> Any:
        return functools.reduce(self._combine, [kernel.psd_kernel() for kernel in self.kernels])

    def _matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        return functools.reduce(self._combine, [kernel._matrix(x, z) for kernel in self.kernels])

    def validate_features(self, num_features: int | None) -> None:
        """Raise ValueError if a part needs other feature columns than the data have; None is not checked."""
        for kernel in self.kernels:
            kernel.validate_features(num_features)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = {key: value for key, value in super().get_config().items() if key not in ("columns", "num_latents")}
        return {**config, "kernels": [keras.saving.serialize_keras_object(kernel) for kernel in self.kernels]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "_Composite":
        """The kernel with these constructor's arguments."""
        kernels = [keras.saving.deserialize_keras_object(kernel) for kernel in config.pop("kernels")]
        return cls(kernels, **config)


@register
class Sum(_Composite):
    """``k_1 + k_2 + ...``: the sum of independent Gaussian processes.

    Args:
        kernels: the terms.
    """

    _combine = staticmethod(operator.add)


@register
class Product(_Composite):
    """``k_1 k_2 ...``: interacting effects.

    Args:
        kernels: the factors.
    """

    _combine = staticmethod(operator.mul)

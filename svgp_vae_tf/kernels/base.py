"""What all kernels are: layers that own positive parameters, and the generic wrapper of TFP's kernels."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.gp import linalg


def psd_kernels() -> Any:
    """TFP's kernels, loaded at first use: TFP takes longer to import than all of this package."""
    from tensorflow_probability.python.math import psd_kernels

    return psd_kernels


register = keras.saving.register_keras_serializable(package="svgp_vae_tf")


class Kernel(keras.layers.Layer):
    """Base of all kernels.

    Args:
        columns: which feature columns the kernel sees; all of them if None.
        num_latents: None for parameters shared by all latent channels, or L for one set per channel.
        trainable: whether `fit` changes the parameters.
    """

    def __init__(
        self, columns: Sequence[int] | None = None, num_latents: int | None = None, trainable: bool = True, **kwargs
    ) -> None:
        kwargs.setdefault("dtype", "float64")
        super().__init__(trainable=trainable, **kwargs)
        if columns is not None and len(columns) == 0:
            raise ValueError(f"{type(self).__name__} selects no column; leave columns=None to use all of them")
        self.columns = None if columns is None else [int(c) for c in columns]
        self.num_latents = num_latents
        self._raw: dict[str, keras.Variable] = {}
        self.built = True  # parameters do not depend on the input's shape

    def _add_positive(self, name: str, value: Any) -> None:
        """Own a positive parameter, stored as its logarithm so that a step is relative to its size.

        Args:
            name: the TFP kernel's name for it.
            value: initial value: a number or one per feature column; given a leading axis L if `num_latents` is set.
        """
        value = np.asarray(value, dtype=np.float64)
        if not (np.isfinite(value).all() and (value > 0).all()):
            raise ValueError(f"{type(self).__name__}: {name} must be positive and finite, got {value}")
        if self.num_latents is not None:
            value = np.broadcast_to(value, (self.num_latents, *value.shape))
        self._raw[name] = self.add_weight(
            name=f"log_{name}", shape=value.shape, initializer="zeros", dtype="float64", trainable=True
        )
        self._raw[name].assign(np.log(value))

    @property
    def parameters(self) -> dict[str, tf.Tensor]:
        """The positive parameters by name, each with shape [L,] [D]."""
        return {name: tf.exp(tf.convert_to_tensor(raw)) for name, raw in self._raw.items()}

    def psd_kernel(self) -> Any:
        """The TFP kernel with the current parameters, column selection included."""
        kernel = self._base_kernel()
        if self.columns is None:
            return kernel
        return psd_kernels().FeatureTransformed(kernel, lambda x, feature_ndims, example_ndims: self._selected(x))

    def _selected(self, x: tf.Tensor) -> tf.Tensor:
        """The columns that the kernel sees."""
        if self.columns is None:
            return x
        if x.shape[-1] is None:
            return tf.gather(x, tf.math.floormod(self.columns, tf.shape(x)[-1]), axis=-1)
        columns = [column % x.shape[-1] for column in self.columns]  # -1 is the last column
        if columns == list(range(columns[0], columns[-1] + 1)):  # neighbours: the gradient of a slice is quick
            return x[..., columns[0] : columns[-1] + 1]
        return tf.gather(x, columns, axis=-1)

    def _base_kernel(self) -> Any:
        raise NotImplementedError

    def matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Covariances k(x_i, z_j): (..., n, D) and (..., m, D) give (..., n, m)."""
        x, z = (tf.convert_to_tensor(value, linalg.DTYPE) for value in (x, z))
        self.validate_features(x.shape[-1])
        return self._matrix(x, z)

    def _matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """`matrix` of checked tensors, from differences of inputs.

        TFP's own `matrix` expands |x - z|^2 into squares, which cancel where inputs are large in units of the length
        scale (dates, time stamps): distances of close points are then noise and K_mm need not be positive definite.
        """
        return self.psd_kernel().apply(x[..., :, tf.newaxis, :], z[..., tf.newaxis, :, :], example_ndims=2)

    def diagonal(self, x: tf.Tensor) -> tf.Tensor:
        """Prior variances k(x_i, x_i): (..., n, D) gives (..., n)."""
        x = tf.convert_to_tensor(x, linalg.DTYPE)
        self.validate_features(x.shape[-1])
        return self.psd_kernel().apply(x, x, example_ndims=1)

    def call(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        return self.matrix(x, z)

    def validate_features(self, num_features: int | None) -> None:
        """Raise ValueError if the kernel selects a column, or has a length scale, that the features lack."""
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

    def __add__(self, other: "Kernel") -> "Kernel":
        from svgp_vae_tf.kernels.composite import Sum

        return Sum([self, other])

    def __mul__(self, other: "Kernel") -> "Kernel":
        from svgp_vae_tf.kernels.composite import Product

        return Product([self, other])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "columns": self.columns, "num_latents": self.num_latents}


@register
class TFPKernel(Kernel):
    """Any kernel of `tfp.math.psd_kernels` with positive parameters.

    Args:
        class_name: name of the TFP class, such as "GammaExponential".
        positive: initial values of the parameters to own, by the TFP class's argument names.
        constants: further arguments of the TFP class, passed as they are (numbers only).
        scales: None, or one positive length scale per selected feature column, by which inputs are divided first
            (automatic relevance determination).
        columns, num_latents, trainable: see `Kernel`.

    Raises:
        ValueError: for an unknown class, or a parameter that is not positive.
    """

    def __init__(
        self,
        class_name: str,
        positive: Mapping[str, Any] | None = None,
        constants: Mapping[str, float] | None = None,
        scales: Sequence[float] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.class_name = class_name
        self.positive = dict(positive or {})
        self.constants = dict(constants or {})
        self.scales = None if scales is None else [float(scale) for scale in scales]
        for name, value in self.positive.items():
            self._add_positive(name, value)
        if self.scales is not None:
            self._add_positive("scales", self.scales)
        self._check_class()

    def _check_class(self) -> None:
        available = [name for name in dir(psd_kernels()) if name[0].isupper()]
        if self.class_name not in available:
            raise ValueError(f"tfp.math.psd_kernels has no class {self.class_name!r}; it has {', '.join(available)}")

    def _base_kernel(self) -> Any:
        kernels = psd_kernels()
        parameters = self.parameters
        scales = parameters.pop("scales", None)
        constants = {name: tf.constant(value, linalg.DTYPE) for name, value in self.constants.items()}
        kernel = getattr(kernels, self.class_name)(**parameters, **constants)
        return kernel if scales is None else kernels.FeatureScaled(kernel, scale_diag=scales)

    def validate_features(self, num_features: int | None) -> None:
        super().validate_features(num_features)
        seen = num_features if self.columns is None else len(self.columns)
        if self.scales is not None and seen is not None and len(self.scales) != seen:
            raise ValueError(
                f"{type(self).__name__} has {len(self.scales)} length scales for {seen} selected feature column(s)"
            )

    def get_config(self) -> dict[str, Any]:
        own = {"positive": self.positive, "constants": self.constants, "scales": self.scales}
        return {**super().get_config(), "class_name": self.class_name, **own}


class NamedKernel(TFPKernel):
    """A TFP kernel under its own name, with named arguments."""

    def __init__(self, class_name: str, arguments: dict[str, Any], constants: Mapping[str, float] | None = None, **kw):
        self._arguments = arguments
        given = {name: value for name, value in arguments.items() if value is not None}
        length_scale = given.get("length_scale")
        scales = None
        if length_scale is not None and np.ndim(length_scale) == 1:  # ARD
            scales = given.pop("length_scale")
        super().__init__(class_name, positive=given, constants=constants, scales=scales, **kw)

    def get_config(self) -> dict[str, Any]:
        inherited = Kernel.get_config(self)
        lists = {k: np.asarray(v).tolist() if v is not None else None for k, v in self._arguments.items()}
        return {**inherited, **lists}

"""Kernels: Keras layers that own positive parameters and build a TensorFlow Probability kernel at each call.

A Keras layer tracks Keras weights only, and a TFP kernel keeps the values it was built with. So the layer owns the
weights, and the TFP kernel is a short-lived value made from them inside the computation, where gradients flow.

Shapes: inputs are features (..., n, D) in float64. A kernel made with ``num_latents=L`` has one set of parameters per
latent channel and gives matrices with an axis L before the last two; its inputs then need a latent axis of 1 or L
there. Kernels compose with ``+`` and ``*``.

>>> kernel = Periodic(period=6.28, columns=[0]) * Linear(columns=[1, 2])
>>> kernel.matrix(np.zeros((5, 3)), np.ones((4, 3))).shape
TensorShape([5, 4])
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.math import linalg


def _psd_kernels() -> Any:
    """TFP's kernels, loaded at first use: TFP takes longer to import than all of this package."""
    from tensorflow_probability.python.math import psd_kernels

    return psd_kernels


_register = keras.saving.register_keras_serializable(package="svgp_vae_tf")


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
        return _psd_kernels().FeatureTransformed(
            kernel, lambda x, feature_ndims, example_ndims: tf.gather(x, self.columns, axis=-1)
        )

    def _base_kernel(self) -> Any:
        raise NotImplementedError

    def matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Covariances k(x_i, z_j): (..., n, D) and (..., m, D) give (..., n, m)."""
        x, z = (tf.convert_to_tensor(value, linalg.DTYPE) for value in (x, z))
        self.check_features(x.shape[-1])
        return self.psd_kernel().matrix(x, z)

    def diagonal(self, x: tf.Tensor) -> tf.Tensor:
        """Prior variances k(x_i, x_i): (..., n, D) gives (..., n)."""
        x = tf.convert_to_tensor(x, linalg.DTYPE)
        self.check_features(x.shape[-1])
        return self.psd_kernel().apply(x, x, example_ndims=1)

    def call(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        return self.matrix(x, z)

    def check_features(self, num_features: int | None) -> None:
        """Raise ValueError if the kernel selects a column, or has a length scale, that the features lack."""
        if num_features is None:
            return
        for column in self.columns or ():
            if not -num_features <= column < num_features:
                raise ValueError(
                    f"{type(self).__name__} selects feature column {column}, but the data have {num_features} "
                    f"column(s), numbered from 0"
                )

    def __add__(self, other: "Kernel") -> "Sum":
        return Sum([self, other])

    def __mul__(self, other: "Kernel") -> "Product":
        return Product([self, other])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "columns": self.columns, "num_latents": self.num_latents}


@_register
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
        available = [name for name in dir(_psd_kernels()) if name[0].isupper()]
        if self.class_name not in available:
            raise ValueError(f"tfp.math.psd_kernels has no class {self.class_name!r}; it has {', '.join(available)}")

    def _base_kernel(self) -> Any:
        kernels = _psd_kernels()
        parameters = self.parameters
        scales = parameters.pop("scales", None)
        constants = {name: tf.constant(value, linalg.DTYPE) for name, value in self.constants.items()}
        kernel = getattr(kernels, self.class_name)(**parameters, **constants)
        return kernel if scales is None else kernels.FeatureScaled(kernel, scale_diag=scales)

    def check_features(self, num_features: int | None) -> None:
        super().check_features(num_features)
        seen = num_features if self.columns is None else len(self.columns)
        if self.scales is not None and seen is not None and len(self.scales) != seen:
            raise ValueError(
                f"{type(self).__name__} has {len(self.scales)} length scales for {seen} selected feature column(s)"
            )

    def get_config(self) -> dict[str, Any]:
        own = {"positive": self.positive, "constants": self.constants, "scales": self.scales}
        return {**super().get_config(), "class_name": self.class_name, **own}


class _Named(TFPKernel):
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


@_register
class SquaredExponential(_Named):
    """``a^2 exp(-|x - z|^2 / (2 l^2))``.

    Args:
        length_scale: l; a sequence gives one per selected column (ARD).
        amplitude: a; None fixes it at 1 (a decoder can absorb the scale of a latent).
        kwargs: see `Kernel`.
    """

    def __init__(self, length_scale: float | Sequence[float] = 1.0, amplitude: float | None = None, **kwargs) -> None:
        super().__init__("ExponentiatedQuadratic", {"length_scale": length_scale, "amplitude": amplitude}, **kwargs)


class _Matern(_Named):
    _class_name: str

    def __init__(self, length_scale: float | Sequence[float] = 1.0, amplitude: float | None = None, **kwargs) -> None:
        super().__init__(self._class_name, {"length_scale": length_scale, "amplitude": amplitude}, **kwargs)


@_register
class Matern12(_Matern):
    """``a^2 exp(-r)``, r = |x - z| / l. Arguments as for `SquaredExponential`."""

    _class_name = "MaternOneHalf"


@_register
class Matern32(_Matern):
    """``a^2 (1 + sqrt(3) r) exp(-sqrt(3) r)``, r = |x - z| / l. Arguments as for `SquaredExponential`."""

    _class_name = "MaternThreeHalves"


@_register
class Matern52(_Matern):
    """``a^2 (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)``, r = |x - z| / l. Arguments as for `SquaredExponential`."""

    _class_name = "MaternFiveHalves"


@_register
class RationalQuadratic(_Named):
    """``a^2 (1 + |x - z|^2 / (2 w l^2))^-w``, w the scale mixture rate. Other arguments as for `SquaredExponential`."""

    def __init__(
        self,
        length_scale: float | Sequence[float] = 1.0,
        amplitude: float | None = None,
        scale_mixture_rate: float = 1.0,
        **kwargs,
    ) -> None:
        arguments = {"length_scale": length_scale, "amplitude": amplitude, "scale_mixture_rate": scale_mixture_rate}
        super().__init__("RationalQuadratic", arguments, **kwargs)


@_register
class Periodic(_Named):
    """``a^2 exp(-2 sum_d sin^2(pi |x_d - z_d| / p) / l^2)``; the period p is fixed.

    Args:
        period: p, in the unit of the column; fixed, for it is almost always known (2 pi for angles in radians).
        length_scale: l, a number.
        amplitude: a; None fixes it at 1.
        kwargs: see `Kernel`.
    """

    def __init__(
        self, period: float = 2.0 * np.pi, length_scale: float = 1.0, amplitude: float | None = None, **kwargs
    ) -> None:
        if np.ndim(length_scale) != 0:
            raise ValueError("Periodic takes one length scale; multiply kernels on single columns for several")
        if not 0.0 < period < np.inf:
            raise ValueError(f"Periodic: period must be positive and finite, got {period}")
        self.period = float(period)
        arguments = {"length_scale": length_scale, "amplitude": amplitude}
        super().__init__("ExpSinSquared", arguments, constants={"period": self.period}, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "period": self.period}


@_register
class Linear(_Named):
    """``b^2 + a^2 <x, z>``.

    Args:
        amplitude: a; None fixes it at 1.
        bias_amplitude: b; None leaves the bias out.
        kwargs: see `Kernel`.
    """

    def __init__(self, amplitude: float | None = None, bias_amplitude: float | None = None, **kwargs) -> None:
        super().__init__("Linear", {"slope_amplitude": amplitude, "bias_amplitude": bias_amplitude}, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["amplitude"] = config.pop("slope_amplitude")
        return config


@_register
class NormalizedLinear(Linear):
    """The cosine similarity ``b^2 + a^2 <x, z> / (|x| |z|)``; a zero vector has similarity 0 with all."""

    def _base_kernel(self) -> Any:
        def normalize(x: tf.Tensor, feature_ndims: int, example_ndims: int) -> tf.Tensor:
            squared = tf.reduce_sum(tf.square(x), axis=-1, keepdims=True)
            positive = squared > 0.0
            # the inner `where` keeps the gradient of the square root finite at zero
            return tf.where(positive, x * tf.math.rsqrt(tf.where(positive, squared, tf.ones_like(squared))), 0.0)

        return _psd_kernels().FeatureTransformed(super()._base_kernel(), normalize)


@_register
class Constant(_Named):
    """``a^2``: one shared random offset per series."""

    def __init__(self, amplitude: float = 1.0, **kwargs) -> None:
        super().__init__("Constant", {"amplitude": amplitude}, **kwargs)

    def _base_kernel(self) -> Any:
        return _psd_kernels().Constant(tf.square(self.parameters["amplitude"]))


@_register
class White(_Named):
    """``a^2 if x = z else 0``: variation of its own at every distinct input.

    In a sparse GP no inducing point can carry it, so it adds to the posterior's variance and is never explained. Use
    it inside a sum; alone it makes a sparse GP ignore the data.
    """

    def __init__(self, amplitude: float = 1.0, **kwargs) -> None:
        super().__init__("Constant", {"amplitude": amplitude}, **kwargs)

    def _base_kernel(self) -> Any:
        return _white_kernel()(tf.square(self.parameters["amplitude"]))


@functools.cache
def _white_kernel() -> Any:
    """TFP has no white-noise kernel; this is one, defined at first use."""

    class WhiteKernel(_psd_kernels().PositiveSemidefiniteKernel):
        def __init__(self, variance: tf.Tensor) -> None:
            self._variance = variance
            super().__init__(feature_ndims=1, dtype=linalg.DTYPE, name="White", parameters={"variance": variance})

        @property
        def batch_shape(self) -> tf.TensorShape:
            return self._variance.shape

        def batch_shape_tensor(self) -> tf.Tensor:
            return tf.shape(self._variance)

        def _apply(self, x1: tf.Tensor, x2: tf.Tensor, example_ndims: int = 0) -> tf.Tensor:
            same = tf.reduce_all(tf.equal(x1, x2), axis=-1)
            variance = tf.reshape(self._variance, tf.concat([tf.shape(self._variance), [1] * example_ndims], axis=0))
            return tf.where(same, variance, tf.zeros_like(variance))

    return WhiteKernel


class _Composite(Kernel):
    """Several kernels joined elementwise. Every part selects its own columns."""

    _symbol: str

    def __init__(self, kernels: Sequence[Kernel], **kwargs) -> None:
        super().__init__(**kwargs)
        if not kernels or not all(isinstance(kernel, Kernel) for kernel in kernels):
            raise ValueError(f"{type(self).__name__} joins kernels of this module, got {kernels!r}")
        counts = {kernel.num_latents for kernel in kernels if kernel.num_latents is not None}
        if len(counts) > 1:
            raise ValueError(f"{type(self).__name__}: the parts disagree on num_latents: {sorted(counts)}")
        self.kernels = list(kernels)
        self.num_latents = counts.pop() if counts else None

    @property
    def parameters(self) -> dict[str, tf.Tensor]:
        """Parameters of all parts, as "index.name"."""
        return {f"{i}.{name}": value for i, k in enumerate(self.kernels) for name, value in k.parameters.items()}

    def check_features(self, num_features: int | None) -> None:
        for kernel in self.kernels:
            kernel.check_features(num_features)

    def get_config(self) -> dict[str, Any]:
        config = {key: value for key, value in super().get_config().items() if key not in ("columns", "num_latents")}
        return {**config, "kernels": [keras.saving.serialize_keras_object(kernel) for kernel in self.kernels]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "_Composite":
        kernels = [keras.saving.deserialize_keras_object(kernel) for kernel in config.pop("kernels")]
        return cls(kernels, **config)


@_register
class Sum(_Composite):
    """``k_1 + k_2 + ...``: independent effects."""

    def _base_kernel(self) -> Any:
        parts = [kernel.psd_kernel() for kernel in self.kernels]
        return sum(parts[1:], start=parts[0])


@_register
class Product(_Composite):
    """``k_1 k_2 ...``: interacting effects."""

    def _base_kernel(self) -> Any:
        parts = [kernel.psd_kernel() for kernel in self.kernels]
        product = parts[0]
        for part in parts[1:]:
            product = product * part
        return product

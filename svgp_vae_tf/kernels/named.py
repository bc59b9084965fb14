"""Kernels under their own names."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from svgp_vae_tf.kernels.base import Kernel, TFPKernel, psd_kernels, register
from svgp_vae_tf.math import linalg


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


@register
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


@register
class Matern12(_Matern):
    """``a^2 exp(-r)``, r = |x - z| / l. Arguments as for `SquaredExponential`."""

    _class_name = "MaternOneHalf"


@register
class Matern32(_Matern):
    """``a^2 (1 + sqrt(3) r) exp(-sqrt(3) r)``, r = |x - z| / l. Arguments as for `SquaredExponential`."""

    _class_name = "MaternThreeHalves"


@register
class Matern52(_Matern):
    """``a^2 (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)``, r = |x - z| / l. Arguments as for `SquaredExponential`."""

    _class_name = "MaternFiveHalves"


@register
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


@register
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

    def _matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """By sin(s - t) = sin s cos t - cos s sin t: sines of each input in the place of one of each pair.

        They take most of a training step's time in the kernel. Inputs are counted from the middle of z, so that a
        far origin costs no digits.
        """
        x, z = self._selected(x), self._selected(z)
        middle = tf.stop_gradient(tf.reduce_mean(z, axis=-2, keepdims=True))
        s, t = ((np.pi / self.period) * tf.linalg.matrix_transpose(value - middle) for value in (x, z))
        left = tf.stack([tf.sin(s), -tf.cos(s)], axis=-1)  # (..., D, n, 2)
        right = tf.stack([tf.cos(t), tf.sin(t)], axis=-1)
        squared_sines = tf.reduce_sum(tf.square(tf.linalg.matmul(left, right, transpose_b=True)), axis=-3)
        values = {name: value[..., tf.newaxis, tf.newaxis] for name, value in self.parameters.items()}
        matrix = tf.exp(-2.0 / tf.square(values["length_scale"]) * squared_sines)
        return tf.square(values["amplitude"]) * matrix if "amplitude" in values else matrix

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "period": self.period}


@register
class Linear(_Named):
    """``b^2 + a^2 <x, z>``.

    Args:
        amplitude: a; None fixes it at 1.
        bias_amplitude: b; None leaves the bias out.
        kwargs: see `Kernel`.
    """

    def __init__(self, amplitude: float | None = None, bias_amplitude: float | None = None, **kwargs) -> None:
        super().__init__("Linear", {"slope_amplitude": amplitude, "bias_amplitude": bias_amplitude}, **kwargs)

    def _matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        return self.psd_kernel().matrix(x, z)  # a matrix product; there are no distances

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["amplitude"] = config.pop("slope_amplitude")
        return config


@register
class NormalizedLinear(Linear):
    """The cosine similarity ``b^2 + a^2 <x, z> / (|x| |z|)``; a zero vector has similarity 0 with all."""

    def _base_kernel(self) -> Any:
        def normalize(x: tf.Tensor, feature_ndims: int, example_ndims: int) -> tf.Tensor:
            squared = tf.reduce_sum(tf.square(x), axis=-1, keepdims=True)
            positive = squared > 0.0
            # the inner `where` keeps the gradient of the square root finite at zero
            return tf.where(positive, x * tf.math.rsqrt(tf.where(positive, squared, tf.ones_like(squared))), 0.0)

        return psd_kernels().FeatureTransformed(super()._base_kernel(), normalize)


@register
class Constant(_Named):
    """``a^2``: one shared random offset per series."""

    def __init__(self, amplitude: float = 1.0, **kwargs) -> None:
        super().__init__("Constant", {"amplitude": amplitude}, **kwargs)

    def _base_kernel(self) -> Any:
        return psd_kernels().Constant(tf.square(self.parameters["amplitude"]))


@register
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

    class WhiteKernel(psd_kernels().PositiveSemidefiniteKernel):
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

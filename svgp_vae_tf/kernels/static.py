"""Kernels that do not depend on the position of inputs: constant and white noise."""

import functools
from typing import Any

import tensorflow as tf

from svgp_vae_tf.arguments import positive_number
from svgp_vae_tf.gp import linalg
from svgp_vae_tf.kernels.base import psd_kernels, register
from svgp_vae_tf.kernels.wrapped import NamedKernel


@register
class Constant(NamedKernel):
    """``a^2``: one random offset shared by all points of a series.

    Args:
        amplitude: a.
        kwargs: see `Kernel`.
    """

    def __init__(self, amplitude: float = 1.0, **kwargs) -> None:
        super().__init__("Constant", {"amplitude": positive_number("Constant: amplitude", amplitude)}, **kwargs)

    def _base_kernel(self) -> Any:
        return psd_kernels().Constant(tf.square(self.parameters["amplitude"]))


@register
class White(NamedKernel):
    """``a^2 if x = z else 0``: white noise, independent at every distinct input.

    In a sparse GP it only adds to the posterior's variance, because inducing points carry no information about other
    inputs. Use it inside a sum; alone it makes a sparse GP ignore the data.

    Args:
        amplitude: a.
        kwargs: see `Kernel`.
    """

    def __init__(self, amplitude: float = 1.0, **kwargs) -> None:
        super().__init__("Constant", {"amplitude": positive_number("White: amplitude", amplitude)}, **kwargs)

    def _base_kernel(self) -> Any:
        return _white_kernel()(tf.square(self.parameters["amplitude"]))


@functools.cache
def _white_kernel() -> Any:
    """A TFP kernel of white noise, which TFP lacks; defined at first use, when TFP is imported."""

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

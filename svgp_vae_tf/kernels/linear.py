"""Kernels of inner products: linear, and linear in normalised inputs."""

from typing import Any

import tensorflow as tf

from svgp_vae_tf.kernels.base import psd_kernels, register
from svgp_vae_tf.kernels.wrapped import NamedKernel


@register
class Linear(NamedKernel):
    """``b^2 + a^2 <x, z>``: linear functions with Gaussian weights.

    Args:
        amplitude: a; None fixes it at 1.
        bias_amplitude: b; None leaves the bias out.
        kwargs: see `Kernel`.
    """

    def __init__(self, amplitude: float | None = None, bias_amplitude: float | None = None, **kwargs) -> None:
        super().__init__("Linear", {"slope_amplitude": amplitude, "bias_amplitude": bias_amplitude}, **kwargs)

    def _matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        return self.psd_kernel().matrix(x, z)  # a matrix product; without distances nothing cancels

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        config["amplitude"] = config.pop("slope_amplitude")
        return config


@register
class NormalizedLinear(Linear):
    """``b^2 + a^2 <x, z> / (|x| |z|)``: cosine similarity, 0 between a zero vector and any other.

    Arguments as for `Linear`.
    """

    def _base_kernel(self) -> Any:
        def normalize(x: tf.Tensor, feature_ndims: int, example_ndims: int) -> tf.Tensor:
            squared = tf.reduce_sum(tf.square(x), axis=-1, keepdims=True)
            positive = squared > 0.0
            # the inner `where` keeps the gradient of the square root finite at zero
            return tf.where(positive, x * tf.math.rsqrt(tf.where(positive, squared, tf.ones_like(squared))), 0.0)

        return psd_kernels().FeatureTransformed(super()._base_kernel(), normalize)

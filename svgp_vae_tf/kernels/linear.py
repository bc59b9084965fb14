"""Kernels of inner products."""

from typing import Any

import tensorflow as tf

from svgp_vae_tf.kernels.base import NamedKernel, psd_kernels, register


@register
class Linear(NamedKernel):
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

"""The periodic kernel."""

from typing import Any

import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import positive_number
from svgp_vae_tf.kernels.base import register
from svgp_vae_tf.kernels.wrapped import NamedKernel


@register
class Periodic(NamedKernel):
    """``a^2 exp(-2 sum_d sin^2(pi |x_d - z_d| / p) / l^2)`` with a fixed period p.

    Source: MacKay (1998), "Introduction to Gaussian Processes".

    Args:
        period: p, in the unit of the column; fixed because it is usually known (2 pi for angles in radians).
        length_scale: l, a number.
        amplitude: a; None fixes it at 1.
        kwargs: see `Kernel`.

    Raises:
        ValueError: for a period that is not positive and finite, or several length scales.
    """

    def __init__(
        self, period: float = 2.0 * np.pi, length_scale: float = 1.0, amplitude: float | None = None, **kwargs
    ) -> None:
        if np.ndim(length_scale) != 0:
            raise ValueError("Periodic takes one length scale; multiply kernels on single columns for several")
        self.period = positive_number("Periodic: period", period)
        arguments = {"length_scale": length_scale, "amplitude": amplitude}
        super().__init__("ExpSinSquared", arguments, constants={"period": self.period}, **kwargs)

    def _matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Covariances from sin(s - t) = sin s cos t - cos s sin t.

        This takes the sines of each input instead of each pair, which would take most of the kernel's time in a
        training step. Inputs are measured from the mean of z, so that a distant origin costs no digits.
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
        """The constructor's arguments."""
        return {**super().get_config(), "period": self.period}

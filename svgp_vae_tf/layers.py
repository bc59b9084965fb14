"""Keras layers for networks."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

# What the 3 taps of a row become when the convolution is not done at the high resolution, and so the 9 of both axes;
# see `UpsampledConv2D`. Products with these are a single operation, where there would be a dozen on small tensors.
_TRANSPOSED = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])  # (4, 3)
_TRANSPOSED_2D = np.einsum("ik,jl->ijkl", _TRANSPOSED, _TRANSPOSED).reshape(16, 9)
_OF_PARITY = np.array([[[1, 0, 0], [0, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0], [0, 0, 1]]])  # (2, 3, 3)
_OF_PARITY_2D = np.einsum("aik,bjl->ijabkl", _OF_PARITY, _OF_PARITY).reshape(36, 9)
_FEW_FILTERS = 8


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class UpsampledConv2D(keras.layers.Layer):
    """Nearest-neighbour up-sampling by 2, then a 3x3 convolution: same weights and result as the two layers.

    Up-sampling is a transposed convolution with a 2x2 box of ones, so the two layers are one transposed convolution of
    stride 2 whose 4x4 taps are the 3x3 taps, mirrored and convolved with the box. It takes 16 products in the place of
    36 per input pixel, and holds nothing at the high resolution but its result.

    Processors have no fast transposed convolution to one or a few channels. These are computed at the low resolution:
    output pixels of each of the four parities are a 3x3 convolution of the inputs, and interleave.

    Args:
        filters: channels of the output.
        activation: name or function, as for Keras.
        padding: of the convolution at the high resolution, "same" or "valid".
    """

    def __init__(self, filters: int, activation: Any = None, padding: str = "same", **kwargs) -> None:
        super().__init__(**kwargs)
        if padding not in ("same", "valid"):
            raise ValueError(f"padding must be same or valid, got {padding!r}")
        self.filters, self.padding = filters, padding
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(3, 3, input_shape[-1], self.filters), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        batch = tf.shape(inputs)[0]
        height, width = inputs.shape[1:3]
        channels = inputs.shape[-1]
        kernel = tf.reshape(tf.convert_to_tensor(self.kernel), [9, channels * self.filters])
        shape = [batch, 2 * height, 2 * width, self.filters]
        if self.filters < _FEW_FILTERS:
            taps = tf.linalg.matmul(tf.constant(_OF_PARITY_2D, kernel.dtype), kernel)
            taps = tf.transpose(tf.reshape(taps, [9, 4, channels, self.filters]), [0, 2, 1, 3])
            taps = tf.reshape(taps, [3, 3, channels, 4 * self.filters])
            parities = tf.nn.conv2d(inputs, taps, strides=1, padding="SAME")
            parities = tf.reshape(parities, [batch, height, width, 2, 2 * self.filters])
            up = tf.reshape(tf.transpose(parities, [0, 1, 3, 2, 4]), shape)
        else:
            taps = tf.linalg.matmul(tf.constant(_TRANSPOSED_2D, kernel.dtype), kernel)
            taps = tf.linalg.matrix_transpose(tf.reshape(taps, [4, 4, channels, self.filters]))
            up = tf.nn.conv2d_transpose(inputs, taps, shape, strides=2)
        if self.padding == "valid":
            # not indexed: the gradient of `tf.slice` is a padding, that of indexing is slow
            up = tf.slice(up, [0, 1, 1, 0], [batch, 2 * height - 2, 2 * width - 2, self.filters])
        return self.activation(up + tf.convert_to_tensor(self.bias))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        edge = 0 if self.padding == "same" else 2
        sizes = (None if size is None else 2 * size - edge for size in (height, width))
        return (batch, *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "filters": self.filters, "activation": activation, "padding": self.padding}

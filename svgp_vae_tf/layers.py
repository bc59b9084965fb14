"""Keras layers for encoders and decoders."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import one_of, whole_number

# Linear maps from the 3x3 taps of a convolution at high resolution to the taps of an equivalent operation at low
# resolution, see `UpsampledConv2D`: first for one axis, then for both. A matrix product replaces a dozen operations.
_TRANSPOSED = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])  # (4, 3)
_TRANSPOSED_2D = np.einsum("ik,jl->ijkl", _TRANSPOSED, _TRANSPOSED).reshape(16, 9)
_PARITIES = np.array([[[1, 0, 0], [0, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0], [0, 0, 1]]])  # (2, 3, 3)
_PARITIES_2D = np.einsum("aik,bjl->ijabkl", _PARITIES, _PARITIES).reshape(36, 9)
_FEW_FILTERS = 8  # with fewer output channels, a convolution at low resolution is faster than a transposed one


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class UpsampledConv2D(keras.layers.Layer):
    """Nearest-neighbour upsampling by 2 followed by a 3x3 convolution, in one operation.

    The layer has the weights of Keras' `Conv2D` and gives the same result as `UpSampling2D` and `Conv2D`, faster.
    Upsampling is a transposed convolution with a 2x2 box of ones, so the two layers are one transposed convolution of
    stride 2 whose 4x4 taps are the 3x3 taps, mirrored and convolved with the box. It takes 16 instead of 36
    multiplications per input pixel and stores no high-resolution input.

    Transposed convolutions to a few channels are slow on CPUs, so these are computed at low resolution: the output
    pixels of each of the four parities (row and column even or odd) are a 3x3 convolution of the inputs, and the four
    results are interleaved.

    Inputs have shape (batch, height, width, channels) and outputs (batch, 2 height, 2 width, filters), or 2 less in
    height and width with padding "valid".

    Args:
        filters: number of output channels.
        activation: name or function, as in Keras.
        padding: "same" or "valid", the padding of the convolution at the high resolution.

    Raises:
        ValueError: for another padding.

    >>> UpsampledConv2D(3, padding="valid")(np.zeros((1, 4, 4, 2))).shape
    TensorShape([1, 6, 6, 3])
    """

    def __init__(self, filters: int, activation: Any = None, padding: str = "same", **kwargs) -> None:
        super().__init__(**kwargs)
        self.filters = whole_number("filters", filters)
        self.padding = one_of("padding", padding, ("same", "valid"))
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel (3, 3, channels, filters) and bias (filters,)."""
        self.kernel = self.add_weight(
            name="kernel", shape=(3, 3, input_shape[-1], self.filters), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Upsample and convolve images."""
        batch = tf.shape(inputs)[0]
        height, width = inputs.shape[1:3]
        channels = inputs.shape[-1]
        kernel = tf.reshape(tf.convert_to_tensor(self.kernel), [9, channels * self.filters])
        shape = [batch, 2 * height, 2 * width, self.filters]
        if self.filters < _FEW_FILTERS:
            taps = tf.linalg.matmul(tf.constant(_PARITIES_2D, kernel.dtype), kernel)
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
            # `tf.slice` because its gradient is a padding; the gradient of indexing is slow
            up = tf.slice(up, [0, 1, 1, 0], [batch, 2 * height - 2, 2 * width - 2, self.filters])
        return self.activation(up + tf.convert_to_tensor(self.bias))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the outputs, with None for unknown sizes."""
        batch, height, width, _ = input_shape
        border = 0 if self.padding == "same" else 2
        sizes = (None if size is None else 2 * size - border for size in (height, width))
        return (batch, *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "filters": self.filters, "activation": activation, "padding": self.padding}

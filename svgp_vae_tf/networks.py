"""The paper's encoders and decoders. They see single observations; models take care of series axes."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def _dense(units: int, fan_in: int, activation: str | None = None) -> keras.layers.Dense:
    initializer = keras.initializers.TruncatedNormal(stddev=1.0 / math.sqrt(fan_in))
    return keras.layers.Dense(units, activation=activation, kernel_initializer=initializer)


def ball_encoder(size: int = 32, num_latents: int = 2, hidden: int = 500) -> keras.Sequential:
    """Frames (size, size) to means and log-variances, (2 * num_latents,)."""
    pixels = size * size
    return keras.Sequential(
        [
            keras.layers.Input((size, size)),
            keras.layers.Flatten(),
            _dense(hidden, pixels, "tanh"),
            _dense(2 * num_latents, hidden),
        ],
        name="ball_encoder",
    )


def ball_decoder(size: int = 32, num_latents: int = 2, hidden: int = 500) -> keras.Sequential:
    """Latents (num_latents,) to logits of frames, (size, size)."""
    return keras.Sequential(
        [
            keras.layers.Input((num_latents,)),
            _dense(hidden, num_latents, "tanh"),
            _dense(size * size, hidden),
            keras.layers.Reshape((size, size)),
        ],
        name="ball_decoder",
    )


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


def mnist_encoder(num_latents: int = 16) -> keras.Sequential:
    """Images (28, 28, 1) to means and log-variances, (2 * num_latents,): 2,304 parameters for 16 latents."""
    convolutions = [keras.layers.Conv2D(8, 3, strides=2, activation="elu") for _ in range(3)]  # to 13, 6, 2
    head = [keras.layers.Flatten(), keras.layers.Dense(2 * num_latents)]
    return keras.Sequential([keras.layers.Input((28, 28, 1)), *convolutions, *head], name="mnist_encoder")


def mnist_decoder(num_latents: int = 16) -> keras.Sequential:
    """Latents (num_latents,) to images (28, 28, 1), not squashed: 3,417 parameters for 16 latents."""
    return keras.Sequential(
        [
            keras.layers.Input((num_latents,)),
            keras.layers.Dense(128),
            keras.layers.Reshape((4, 4, 8)),
            UpsampledConv2D(8, "elu"),
            UpsampledConv2D(8, "elu", padding="valid"),  # 8 to 14
            UpsampledConv2D(1, "elu"),
        ],
        name="mnist_decoder",
    )


def _sine_and_cosine(angle: Any) -> Any:
    return keras.layers.Concatenate()([keras.ops.sin(angle), keras.ops.cos(angle)])


def _planes(circle: Any, size: int) -> Any:
    """Sine and cosine as constant planes, (size, size, 2)."""
    return keras.layers.Reshape((size, size, 2))(keras.layers.RepeatVector(size * size)(circle))


def mnist_conditional_encoder(num_latents: int = 16) -> keras.Model:
    """[Images (28, 28, 1), angles in radians (1,)] to means and log-variances: 2,512 parameters for 16 latents.

    Sine and cosine of the angle are planes beside the image, and stand before the dense layer again.
    """
    image, angle = keras.layers.Input((28, 28, 1)), keras.layers.Input((1,))
    circle = _sine_and_cosine(angle)
    hidden = keras.layers.Concatenate()([image, _planes(circle, 28)])
    for _ in range(3):
        hidden = keras.layers.Conv2D(8, 3, strides=2, activation="elu")(hidden)
    hidden = keras.layers.Concatenate()([keras.layers.Flatten()(hidden), circle])
    return keras.Model([image, angle], keras.layers.Dense(2 * num_latents)(hidden), name="mnist_conditional_encoder")


def mnist_conditional_decoder(num_latents: int = 16) -> keras.Model:
    """[Latents (num_latents,), angles in radians (1,)] to images (28, 28, 1): 3,817 parameters for 16 latents."""
    latents, angle = keras.layers.Input((num_latents,)), keras.layers.Input((1,))
    circle = _sine_and_cosine(angle)
    hidden = keras.layers.Dense(128)(keras.layers.Concatenate()([latents, circle]))
    hidden = keras.layers.Concatenate()([keras.layers.Reshape((4, 4, 8))(hidden), _planes(circle, 4)])
    for layer in (UpsampledConv2D(8, "elu"), UpsampledConv2D(8, "elu", "valid"), UpsampledConv2D(1, "elu")):
        hidden = layer(hidden)
    return keras.Model([latents, angle], hidden, name="mnist_conditional_decoder")


def _convolution(filters: int = 16, strides: int = 1) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(filters, 3, strides=strides, padding="same", activation="elu")


def sprites_encoder(num_latents: int = 64) -> keras.Sequential:
    """Images (64, 64, 3) to means and log-variances, (2 * num_latents,): 143,248 parameters for 64 latents."""
    convolutions = [_convolution(strides=strides) for strides in (1, 2, 1, 2, 1, 2)]  # to 8 x 8
    head = [keras.layers.Flatten(), keras.layers.Dense(2 * num_latents)]
    return keras.Sequential([keras.layers.Input((64, 64, 3)), *convolutions, *head], name="sprites_encoder")


def sprites_decoder(num_latents: int = 64) -> keras.Sequential:
    """Latents (num_latents,) to images (64, 64, 3), not squashed: 80,915 parameters for 64 latents."""
    doublings = [layer for _ in range(3) for layer in (UpsampledConv2D(16, "elu"), _convolution())]
    head = [keras.layers.Dense(8 * 8 * 16), keras.layers.Reshape((8, 8, 16))]
    layers = [keras.layers.Input((num_latents,)), *head, *doublings, _convolution(filters=3)]
    return keras.Sequential(layers, name="sprites_decoder")


def representation_network(size: int = 16) -> keras.Sequential:
    """Images (64, 64, 3) to vectors (size,), to be pooled over a group: 2,288 parameters for 16 entries."""
    convolutions = [keras.layers.Conv2D(size, 2, strides=2, padding="same", activation="elu") for _ in range(3)]
    head = [keras.layers.AveragePooling2D(8), keras.layers.Flatten()]
    return keras.Sequential([keras.layers.Input((64, 64, 3)), *convolutions, *head], name="representation_network")

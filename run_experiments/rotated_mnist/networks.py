"""The paper's networks for rotated MNIST, with and without the angle beside the image."""

from typing import Any

import keras

from svgp_vae_tf.layers import UpsampledConv2D


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

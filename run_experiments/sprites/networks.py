"""The paper's networks for sprites."""

import keras

from svgp_vae_tf.layers import UpsampledConv2D


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

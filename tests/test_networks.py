"""The paper's networks, and the fast up-sampling convolution against the two layers it stands for."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from run_experiments.rotated_mnist.networks import mnist_decoder, mnist_encoder
from run_experiments.sprites.networks import representation_network, sprites_decoder, sprites_encoder
from svgp_vae_tf.layers import UpsampledConv2D


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("filters", [1, 5, 8, 9])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-6)])
def test_upsampled_convolution_equals_upsampling_then_convolution(padding, filters, dtype, tolerance):
    images = tf.constant(np.random.default_rng(0).normal(size=(3, 6, 4, 2)), dtype)
    fast = UpsampledConv2D(filters, "elu", padding, dtype=dtype)
    fast.build(images.shape)
    fast.bias.assign(np.arange(filters) + 0.5)
    parts = [
        keras.layers.UpSampling2D(dtype=dtype),
        keras.layers.Conv2D(filters, 3, 1, padding, activation="elu", dtype=dtype),
    ]
    plain = keras.Sequential(parts)
    plain.build(images.shape)
    plain.set_weights(fast.get_weights())
    assert fast.compute_output_shape(images.shape) == fast(images).shape
    ours, theirs = _outputs_and_gradients(fast, images), _outputs_and_gradients(plain, images)
    for mine, other, sums in zip(ours, theirs, (1, 4, 4, 4), strict=True):  # gradients are longer sums
        np.testing.assert_allclose(mine, other, rtol=0.0, atol=sums * tolerance * np.abs(other).max())


def _outputs_and_gradients(layer: keras.layers.Layer, images: tf.Tensor) -> list[np.ndarray]:
    """What a layer makes of images, and gradients of an uneven sum of it with respect to images, kernel and bias."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images)
        weights = tf.reshape(tf.cos(tf.range(float(tf.size(outputs)), dtype=outputs.dtype)), outputs.shape)
        total = tf.reduce_sum(outputs * weights)
    return [x.numpy() for x in (outputs, *tape.gradient(total, [images, *layer.trainable_weights]))]


def test_parameters_of_the_mnist_networks_are_the_papers():
    assert mnist_encoder(16).count_params() == 2304
    assert mnist_decoder(16).count_params() == 3417
    assert mnist_decoder(16).output_shape == (None, 28, 28, 1)


def test_unknown_padding_is_an_error():
    with pytest.raises(ValueError, match="padding"):
        UpsampledConv2D(1, padding="full")


def test_parameters_of_the_sprites_networks_are_the_papers():
    assert sprites_encoder(64).count_params() == 143_248
    assert sprites_decoder(64).count_params() == 80_915
    assert sprites_decoder(64).output_shape == (None, 64, 64, 3)
    assert representation_network(16).count_params() == 2_288

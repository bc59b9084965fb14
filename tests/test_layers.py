"""The upsampling convolution against the two layers that it replaces."""

import keras
import numpy as np
import pytest
import tensorflow as tf

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
    """The outputs of a layer, and gradients of an uneven sum of them with respect to images, kernel and bias."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images)
        weights = tf.reshape(tf.cos(tf.range(float(tf.size(outputs)), dtype=outputs.dtype)), outputs.shape)
        total = tf.reduce_sum(outputs * weights)
    return [x.numpy() for x in (outputs, *tape.gradient(total, [images, *layer.trainable_weights]))]


def test_unknown_padding_is_an_error():
    with pytest.raises(ValueError, match="padding"):
        UpsampledConv2D(1, padding="full")

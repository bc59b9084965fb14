"""The paper's networks, and the fast up-sampling convolution against the two layers it stands for."""

import keras
import numpy as np
import pytest

from svgp_vae_tf import networks


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("filters", [1, 5, 8, 9])
def test_upsampled_convolution_equals_upsampling_then_convolution(padding, filters):
    images = np.random.default_rng(0).normal(size=(3, 6, 4, 2)).astype(np.float32)
    fast = networks.UpsampledConv2D(filters, "elu", padding)
    plain = keras.Sequential([keras.layers.UpSampling2D(), keras.layers.Conv2D(filters, 3, 1, padding)])
    outputs = fast(images)
    assert fast.compute_output_shape(images.shape) == outputs.shape
    fast.bias.assign(np.arange(filters) + 0.5)
    plain.build(images.shape)
    plain.set_weights(fast.get_weights())
    np.testing.assert_allclose(fast(images), keras.activations.elu(plain(images)), atol=1e-5)


def test_parameters_of_the_mnist_networks_are_the_papers():
    assert networks.mnist_encoder(16).count_params() == 2304
    assert networks.mnist_decoder(16).count_params() == 3417
    assert networks.mnist_decoder(16).output_shape == (None, 28, 28, 1)


def test_unknown_padding_is_an_error():
    with pytest.raises(ValueError, match="padding"):
        networks.UpsampledConv2D(1, padding="full")


def test_parameters_of_the_sprites_networks_are_the_papers():
    assert networks.sprites_encoder(64).count_params() == 143_248
    assert networks.sprites_decoder(64).count_params() == 80_915
    assert networks.sprites_decoder(64).output_shape == (None, 64, 64, 3)
    assert networks.representation_network(16).count_params() == 2_288

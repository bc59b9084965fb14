"""The networks have the paper's numbers of parameters, and the representation is an average."""

import numpy as np

from run_experiments.sprites.networks import representation_network, sprites_decoder, sprites_encoder


def test_parameters_of_the_sprites_networks_are_the_papers():
    assert sprites_encoder(64).count_params() == 143_248
    assert sprites_decoder(64).count_params() == 80_915
    assert sprites_decoder(64).output_shape == (None, 64, 64, 3)
    assert representation_network(16).count_params() == 2_288


def test_the_representation_is_the_mean_over_the_parts_of_an_image():
    """Its convolutions do not overlap, so that each 8 x 8 part has a vector of its own."""
    network = representation_network(16)
    black, white = np.zeros((1, 64, 64, 3), np.float32), np.ones((1, 64, 64, 3), np.float32)
    mixed = np.concatenate([white[:, :, :24], black[:, :, 24:]], axis=2)  # three eighths
    expected = 0.375 * network(white).numpy() + 0.625 * network(black).numpy()
    np.testing.assert_allclose(network(mixed), expected, rtol=1e-5, atol=1e-6)

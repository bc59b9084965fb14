"""The networks have the paper's numbers of parameters."""

from run_experiments.sprites.networks import representation_network, sprites_decoder, sprites_encoder


def test_parameters_of_the_sprites_networks_are_the_papers():
    assert sprites_encoder(64).count_params() == 143_248
    assert sprites_decoder(64).count_params() == 80_915
    assert sprites_decoder(64).output_shape == (None, 64, 64, 3)
    assert representation_network(16).count_params() == 2_288

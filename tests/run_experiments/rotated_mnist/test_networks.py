"""The networks have the paper's numbers of parameters."""

from run_experiments.rotated_mnist.networks import mnist_decoder, mnist_encoder


def test_parameters_of_the_mnist_networks_are_the_papers():
    assert mnist_encoder(16).count_params() == 2304
    assert mnist_decoder(16).count_params() == 3417
    assert mnist_decoder(16).output_shape == (None, 28, 28, 1)

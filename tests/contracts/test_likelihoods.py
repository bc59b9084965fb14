"""What every likelihood promises."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from tests.helpers.contract_checks import assert_same, moved, refused, serialized_copy, unknown_sizes
from tests.helpers.contract_parts import LIKELIHOODS

RNG = np.random.default_rng(0)
OUTPUTS = tf.constant(RNG.normal(size=(5, 4, 3)))
OBSERVATIONS = tf.constant(RNG.uniform(size=(5, 4, 3)))
each_likelihood = pytest.mark.parametrize("name", LIKELIHOODS)


def values(likelihood, outputs: tf.Tensor, observations: tf.Tensor) -> list[tf.Tensor]:
    """All that a likelihood computes without random numbers, and the gradient of its log density."""
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        log_prob, error = likelihood.per_example(outputs, observations)
    gradients = tape.gradient(log_prob, [outputs, *likelihood.trainable_weights])
    elementwise = likelihood.log_prob(outputs, observations), likelihood.mean(outputs)
    return [log_prob, error, *elementwise, *(tf.convert_to_tensor(gradient) for gradient in gradients)]


@each_likelihood
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_types_are_those_of_the_outputs(name, dtype):
    likelihood, outputs = LIKELIHOODS[name](), tf.cast(OUTPUTS, dtype)
    for result in (
        likelihood.log_prob(outputs, OBSERVATIONS),
        likelihood.mean(outputs),
        likelihood.sample(outputs, seed=1),
    ):
        assert (result.shape, result.dtype) == (outputs.shape, outputs.dtype)
        assert np.isfinite(result).all()
    for result in likelihood.per_example(outputs, OBSERVATIONS):
        assert (result.shape, result.dtype) == ((5,), outputs.dtype)


@each_likelihood
def test_values_per_example_are_sums_of_log_densities_and_means_of_squared_errors(name):
    likelihood = LIKELIHOODS[name]()
    log_prob, error = likelihood.per_example(OUTPUTS, OBSERVATIONS)
    np.testing.assert_allclose(log_prob, np.sum(likelihood.log_prob(OUTPUTS, OBSERVATIONS), (1, 2)), rtol=1e-12)
    squares = np.square(likelihood.mean(OUTPUTS) - OBSERVATIONS)
    np.testing.assert_allclose(error, squares.mean((1, 2)), rtol=1e-12)


@each_likelihood
def test_samples_have_the_mean_and_follow_their_seed(name):
    likelihood = LIKELIHOODS[name]()
    outputs = tf.repeat(OUTPUTS[:1], 4000, axis=0)
    np.testing.assert_allclose(np.mean(likelihood.sample(outputs, seed=1), 0), likelihood.mean(OUTPUTS[0]), atol=0.05)
    assert_same(likelihood.sample(OUTPUTS, seed=3), likelihood.sample(OUTPUTS, seed=3), 0.0)
    generator = keras.random.SeedGenerator(3)
    assert np.any(likelihood.sample(outputs, seed=generator) != likelihood.sample(outputs, seed=generator))
    likelihood.validate_observations(likelihood.sample(OUTPUTS, seed=1).numpy())


@each_likelihood
def test_the_check_in_graphs_agrees_with_the_one_of_arrays(name):
    likelihood = LIKELIHOODS[name]()
    likelihood.validate_observations(OBSERVATIONS.numpy())
    for low, high in ((0.0, 1.0), (0.2, 0.3), (-0.1, 0.5), (0.5, 1.1), (-3.0, 3.0), (0.0, 0.0)):
        observations = np.linspace(low, high, 5)
        supported = bool(tf.function(likelihood.in_support)(tf.constant(observations)))
        if supported:
            likelihood.validate_observations(observations)
        else:
            assert refused(lambda given=observations: likelihood.validate_observations(given), svgp.DataError)


@each_likelihood
def test_a_copy_from_the_configuration_gives_the_same_values(name):
    likelihood = moved(LIKELIHOODS[name]())
    copy = serialized_copy(likelihood)
    assert_same(values(likelihood, OUTPUTS, OBSERVATIONS), values(copy, OUTPUTS, OBSERVATIONS), 0.0)
    assert len(copy.trainable_weights) == len(likelihood.trainable_weights)


@each_likelihood
def test_graphs_of_unknown_sizes_give_the_eager_values_and_gradients(name):
    likelihood = LIKELIHOODS[name]()
    signature = [unknown_sizes(OUTPUTS, 2), unknown_sizes(OBSERVATIONS, 2)]
    compiled = tf.function(
        lambda outputs, observations: values(likelihood, outputs, observations),
        input_signature=signature,
        autograph=False,
    )
    for data in ((OUTPUTS, OBSERVATIONS), (OUTPUTS[:2, :3], OBSERVATIONS[:2, :3])):
        assert_same(values(likelihood, *data), compiled(*data))
    found = values(likelihood, OUTPUTS, OBSERVATIONS)[4:]
    assert len(found) == 1 + len(likelihood.trainable_weights)
    assert all(np.any(gradient) for gradient in found)

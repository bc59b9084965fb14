"""Likelihoods: densities against scipy, means, samples, configuration and errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from svgp_vae_tf.likelihoods import Bernoulli, Gaussian, Likelihood

close = np.testing.assert_allclose
OUTPUTS = tf.constant([[-2.0, 0.0, 0.5], [1.0, 3.0, -0.1]], tf.float64)


def test_bernoulli_log_prob_is_that_of_a_coin():
    observations = np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    probability = 1.0 / (1.0 + np.exp(-OUTPUTS.numpy()))
    close(Bernoulli().log_prob(OUTPUTS, observations), stats.bernoulli.logpmf(observations, probability), rtol=1e-12)
    close(Bernoulli().mean(OUTPUTS), probability, rtol=1e-12)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_bernoulli_log_prob_is_finite_for_extreme_logits(logit):
    logits = tf.constant([logit, logit], tf.float32)
    close(Bernoulli().log_prob(logits, [0.0, 1.0]), [min(-logit, 0.0), min(logit, 0.0)])


def test_bernoulli_takes_integers_and_booleans():
    expected = Bernoulli().log_prob(OUTPUTS[0], np.array([0.0, 1.0, 1.0]))
    for dtype in (np.int32, np.uint8, bool):
        close(Bernoulli().log_prob(OUTPUTS[0], np.array([0, 1, 1], dtype)), expected)


@pytest.mark.parametrize("stddev", [0.1, 1.0, 30.0])
def test_gaussian_log_prob_is_that_of_scipy(stddev):
    observations = OUTPUTS.numpy() + 0.3
    expected = stats.norm.logpdf(observations, OUTPUTS, stddev)
    close(Gaussian(stddev).log_prob(OUTPUTS, observations), expected, rtol=1e-5)
    close(Gaussian(stddev).mean(OUTPUTS), OUTPUTS)
    close(Gaussian(stddev).stddev, stddev, rtol=1e-6)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.2, True)], ids=["bernoulli", "gaussian"])
def test_an_example_is_the_sum_and_the_mean_of_its_entries(likelihood):
    rng = np.random.default_rng(0)
    outputs, observations = tf.constant(rng.normal(size=(4, 3, 5))), rng.integers(0, 2, (4, 3, 5))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(outputs)
        log_likelihood, mse = likelihood.per_example(outputs, observations)
        entries = likelihood.log_prob(outputs, observations)
        error = tf.square(likelihood.mean(outputs) - observations)
    close(log_likelihood, np.sum(entries, axis=(1, 2)), rtol=1e-6)
    close(mse, np.mean(error, axis=(1, 2)), rtol=1e-12)
    close(tape.gradient(log_likelihood, outputs), tape.gradient(entries, outputs), rtol=1e-6)
    close(tape.gradient(mse, outputs), tape.gradient(error, outputs) / 15.0, rtol=1e-12)
    for weight in likelihood.trainable_weights:
        close(tape.gradient(log_likelihood, weight), tape.gradient(entries, weight), rtol=1e-5)


@pytest.mark.parametrize(
    ("likelihood", "mean", "stddev"),
    [(Bernoulli(), 1.0 / (1.0 + np.exp(-0.5)), None), (Gaussian(0.2), 0.5, 0.2)],
    ids=["bernoulli", "gaussian"],
)
def test_samples_have_the_likelihoods_moments(likelihood, mean, stddev):
    draws = likelihood.sample(tf.fill((20_000,), 0.5), seed=1).numpy()
    assert draws.mean() == pytest.approx(mean, abs=0.02)
    if stddev is None:
        assert set(np.unique(draws)) == {0.0, 1.0}
    else:
        assert draws.std() == pytest.approx(stddev, rel=0.03)
    np.testing.assert_array_equal(draws, likelihood.sample(tf.fill((20_000,), 0.5), seed=1))


@pytest.mark.parametrize("train", [False, True])
def test_the_noise_is_learned_only_if_asked(train):
    likelihood = Gaussian(0.5, train_stddev=train)
    assert len(likelihood.trainable_variables) == int(train)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(likelihood.log_prob(OUTPUTS, OUTPUTS + 1.0))
    gradients = tape.gradient(loss, [v.value for v in likelihood.trainable_variables])
    for gradient in gradients:  # d/dlog s of -n log s - sum r^2 / 2 s^2 is sum r^2 / s^2 - n
        close(gradient, 6.0 / 0.25 - 6.0, rtol=1e-5)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.3), Gaussian(2.0, train_stddev=True)])
def test_configuration_survives_a_round_trip(likelihood):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    assert type(copy) is type(likelihood)
    assert copy.get_config() == likelihood.get_config()
    close(copy.log_prob(OUTPUTS, OUTPUTS), likelihood.log_prob(OUTPUTS, OUTPUTS))


@pytest.mark.parametrize("stddev", [0.0, -1.0, np.inf, np.nan])
def test_a_bad_stddev_is_named_in_one_line(stddev):
    with pytest.raises(ValueError, match="^stddev must be positive and finite, got [^\n]*$"):
        Gaussian(stddev)


def test_the_interface_itself_has_no_implementation():
    for method in (Likelihood().log_prob, Likelihood().sample):
        with pytest.raises(NotImplementedError):
            method(OUTPUTS, OUTPUTS)
    with pytest.raises(NotImplementedError):
        Likelihood().mean(OUTPUTS)

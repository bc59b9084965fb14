"""The ELBO of a batch against the paper's formulas in NumPy. Latent samples are replaced by their mean."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import small_models
from tests.helpers.small_models import INDUCING, LATENTS, N
from tests.reference import oracles

JITTER = 1e-6
LOW, HIGH = math.log(1e-6), math.log(1e3)


def encode(model, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances (n, L) of the linear encoder."""
    weights, bias = (np.asarray(w, dtype=np.float64) for w in model.encoder.get_weights())
    outputs = observations.astype(np.float64) @ weights + bias
    mean, raw = outputs[:, :LATENTS], outputs[:, LATENTS:]
    return mean, np.exp(LOW + np.logaddexp(0.0, raw - LOW) - np.logaddexp(0.0, raw - HIGH))


def log_likelihood(model, latents: np.ndarray, observations: np.ndarray) -> np.ndarray:
    """log N(y | linear decoder, 1) per point, (n,)."""
    weights, bias = (np.asarray(w, dtype=np.float64) for w in model.decoder.get_weights())
    residual = observations - (latents @ weights + bias)
    return np.sum(-0.5 * (math.log(2.0 * math.pi) + residual**2), axis=-1)


def expected_terms(name: str, x: np.ndarray, y: np.ndarray, s2: np.ndarray, num_data: int | None = None):
    """Posterior mean (n,) and regulariser of one channel: of the whole data set if num_data, of the series if not."""
    kernel = oracles.squared_exponential(2.0)
    if name == "vae":
        kl = oracles.kl_to_standard_normal(y, s2)
        return y, kl if num_data is None else kl * num_data / len(y)
    if name == "gpvae":
        k = oracles.gram(kernel, x, x)
        mean, covariance = oracles.exact_posterior(k, k, k, y, s2)
        return mean, oracles.expected_log_density(mean, np.diag(covariance), y, s2) - oracles.log_z(k, y, s2)
    kmm = oracles.jittered(oracles.gram(kernel, INDUCING, INDUCING), JITTER)
    kmn = oracles.gram(kernel, INDUCING, x)
    scale = 1.0 if num_data is None else num_data / len(y)
    mu, a = oracles.inducing_moments(kmm, kmn, y, s2, scale)
    mean, variance = oracles.sparse_marginals(kmm, kmn, np.ones(len(y)), mu, a)
    cross_entropy = scale * oracles.expected_log_density(mean, variance, y, s2)
    if name == "hensman":
        bound = scale * oracles.hensman_sum(kmm, kmn, np.ones(len(y)), y, s2, mu, a) - oracles.kl(kmm, mu, a)
    else:
        bound = scale * oracles.titsias_bound(kmm, kmn, np.ones(len(y)), y, s2)
    return mean, cross_entropy - bound


def channels(name, model, x, observations, num_data=None) -> tuple[np.ndarray, float]:
    """Posterior means (n, L) and the regulariser summed over channels."""
    y, s2 = encode(model, observations)
    terms = [expected_terms(name, x.astype(np.float64), y[:, i], s2[:, i], num_data) for i in range(LATENTS)]
    return np.stack([mean for mean, _ in terms], axis=-1), sum(kl for _, kl in terms)


@pytest.mark.parametrize("name", small_models.MODELS)
def test_series(name):
    model = small_models.without_noise(small_models.make(name))
    times, values = small_models.series(3)
    terms = model.elbo_terms(times, tf.constant(values))
    assert terms.log_likelihood.shape == terms.kl.shape == (3,)
    for i in range(3):
        latents, kl = channels(name, model, times[i][:, None], values[i])
        np.testing.assert_allclose(terms.kl[i], kl, rtol=2e-5)
        np.testing.assert_allclose(terms.log_likelihood[i], log_likelihood(model, latents, values[i]).sum(), rtol=2e-5)


@pytest.mark.parametrize("batch", [N, 8])
@pytest.mark.parametrize("name", small_models.MODELS)
def test_one_data_set(name, batch):
    if (name, batch) == ("gpvae", 8):
        pytest.skip("an exact GP takes no mini-batches")
    model = small_models.without_noise(small_models.make(name, N))
    x, values = (array[:batch] for array in small_models.data_set())
    terms = model.elbo_terms(x, tf.constant(values))
    assert terms.log_likelihood.shape == terms.kl.shape == (batch,)
    latents, kl = channels(name, model, x, values, num_data=N)
    np.testing.assert_allclose(terms.log_likelihood, log_likelihood(model, latents, values), rtol=1e-4, atol=1e-5)
    # each example carries its share: an epoch sums b * KL / N to the KL
    assert np.sum(terms.kl) * N / batch == pytest.approx(kl, rel=2e-5)
    if name != "vae":
        np.testing.assert_allclose(terms.kl, kl / N, rtol=2e-5)


def test_the_loss_is_the_mean_over_examples():
    model = small_models.without_noise(small_models.make("hensman"))
    times, values = small_models.series()
    terms = model.elbo_terms(times, tf.constant(values))
    model.compile("sgd")
    result = model.evaluate(times, values, verbose=0, return_dict=True)
    assert result["loss"] == pytest.approx(np.mean(terms.kl - terms.log_likelihood), rel=1e-5)


def test_latent_samples_have_the_posterior_moments():
    model = small_models.make("vae")
    mean, variance = np.array([0.5, -2.0]), np.array([0.04, 4.0])
    repeated = (tf.constant(np.tile(moment, (4000, 1))) for moment in (mean, variance))
    draws = model.sample_latents(*repeated).numpy()
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.15)
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.12)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.1


def test_the_kl_does_not_depend_on_the_sample_and_the_likelihood_does():
    model = small_models.make("hensman")
    times, values = small_models.series()
    one, two = (model.elbo_terms(times, tf.constant(values)) for _ in range(2))
    np.testing.assert_array_equal(one.kl, two.kl)
    assert np.abs(one.log_likelihood - two.log_likelihood).min() > 0


@pytest.mark.parametrize("raw", [-1e30, -1e17, -1e4, 0.0, 1e4, 1e17, 1e30])
def test_encoder_variances_stay_within_their_bounds(raw):
    model = small_models.make("vae", variance_bounds=(1e-3, 10.0))
    weights, bias = model.encoder.get_weights()
    bias[LATENTS:] = raw
    model.encoder.set_weights([0.0 * weights, bias])
    variance = model.encode(tf.zeros((1, 1, 3))).variance
    expected = 1.0 if raw == 0.0 else 1e-3 if raw < 0.0 else 10.0
    np.testing.assert_allclose(variance, expected, rtol=0.15 if raw == 0.0 else 1e-6)
    assert 0.999e-3 <= np.min(variance) <= np.max(variance) <= 10.01

"""The neural-process objective: against dense Gaussians, its split, and what it leaves as it was."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf.models import NeuralProcessGPVAE
from tests.helpers import small_models


def make() -> NeuralProcessGPVAE:
    keras.utils.set_random_seed(7)
    return NeuralProcessGPVAE(
        small_models.encoder(), small_models.decoder(), kernel=small_models.kernel(), likelihood="gaussian"
    )  # fmt: skip


def log_normal(y, k) -> float:
    return -0.5 * float(y @ np.linalg.solve(k, y) + np.linalg.slogdet(2 * np.pi * k)[1])


def test_the_terms_agree_with_dense_gaussians_over_loops(monkeypatch):
    model = small_models.without_noise(make())
    times, values = small_models.series()
    context, targets = np.array([[0, 3, 6, 7, 2]] * 6), np.array([[1, 4, 5]] * 6)
    monkeypatch.setattr(model, "split", lambda *_: (tf.constant(context), tf.constant(targets)))
    terms = model.elbo_terms(tf.constant(times), tf.constant(values), training=True)
    means, variances = (x.numpy() for x in model.encode(tf.constant(values))[1:])
    full = svgp.models.LatentModel.elbo_terms(model, tf.constant(times), tf.constant(values))
    for i, t in enumerate(times.astype(float)):
        k = np.exp(-0.5 * np.square((t[:, None] - t) / 2.0))
        kl = 0.0
        decoded = model.decode(model.posterior_latents(times, values).mean[i]).numpy()
        for y, s2 in zip(means[i].T, variances[i].T, strict=True):
            c, d = context[i], targets[i]
            gain = k @ np.linalg.inv(k + np.diag(s2))
            m, p = gain @ y, np.diag(k - gain @ k)
            kl += log_normal(y[c], k[np.ix_(c, c)] + np.diag(s2[c])) - log_normal(y, k + np.diag(s2))
            kl += np.sum(-0.5 * (np.log(2 * np.pi * s2[d]) + (np.square(y[d] - m[d]) + p[d]) / s2[d]))
        assert float(terms.kl[i]) == pytest.approx(kl, rel=1e-5)
        error = np.square(decoded - values[i])[targets[i]]
        assert float(terms.mse[i]) == pytest.approx(np.mean(error), rel=1e-4)
        assert float(terms.log_likelihood[i]) == pytest.approx(-0.5 * np.sum(np.log(2 * np.pi) + error), rel=1e-4)
    assert np.all(np.abs(terms.kl - full.kl) > 1e-3)


def test_the_split_covers_a_series_and_keeps_two_points_on_each_side():
    model, sizes = make(), []
    for _ in range(60):
        context, targets = model.split(tf.constant(3), tf.constant(8))
        for row in np.concatenate([context, targets], axis=1):
            assert sorted(row) == list(range(8))
        sizes.append(context.shape[1])
    assert min(sizes) >= 2 and max(sizes) <= 6
    assert len(set(sizes)) > 2


def test_the_size_of_the_context_is_normal_and_its_points_are_any():
    """Of 100 points N(50, 25), which is hardly ever cut off at 2 and 98."""
    model, sizes, held = make(), [], np.zeros(100)
    for _ in range(150):
        context, _ = model.split(tf.constant(1), tf.constant(100))
        sizes.append(context.shape[1])
        held[context.numpy()[0]] += 1
    assert np.mean(sizes) == pytest.approx(50.0, abs=4 * 5 / np.sqrt(150))
    assert np.std(sizes) == pytest.approx(5.0, rel=0.2)
    assert 38 < held.min() and held.max() < 112  # half of 150, give or take six standard deviations


def test_it_trains_and_evaluates_as_a_gpvae():
    model, exact = make(), small_models.make("gpvae")
    model.compile("adam")
    exact.compile("adam")
    times, values = small_models.series()
    exact.set_weights(model.get_weights())
    one, two = (
        small_models.without_noise(m).evaluate(times, values, verbose=0, return_dict=True) for m in (model, exact)
    )
    assert one["elbo"] == pytest.approx(two["elbo"], rel=1e-5)
    losses = make()
    losses.compile("adam")
    assert np.isfinite(losses.fit(times, values, epochs=2, verbose=0).history["loss"]).all()


def test_series_must_be_long_enough():
    model = make()
    model.compile("adam")
    with pytest.raises(svgp.DataError, match="3 points cannot be split; 4"):
        model.fit(np.zeros((2, 3)), np.zeros((2, 3, small_models.PIXELS)), verbose=0)
    with pytest.raises(ValueError, match="leave out num_data"):
        NeuralProcessGPVAE(small_models.encoder(), small_models.decoder(), kernel=small_models.kernel(), num_data=5)

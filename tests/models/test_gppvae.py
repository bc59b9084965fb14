"""GPPVAE: its divergence and gradients against the exact N x N prior, what it needs, and what it answers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from run_experiments.original.gppvae import OriginalGPPVAE
from svgp_vae_tf.auxiliary import GPLVM
from svgp_vae_tf.kernels import Periodic
from tests.helpers import small_models

OBJECTS, PIXELS, LATENTS = 6, small_models.PIXELS, small_models.LATENTS
VIEWS = np.array([[0.0], [1.5], [3.0], [4.5]])
TABLE = np.random.default_rng(5).normal(size=(OBJECTS, 2))
IDS = np.array([(i, j) for i in range(OBJECTS) for j in range(4) if (i + j) % 5])
AUX = np.column_stack([IDS[:, 0], VIEWS[IDS[:, 1], 0]])
VALUES = np.random.default_rng(6).normal(size=(len(AUX), PIXELS)).astype(np.float32)
N = len(AUX)


def make(cls=svgp.GPPVAE, **kwargs) -> svgp.GPPVAE:
    keras.utils.set_random_seed(7)
    options = {"num_data": N, "noise_variance": 0.3, "likelihood": "gaussian", "auxiliary": GPLVM(TABLE), **kwargs}
    options.setdefault("kernel", Periodic(length_scale=1.2, amplitude=0.8, columns=[0]))
    options.setdefault("views", VIEWS)
    return cls(small_models.encoder(), small_models.decoder(), **options)


def exact_divergence(model, aux, values) -> tf.Tensor:
    """E[-log p(z)] - entropy of all data, with K itself."""
    features = model.features(aux)
    _, mean, variance = model.encode(values)
    views, objects = features[:, :1], features[:, 1:]
    k = model.prior.kernel.matrix(views, views) * (objects @ tf.transpose(objects))
    k += model.prior.noise_variance * tf.eye(len(aux), dtype=tf.float64)
    moments = tf.transpose(mean)[:, :, None] * tf.transpose(mean)[:, None] + tf.linalg.diag(tf.transpose(variance))
    expected = tf.linalg.trace(tf.linalg.solve(k[None] + 0.0 * moments, moments)) + tf.linalg.logdet(2 * np.pi * k)
    return 0.5 * tf.reduce_sum(expected) - 0.5 * tf.reduce_sum(tf.math.log(2 * np.pi * np.e * variance))


def close(one, two) -> None:
    scale = float(tf.reduce_max(tf.abs(two))) + 1e-12
    np.testing.assert_allclose(np.asarray(one) / scale, np.asarray(two) / scale, atol=3e-6)


def test_the_divergence_and_its_gradients_over_batches_are_those_of_the_exact_prior():
    model = make()
    model.set_training_data(AUX, VALUES)
    variables = [w for w in model.trainable_weights if w.path not in {d.path for d in model.decoder.weights}]
    with tf.GradientTape() as tape:
        expected = exact_divergence(model, tf.constant(AUX), tf.constant(VALUES))
    expected_gradients = tape.gradient(expected, variables)
    total, gradients = 0.0, [0.0] * len(variables)
    for rows in np.split(np.random.default_rng(0).permutation(N), [5, 12]):
        with tf.GradientTape() as tape:
            terms = model.elbo_terms(tf.constant(AUX[rows]), tf.constant(VALUES[rows]), training=True)
            divergence = tf.reduce_sum(terms.kl)
        total += float(divergence)
        parts = tape.gradient(divergence, variables)
        gradients = [a + tf.convert_to_tensor(b) for a, b in zip(gradients, parts, strict=True)]
    assert total == pytest.approx(float(expected), rel=1e-5)
    assert all(float(tf.reduce_max(tf.abs(tf.convert_to_tensor(g)))) > 0 for g in expected_gradients)
    for got, wanted in zip(gradients, expected_gradients, strict=True):
        close(got, tf.convert_to_tensor(wanted))


def test_all_rows_count_in_the_divergence_however_many_are_encoded_at_once():
    """1,100 rows take two chunks; outside of training the batch counts as the whole data set."""
    rows = np.random.default_rng(1).integers(N, size=1100)
    aux, values = AUX[rows], VALUES[rows] + np.random.default_rng(2).normal(size=(1100, PIXELS)).astype(np.float32)
    model = make(num_data=len(rows))
    model.set_training_data(aux, values)
    whole = model.elbo_terms(tf.constant(aux), tf.constant(values)).kl
    for part in (slice(0, 5), slice(1020, 1030)):
        kl = model.elbo_terms(tf.constant(aux[part]), tf.constant(values[part]), training=True).kl
        np.testing.assert_allclose(kl, whole[part], rtol=1e-5)


def test_predictions_are_those_of_the_exact_gp_over_uncertain_latents():
    model = make()
    model.condition(AUX, VALUES, batch_size=4)
    new = np.column_stack([np.arange(OBJECTS), np.full(OBJECTS, 2.2)])
    features, new_features = (model.features(x).numpy() for x in (AUX, new))
    mean, variance = (x.numpy() for x in model.encode(tf.constant(VALUES))[1:])

    def latent(a, b):
        return model.prior.kernel.matrix(a[:, :1], b[:, :1]).numpy() * (a[:, 1:] @ b[:, 1:].T)

    gain = latent(new_features, features) @ np.linalg.inv(latent(features, features) + 0.3 * np.eye(N))
    got = model.predict_latent(new)
    np.testing.assert_allclose(got.mean, gain @ mean, rtol=1e-6, atol=1e-8)
    spread = np.diag(latent(new_features, new_features) - gain @ latent(features, new_features))
    # at a view that is not on the grid the cross-covariance is still exact, so is the variance
    np.testing.assert_allclose(got.variance, spread[:, None] + np.square(gain) @ variance, rtol=1e-5, atol=1e-8)
    assert model.sample(new, num_samples=2, seed=0).shape == (2, OBJECTS, PIXELS)


def test_statistics_add_up_and_are_removed():
    model = make()
    model.condition(AUX, VALUES)
    expected = model.predict_latent(AUX).mean
    model.condition(AUX[:9], VALUES[:9])
    part = model.predict_latent(AUX).mean
    model.update(AUX[9:], VALUES[9:])
    np.testing.assert_allclose(model.predict_latent(AUX).mean, expected, rtol=1e-8)
    model.forget(AUX[9:], VALUES[9:])
    np.testing.assert_allclose(model.predict_latent(AUX).mean, part, rtol=1e-8)
    with pytest.raises(svgp.DataError, match="cannot forget"):
        model.forget(AUX, VALUES)
    for other in (VALUES[:9] + 100.0, VALUES[9:18]):
        with pytest.raises(svgp.DataError, match="cannot forget"):
            model.forget(AUX[:9], other)
    np.testing.assert_allclose(model.predict_latent(AUX).mean, part, rtol=1e-8)
    model.forget(AUX[:9], VALUES[:9])  # no data are left, and the prior answers
    moments, features = model.predict_latent(AUX), model.features(AUX).numpy()
    np.testing.assert_allclose(moments.mean, 0.0, atol=1e-6)
    prior_variance = 0.8**2 * np.sum(np.square(features[:, 1:]), axis=1)  # k(w, w) <o, o>
    np.testing.assert_allclose(moments.variance, np.stack([prior_variance] * LATENTS, axis=1), rtol=1e-6)


@pytest.mark.parametrize("cls", [svgp.GPPVAE, OriginalGPPVAE])
def test_it_trains_saves_and_answers_alike_after_loading(cls, tmp_path):
    model = make(cls)
    model.compile(keras.optimizers.Adam(1e-2))
    before = [weight.numpy() for weight in model.trainable_weights]
    history = model.fit(AUX, VALUES, batch_size=8, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(np.any(a != b.numpy()) for a, b in zip(before, model.trainable_weights, strict=True))
    model.condition(AUX, VALUES)
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = svgp.load_model(path)
    np.testing.assert_array_equal(loaded.predict(AUX, verbose=0), model.predict(AUX, verbose=0))
    with pytest.raises(svgp.DataError, match=r"call set_training_data\(aux, observations\)"):
        loaded.train_on_batch(AUX, VALUES)
    loaded.set_training_data(AUX, VALUES)
    loaded.train_on_batch(AUX, VALUES)


def test_frozen_networks_stay_as_they_are():
    model = make()
    model.encoder.trainable = model.decoder.trainable = False
    model.compile(keras.optimizers.Adam(1e-2))
    before = [weight.numpy() for weight in model.encoder.weights]
    model.fit(AUX, VALUES, batch_size=8, epochs=1, verbose=0)
    for one, two in zip(before, model.encoder.weights, strict=True):
        np.testing.assert_array_equal(one, two.numpy())
    assert {weight.path.split("/")[-1] for weight in model.trainable_weights} == {
        "log_noise_variance", "log_length_scale", "log_amplitude", "vectors",
    }  # fmt: skip


def test_the_original_term_has_the_other_sign():
    """At one sample, with all data in the batch: minus (L N - alpha c) where the value of the prior belongs."""
    model = small_models.without_noise(make(OriginalGPPVAE))
    model.set_training_data(AUX, VALUES)
    kl = N * float(model.elbo_terms(tf.constant(AUX), tf.constant(VALUES), training=True).kl[0])
    features = model.features(AUX).numpy()
    mean, variance = (x.numpy() for x in model.encode(tf.constant(VALUES))[1:])
    mean = mean.astype(np.float32).astype(np.float64)
    k = model.prior.kernel.matrix(features[:, :1], features[:, :1]).numpy() * (features[:, 1:] @ features[:, 1:].T)
    inverse = np.linalg.inv(k + 0.3 * np.eye(N))
    c = 0.5 * (LATENTS * np.trace(inverse) - np.sum(np.square(inverse @ mean)))
    expected = -(LATENTS * N - 0.3 * c) - 0.5 * np.sum(np.log(variance))
    assert kl == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"views": np.zeros((2, 1))}, "views must be distinct"),
        ({"views": np.zeros(3)}, r"views need shape \(Q, C\)"),
        ({"noise_variance": 0.0}, "noise_variance must be positive"),
        ({"num_data": None}, "give num_data"),
        ({"kernel": Periodic(columns=[1])}, "selects feature column 1"),
    ],
)
def test_parts_that_cannot_work(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)


def test_data_that_cannot_work():
    model = make()
    model.compile("adam")
    with pytest.raises(svgp.DataError, match="call set_training_data"):
        model.fit(tf.data.Dataset.from_tensor_slices((AUX, VALUES)).batch(8), shuffle=False, verbose=0)
    with pytest.raises(svgp.DataError, match=f"num_data={N}"):
        model.fit(AUX[:5], VALUES[:5], verbose=0)
    with pytest.raises(svgp.DataError, match="validation_data"):
        model.fit(AUX, VALUES, validation_split=0.2, verbose=0)
    with pytest.raises(svgp.DataError, match="make 3"):  # the angle was forgotten
        model.fit(AUX[:, :1], VALUES, verbose=0)
    with pytest.raises(svgp.DataError, match="rows of auxiliary data are alike"):
        make(OriginalGPPVAE).set_training_data(np.repeat(AUX[:1], N, axis=0), VALUES)
    model.fit(AUX, VALUES, verbose=0)  # none of this has broken it


def test_evaluation_of_all_data_at_once_is_the_divergence_of_the_exact_prior():
    model = make()
    model.compile("adam")
    got = model.evaluate(AUX, VALUES, batch_size=N, verbose=0, return_dict=True)["kl"]
    assert N * got == pytest.approx(float(exact_divergence(model, tf.constant(AUX), tf.constant(VALUES))), rel=1e-5)
    assert model.evaluate(AUX[:4], 50 * VALUES[:4], verbose=0, return_dict=True)["kl"] > 3 * got > 0


def test_other_data_replace_those_stored():
    model, fresh = make(), make()
    for one in (model, fresh):
        one.compile(keras.optimizers.SGD(0.0))
    model.fit(AUX, VALUES, batch_size=N, verbose=0)
    again = model.fit(AUX, 3 * VALUES, batch_size=N, verbose=0).history["kl"]
    assert again == pytest.approx(fresh.fit(AUX, 3 * VALUES, batch_size=N, verbose=0).history["kl"], rel=1e-6)

"""Keras' compile, fit and evaluate on small small_models."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf.likelihoods import Gaussian
from tests.helpers import small_models
from tests.helpers.small_models import N

CASES = [(name, num_data) for num_data in (None, N) for name in small_models.MODELS]
TERMS = {"loss", "elbo", "log_likelihood", "kl", "mse"}


def adam() -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(0.03)


def fit(model: svgp.LatentModel, x, y=None, **kwargs) -> dict[str, np.ndarray]:
    if not model.compiled:
        model.compile(adam())
    return {name: np.array(values) for name, values in model.fit(x, y, verbose=0, **kwargs).history.items()}


def check_terms(history: dict[str, np.ndarray], prefix: str = "") -> None:
    terms = {term: history[prefix + term] for term in TERMS}
    np.testing.assert_allclose(terms["elbo"], terms["log_likelihood"] - terms["kl"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(terms["loss"], -terms["elbo"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "num_data"), CASES)
def test_fit_lowers_the_loss_and_logs_the_terms_of_the_elbo(name, num_data):
    batch_size = N if (name, num_data) == ("gpvae", N) else 6
    model = small_models.make(name, num_data)
    history = fit(model, *small_models.data_for(num_data), epochs=8, batch_size=batch_size)
    assert set(history) == TERMS
    check_terms(history)
    assert history["loss"][-2:].mean() < history["loss"][:2].mean() - 0.02 * abs(history["loss"][0])


def test_validation_data():
    data, held_out = small_models.series(), small_models.series(4, seed=1)
    model = small_models.without_noise(small_models.make("hensman"))
    history = fit(model, *data, epochs=2, validation_data=held_out)
    assert set(history) == TERMS | {f"val_{term}" for term in TERMS}
    check_terms(history, "val_")
    result = model.evaluate(*held_out, verbose=0, return_dict=True)
    assert result == pytest.approx({term: history[f"val_{term}"][-1] for term in TERMS}, rel=1e-5)


@pytest.mark.parametrize(("name", "num_data"), CASES)
def test_every_trainable_weight_gets_a_gradient(name, num_data):
    model = small_models.make(name, num_data, likelihood=Gaussian(0.5, train_stddev=True))
    x, y = small_models.data_for(num_data)
    with tf.GradientTape() as tape:
        terms = model.elbo_terms(x, tf.constant(y))
        loss = tf.reduce_mean(model_loss(terms))
    expected = {"vae": 5, "gpvae": 7}.get(name, 8)  # two networks, the noise; the kernel; the inducing points
    assert len(model.trainable_weights) == expected
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 1e-7, weight.path


def model_loss(terms) -> tf.Tensor:
    return svgp.ELBO()(terms)


def test_fit_moves_every_weight_that_is_trainable_and_no_other():
    model = small_models.make("hensman", train_inducing_points=False, kernel=frozen_kernel())
    before = {weight.path: weight.numpy() for weight in model.weights}
    fit(model, *small_models.series())
    moved = {weight.path for weight in model.weights if not np.array_equal(weight.numpy(), before[weight.path])}
    assert moved >= {weight.path for weight in model.trainable_weights}
    assert not any("inducing" in path or "log_" in path for path in moved)


def frozen_kernel() -> svgp.kernels.Kernel:
    return svgp.kernels.SquaredExponential(2.0, amplitude=1.0, trainable=False)


def test_bernoulli_observations():
    x, y = small_models.series()
    model = small_models.make("hensman", likelihood="bernoulli")
    history = fit(model, x, (y > 0).astype(np.float32), epochs=10)
    assert history["loss"][-1] < history["loss"][0]
    assert history["log_likelihood"].max() < 0.0
    model.condition(x, (y > 0).astype(np.float32))
    assert 0.0 < model.predict(x, verbose=0).min() < model.predict(x, verbose=0).max() < 1.0


@pytest.mark.parametrize("train_stddev", [True, False])
def test_the_noise_level_is_learned_only_if_asked(train_stddev):
    model = small_models.make("vae", likelihood=Gaussian(2.0, train_stddev=train_stddev))
    fit(model, *small_models.series(), epochs=5)
    assert (float(model.likelihood.stddev) < 1.95) is train_stddev
    if not train_stddev:
        assert float(model.likelihood.stddev) == pytest.approx(2.0, rel=1e-6)


def test_beta_weighs_the_kl():
    model = small_models.make("hensman")
    model.compile(adam(), objective=svgp.ELBO(beta=3.0))
    result = model.evaluate(*small_models.series(), verbose=0, return_dict=True)
    assert set(result) == TERMS
    assert result["loss"] == pytest.approx(3.0 * result["kl"] - result["log_likelihood"], rel=1e-5)
    assert result["elbo"] == pytest.approx(result["log_likelihood"] - result["kl"], rel=1e-5)


def test_evaluate_weighs_uneven_batches_by_their_size():
    model = small_models.without_noise(small_models.make("vae"))
    model.compile(adam())
    whole, parts = (model.evaluate(*small_models.series(), batch_size=b, verbose=0, return_dict=True) for b in (6, 4))
    assert whole == pytest.approx(parts, rel=1e-5)


def test_tf_data_named_columns_and_several_steps_per_execution_train_the_same():
    times, values = small_models.series()
    named = {"time": times, "unused": times[..., None] * [1.0, 2.0]}
    weights = []
    for route in ("array", "dict", "tf.data"):
        auxiliary = None if route == "array" else svgp.auxiliary.NamedColumns(["time"])
        model = small_models.make("hensman", auxiliary=auxiliary)
        model.compile(keras.optimizers.SGD(0.01), steps_per_execution=1 if route == "array" else 2)
        x = times if route == "array" else named
        if route == "tf.data":
            fit(model, tf.data.Dataset.from_tensor_slices((x, values)).batch(3), shuffle=False, epochs=2)
        else:
            fit(model, x, values, batch_size=3, shuffle=False, epochs=2)
        weights.append(model.get_weights())
    for other in weights[1:]:
        for a, b in zip(weights[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_lists_are_as_good_as_arrays():
    x, y = small_models.series()
    model = small_models.make("vae")
    assert np.isfinite(fit(model, x.tolist(), y.tolist())["loss"]).all()
    model.condition(x.tolist(), y.tolist())
    assert model.predict(x.tolist(), verbose=0).shape == y.shape


@pytest.mark.parametrize("name", ["hensman", "gpvae"])
def test_compiled_by_xla(name):
    x, y = small_models.series()
    model = small_models.without_noise(small_models.make(name))
    expected = float(tf.reduce_mean(model_loss(model.elbo_terms(x, tf.constant(y)))))
    model.compile(keras.optimizers.Adam(0.01), jit_compile=True)
    losses = fit(model, x, y, epochs=2)["loss"]
    assert losses[0] == pytest.approx(expected, rel=1e-5)
    assert losses[1] < losses[0]


@pytest.mark.parametrize("clip", ["global_clipnorm", "clipnorm"])
def test_gradients_of_both_precisions_are_clipped(clip):
    model = small_models.make("hensman")
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(1.0, **{clip: 1e-3}))
    fit(model, *small_models.series(), batch_size=small_models.SERIES)
    steps = [np.linalg.norm(a - b) for a, b in zip(before, model.get_weights(), strict=True)]
    total = np.linalg.norm(steps)
    assert total == pytest.approx(1e-3, rel=1e-2) if clip == "global_clipnorm" else max(steps) < 1.01e-3


def test_the_same_seed_trains_to_the_same_weights():
    runs = []
    for _ in range(2):
        model = small_models.make("vae", seed=3)
        fit(model, *small_models.series(), epochs=2, batch_size=3)
        runs.append(model.get_weights())
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_loss_that_is_not_finite_changes_neither_weights_nor_the_count_of_steps():
    model = small_models.make("hensman", N)
    places, values = small_models.data_set()
    fit(model, places, values)
    steps, before = int(model.optimizer.iterations), model.get_weights()
    with pytest.raises(
        svgp.DataError, match=r"^the loss is not finite: look for NaN in the data or lower the learning"
    ):
        fit(model, places, values * 1e30)  # whose squares overflow in single precision
    assert int(model.optimizer.iterations) == steps
    for weight, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)

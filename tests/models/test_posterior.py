"""Conditioning, adding and taking out data, predictions and samples."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf.kernels import functions
from svgp_vae_tf.models import draws
from tests.helpers import small_models
from tests.helpers.small_models import N, conditioned, data_for, make

CASES = [(name, num_data) for num_data in (None, N) for name in ("hensman", "gpvae", "vae")]
INFORMED = [case for case in CASES if case[0] != "vae"]
both = pytest.mark.parametrize(("name", "num_data"), CASES)
informed = pytest.mark.parametrize(("name", "num_data"), INFORMED)


def new_inputs(num_data: int | None) -> np.ndarray:
    """Inputs between and beyond the data."""
    grid = np.linspace(-1.0, 8.0, 5)
    return grid[:, None] if num_data else grid + np.linspace(0.0, 0.5, small_models.SERIES)[:, None]


def assert_same_latents(one: svgp.LatentModel, two: svgp.LatentModel, x: np.ndarray, atol: float = 1e-9) -> None:
    for a, b in zip(one.predict_latent(x), two.predict_latent(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=atol)


def halves(num_data: int | None) -> tuple:
    """The data in two parts: points of the data set, or points of each series."""
    x, y = data_for(num_data)
    part = (slice(None), slice(0, 5)), (slice(None), slice(5, None))
    if num_data:
        part = slice(0, 10), slice(10, None)
    return tuple((x[p], y[p]) for p in part)


@both
def test_conditioning_in_chunks_is_conditioning_on_all(name, num_data):
    whole, chunks = conditioned(name, num_data), make(name, num_data)
    chunks.condition(*data_for(num_data), batch_size=4)
    assert_same_latents(whole, chunks, new_inputs(num_data))


@both
def test_conditioning_on_a_tf_data_set(name, num_data):
    whole, batches = conditioned(name, num_data), make(name, num_data)
    batches.condition(tf.data.Dataset.from_tensor_slices(data_for(num_data)).batch(5))
    assert_same_latents(whole, batches, new_inputs(num_data))


@both
def test_updating_is_conditioning_on_all_and_forgetting_undoes_it(name, num_data):
    (first, later), x = halves(num_data), new_inputs(num_data)
    whole, model, before = conditioned(name, num_data), make(name, num_data), make(name, num_data)
    before.condition(*first)
    model.condition(*first)
    model.update(*later)
    assert_same_latents(model, whole, x)
    model.forget(*later)
    assert_same_latents(model, before, x, atol=1e-7)
    if name != "vae":
        assert np.abs(whole.predict_latent(x).mean - before.predict_latent(x).mean).max() > 1e-3


@informed
def test_conditioning_replaces_what_was_there(name, num_data):
    first, later = halves(num_data)
    model, fresh = make(name, num_data), make(name, num_data)
    model.condition(*first)
    model.condition(*later)
    fresh.condition(*later)
    assert_same_latents(model, fresh, new_inputs(num_data))


@informed
def test_the_order_of_the_data_does_not_matter(name, num_data):
    x, y = data_for(num_data)
    order = np.random.default_rng(1).permutation(x.shape[0 if num_data else 1])
    model = make(name, num_data)
    model.condition(*((x[order], y[order]) if num_data else (x[:, order], y[:, order])))
    assert_same_latents(model, conditioned(name, num_data), new_inputs(num_data))


@informed
def test_data_shrink_the_variance_where_they_are(name, num_data):
    model = conditioned(name, num_data)
    x, _ = data_for(num_data)
    far = model.predict_latent(np.full_like(x, 100.0))
    np.testing.assert_allclose(far.mean, 0.0, atol=1e-6)
    np.testing.assert_allclose(far.variance, 1.0, atol=1e-6)
    assert (model.predict_latent(x).variance < 0.9).all()


@both
def test_prediction_is_the_decoded_mean_for_any_batch_size(name, num_data):
    model, x = conditioned(name, num_data), new_inputs(num_data)
    expected = model.decode(tf.constant(model.predict_latent(x).mean))
    for batch_size in (256, 4):
        np.testing.assert_allclose(model.predict(x, batch_size, verbose=0), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(model.predict_latent(x, batch_size).mean, model.predict_latent(x).mean)


@pytest.mark.parametrize("name", ["hensman", "gpvae"])
def test_rows_meet_their_own_series(name):
    x, y = small_models.series()
    model, alone = conditioned(name), make(name)
    new = new_inputs(None)
    predicted = model.predict(new, batch_size=4, verbose=0)
    for i in range(small_models.SERIES):
        alone.condition(x[i : i + 1], y[i : i + 1])
        np.testing.assert_allclose(alone.predict(new[i : i + 1], verbose=0)[0], predicted[i], rtol=1e-5, atol=1e-6)


def test_compiled_predictions_see_later_data():
    x, y = small_models.series()
    model = conditioned("gpvae")
    model.predict(x, verbose=0)
    model.condition(x[:2, :3], y[:2, :3])
    assert model.predict(x[:2], verbose=0).shape == (2, small_models.POINTS, small_models.PIXELS)
    np.testing.assert_allclose(
        model.predict(x[:2], verbose=0), model.decode(tf.constant(model.predict_latent(x[:2]).mean)), atol=1e-6
    )


@pytest.mark.parametrize("name", ["hensman", "gpvae"])
def test_double_precision_inputs_keep_it(name):
    """Around 1000 single precision would round times to 6e-5; the kernel sees differences only."""
    offset = 1000.0
    rng = np.random.default_rng(2)
    times, values = np.arange(8.0) + rng.uniform(-0.4, 0.4, (3, 8)), small_models.series(3)[1]
    model = make(name)
    shifted = make(name, **({"inducing_points": small_models.INDUCING + offset} if name == "hensman" else {}))
    model.condition(times, values)
    shifted.condition(times + offset, values)
    new = times + 0.3
    for a, b in zip(model.predict_latent(new), shifted.predict_latent(new + offset), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(
        model.predict(new, verbose=0), shifted.predict(new + offset, verbose=0), rtol=1e-6, atol=1e-6
    )


@both
def test_posterior_latents_and_reconstructions_are_those_of_the_posterior_at_the_data(name, num_data):
    model = conditioned(name, num_data)
    x, y = data_for(num_data)
    moments = model.posterior_latents(x, y, batch_size=4)
    q = model.posterior(x, tf.constant(y))
    if (name, num_data) != ("vae", N):  # one data set is asked through what was conditioned on
        np.testing.assert_allclose(moments.mean, q.mean, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(moments.variance, q.variance, rtol=1e-6, atol=1e-8)
    reconstruction = model.reconstruct(x, y, batch_size=4)
    np.testing.assert_allclose(reconstruction, model.decode(tf.constant(moments.mean)), rtol=1e-5, atol=1e-6)


QUESTIONS = {
    "predict": lambda model, x, y: model.predict(x, verbose=0),
    "predict_latent": lambda model, x, y: model.predict_latent(x),
    "sample": lambda model, x, y: model.sample(x),
    "sample_latent": lambda model, x, y: model.sample_latent(x),
    "update": lambda model, x, y: model.update(x, y),
    "forget": lambda model, x, y: model.forget(x, y),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_before_any_data_are_refused(question):
    with pytest.raises(svgp.NotConditionedError, match="call condition") as caught:
        QUESTIONS[question](make("hensman"), *small_models.series())
    assert "\n" not in str(caught.value)


def custom_step(model: svgp.LatentModel, x: np.ndarray, y: np.ndarray) -> None:
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(model.elbo_terms(x, tf.constant(y)).log_likelihood)
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights, strict=True))


def fit(model: svgp.LatentModel, x: np.ndarray, y: np.ndarray) -> None:
    model.compile("sgd")
    model.fit(x, y, batch_size=len(x), verbose=0)


def train_on_batch(model: svgp.LatentModel, x: np.ndarray, y: np.ndarray) -> None:
    model.compile("sgd")
    model.train_on_batch(x, y)


CHANGES = {
    "fit": fit,
    "train_on_batch": train_on_batch,
    "custom_step": custom_step,
    "set_weights": lambda model, x, y: model.set_weights([weight + 0.1 for weight in model.get_weights()]),
    "assign": lambda model, x, y: model.prior.kernel.weights[0].assign(0.123),
    "encoder": lambda model, x, y: model.encoder.set_weights([2.0 * weight for weight in model.encoder.get_weights()]),
}


@pytest.mark.parametrize("num_data", [None, N])
@pytest.mark.parametrize("change", CHANGES)
def test_a_posterior_of_earlier_weights_is_never_used(change, num_data, tmp_path):
    model = conditioned("hensman", num_data)
    x, y = small_models.data_for(num_data)
    CHANGES[change](model, x, y)
    questions = [
        lambda: model.predict(x, verbose=0),
        lambda: model.predict_latent(x),
        lambda: model.sample(x, seed=0),
        lambda: model.update(x, y),
        lambda: model.forget(x, y),
        lambda: model(x),
    ]
    for question in questions:
        with pytest.raises(svgp.NotConditionedError, match="the weights have changed since .* call condition"):
            question()
    model.save(tmp_path / "model.keras")
    with pytest.raises(svgp.NotConditionedError, match="no posterior yet"):
        svgp.load_model(tmp_path / "model.keras").predict(x, verbose=0)
    model.condition(x, y)
    assert np.isfinite(model.predict(x, verbose=0)).all()


def test_a_posterior_that_is_a_weight_is_never_stale():
    model = svgp.SVIGP(
        small_models.decoder(), kernel=small_models.kernel(), inducing_points=small_models.INDUCING, num_data=N,
        likelihood="gaussian",
    )  # fmt: skip
    x, y = small_models.data_set()
    model.condition(x, y)
    before = model.predict(x, verbose=0)
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(x, y, batch_size=N, epochs=3, verbose=0)
    assert np.abs(model.predict(x, verbose=0) - before).max() > 1e-4


def test_a_file_that_does_not_say_its_weights_is_checked_from_the_first_question_on(tmp_path):
    model = conditioned("hensman")
    x, _ = small_models.series()
    model.conditioning._checksum = None
    model.save(tmp_path / "model.keras")
    loaded = svgp.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    CHANGES["assign"](loaded, None, None)
    with pytest.raises(svgp.NotConditionedError, match="the weights have changed"):
        loaded.predict(x, verbose=0)


def test_other_weights_may_change():
    model = conditioned("hensman")
    x, _ = small_models.series()
    before = model.predict_latent(x)
    model.decoder.set_weights([2.0 * weight for weight in model.decoder.get_weights()])
    np.testing.assert_array_equal(before.mean, model.predict_latent(x).mean)
    weights = model.get_weights()
    model.set_weights([weight + 1.0 for weight in weights])
    model.set_weights(weights)  # as they were
    np.testing.assert_array_equal(before.mean, model.predict_latent(x).mean)


def test_a_loaded_posterior_belongs_to_the_loaded_weights(tmp_path):
    model = conditioned("hensman")
    x, _ = small_models.series()
    model.save(tmp_path / "model.keras")
    loaded = svgp.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.predict(x, verbose=0), loaded.predict(x, verbose=0))
    CHANGES["assign"](loaded, None, None)
    with pytest.raises(svgp.NotConditionedError, match="the weights have changed"):
        loaded.predict(x, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda x, y: (tf.data.Dataset.from_tensors((x, y)).repeat(),), "never ends, as after repeat"),
        (lambda x, y: (tf.data.Dataset.from_tensors((x, y)), y), "gives its own observations"),
        (lambda x, y: (tf.data.Dataset.from_tensors((x, y, y)),), "weights of data have no meaning"),
        (lambda x, y: (small_models.encoder(),), "arrays, a tf.data.Dataset, .* or a generator, not a Sequential"),
        (lambda x, y: (x, y, 0), "batch_size must be at least 1, got 0"),
        (lambda x, y: (x, y, 2.5), "batch_size must be a whole number"),
    ],
)
def test_data_that_cannot_be_conditioned_on_are_refused_in_one_line(arguments, message):
    model = conditioned("hensman", N)
    x = new_inputs(N)
    before = model.predict_latent(x).mean
    with pytest.raises(ValueError, match=message) as caught:
        model.condition(*arguments(*small_models.data_set()))
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(model.predict_latent(x).mean, before)


@pytest.mark.parametrize("question", ["predict", "predict_latent"])
def test_predictions_check_their_chunks(question):
    model = conditioned("hensman", N)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got -1"):
        getattr(model, question)(new_inputs(N), batch_size=-1)


def test_weights_of_data_are_refused():
    model, (x, y) = make("hensman"), small_models.series()
    model.compile("sgd")
    weights = np.ones(len(x))
    weighted = tf.data.Dataset.from_tensor_slices((x, y, weights)).batch(4)
    for call in (
        lambda: model.fit(x, y, sample_weight=weights, verbose=0),
        lambda: model.fit(x, y, validation_data=(x, y, weights), verbose=0),
        lambda: model.fit(weighted, verbose=0),
        lambda: model.evaluate(x, y, sample_weight=weights, verbose=0),
        lambda: model.evaluate(weighted, verbose=0),
    ):
        with pytest.raises(svgp.DataError, match="weights of data have no meaning"):
            call()


def test_a_stranger_cannot_be_forgotten():
    model = conditioned("gpvae", N)
    with pytest.raises(svgp.DataError, match="never conditioned on"):
        model.forget(np.array([[123.0]]), np.zeros((1, small_models.PIXELS)))


def test_chunks_of_series_of_different_lengths_are_refused_where_series_are_kept_whole():
    x, y = small_models.series(4)
    chunks = iter([(x[:2], y[:2]), (x[2:, :5], y[2:, :5])])
    with pytest.raises(svgp.DataError, match="series of different lengths"):
        make("gpvae").condition(chunks)
    sparse = make("hensman")
    sparse.condition(iter([(x[:2], y[:2]), (x[2:, :5], y[2:, :5])]))  # which keeps sums
    assert np.isfinite(sparse.predict_latent(x).mean).all()


# Samples.


@both
@pytest.mark.parametrize("joint", [True, False])
def test_samples_have_their_shapes_and_repeat_with_their_seed(name, num_data, joint):
    model, x = conditioned(name, num_data), new_inputs(num_data)
    shape = (3, *x.shape[: 1 if num_data else 2])
    latents = model.sample_latent(x, 3, joint, seed=5)
    assert latents.shape == (*shape, small_models.LATENTS)
    np.testing.assert_array_equal(latents, model.sample_latent(x, 3, joint, seed=5))
    assert np.abs(latents - model.sample_latent(x, 3, joint, seed=6)).max() > 0
    assert np.abs(model.sample_latent(x, 3, joint) - model.sample_latent(x, 3, joint)).max() > 0
    observations = model.sample(x, 3, joint, seed=5)
    assert observations.shape == (*shape, small_models.PIXELS)
    np.testing.assert_allclose(observations, model.decode(tf.constant(latents)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "num_data"), INFORMED)
@pytest.mark.parametrize("joint", [True, False])
def test_samples_have_the_posterior_moments(name, num_data, joint, monkeypatch):
    monkeypatch.setattr(functions, "FREQUENCIES", 16)  # as right as with many, and faster
    count = 6000
    model = conditioned(name, num_data)
    x = np.array([[2.0], [2.4], [9.0]]) if num_data else np.tile([2.0, 2.4, 9.0], (small_models.SERIES, 1))
    mean, covariance = (m.numpy() for m in model.conditioning.posterior().predict_joint(model.features(x)))
    samples = np.moveaxis(model.sample_latent(x, count, joint, seed=1), -1, -2)  # (draws, ..., L, inputs)
    deviations = samples - np.swapaxes(mean, -1, -2)
    empirical = np.einsum("s...i,s...j->...ij", deviations, deviations) / count
    if not joint:
        covariance = covariance * np.eye(3)
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    tolerance = 6.0 / np.sqrt(count)
    assert np.abs(deviations.mean(axis=0) / scale).max() < tolerance
    assert np.abs((empirical - covariance) / (scale[..., None] * scale[..., None, :])).max() < 1.5 * tolerance
    marginal = model.predict_latent(x).variance
    np.testing.assert_allclose(np.swapaxes(scale**2, -1, -2), marginal, rtol=1e-6)


@informed
def test_a_seed_means_the_same_functions_at_any_inputs(name, num_data):
    model, x = conditioned(name, num_data), new_inputs(num_data)
    values = model.sample_latent(x, 3, seed=4)
    part = x[1:4] if num_data else x[:, 1:4]
    np.testing.assert_allclose(values[..., 1:4, :], model.sample_latent(part, 3, seed=4), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(values[:2], model.sample_latent(x, 2, seed=4), rtol=1e-9, atol=1e-9)
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        model.sample(x, seed=-1)


@pytest.mark.parametrize("num_data", [None, N])
def test_draws_do_not_depend_on_how_many_are_made_at_a_time(num_data, monkeypatch):
    model, x = conditioned("hensman", num_data), new_inputs(num_data)
    expected = model.sample_latent(x, 5, seed=2), model.sample(x, 2, seed=2)
    monkeypatch.setattr(draws, "MOST_FEATURES", 2 * max(x.size, 24) * 2 * functions.FREQUENCIES)
    if num_data:
        monkeypatch.setattr(draws, "CHUNK", 2)
    for got, values in zip((model.sample_latent(x, 5, seed=2), model.sample(x, 2, seed=2)), expected, strict=True):
        np.testing.assert_allclose(got, values, rtol=1e-5, atol=1e-6)


def test_joint_draws_at_more_points_than_a_matrix_can_have():
    model = conditioned("hensman", N)
    x = np.linspace(0.0, 7.0, 20_000)[:, None]
    latents = model.sample_latent(x, seed=0)[0]
    assert np.abs(np.diff(latents, axis=0)).max() < 1e-2  # they are functions
    moments = model.predict_latent(x)
    assert np.max(np.abs(latents - moments.mean) / np.sqrt(moments.variance)) < 6.0


def test_kernels_without_features_draw_from_a_matrix_unless_it_is_too_large(monkeypatch):
    kernel = svgp.kernels.TFPKernel("GammaExponential", {"length_scale": 2.0}, {"power": 1.5})
    model = make("hensman", N, kernel=kernel)
    model.condition(*data_for(N))
    x = np.linspace(0.0, 7.0, 20)[:, None]
    assert model.sample_latent(x, 2, seed=0).shape == (2, 20, small_models.LATENTS)
    with pytest.raises(
        svgp.DataError, match=r"joint draws at 20000 inputs need covariances of 6.4 GB, .* \(joint=False\)"
    ):
        model.sample_latent(np.linspace(0.0, 7.0, 20_000)[:, None])
    assert model.sample_latent(np.linspace(0.0, 7.0, 20_000)[:, None], joint=False).shape[1] == 20_000


def test_joint_draws_of_a_posterior_that_is_certain():
    """Its covariance is a difference of matrices of the size of the prior's; only their rounding may be left."""
    times = np.linspace(-2.0, 2.0, 300)[:, None].astype(np.float32)
    kernel = svgp.kernels.SquaredExponential(1.0, amplitude=5.0)
    model = make("gpvae", 300, kernel=kernel, variance_bounds=(1e-6, 2e-6))
    model.condition(times, np.sin(times + np.arange(small_models.PIXELS)).astype(np.float32))
    new = np.linspace(-2.0, 2.0, 60)[:, None]
    samples, moments = model.sample_latent(new, num_samples=200, seed=1), model.predict_latent(new)
    assert np.isfinite(model.sample(new, num_samples=2)).all()
    np.testing.assert_allclose(samples.mean(axis=0), moments.mean, atol=1e-3)
    np.testing.assert_allclose(samples.std(axis=0), np.sqrt(moments.variance), rtol=0.4, atol=1e-6)


def test_joint_draws_between_precise_data_are_close_to_gaussian():
    """What such data leave open of a rough function are frequencies far out in the tail of its spectral density."""
    times = np.arange(0.0, 8.0, 0.25)[:, None].astype(np.float32)
    kernel = svgp.kernels.Matern32(2.0)
    model = make("gpvae", len(times), kernel=kernel, variance_bounds=(1e-4, 2e-4))
    model.condition(times, np.sin(times + np.arange(small_models.PIXELS)).astype(np.float32))
    new = times[:-1].astype(np.float64) + 0.125
    moments = model.predict_latent(new)
    z = (model.sample_latent(new, 200, seed=0) - moments.mean) / np.sqrt(moments.variance)
    assert np.median(np.abs(z)) == pytest.approx(0.674, abs=0.06)
    assert np.mean(z**4) < 4.5


def test_the_memory_of_draws_is_bounded(monkeypatch):
    """As many are made at a time as the data, inducing points and inputs of one leave room for."""
    sizes = []
    original = svgp.priors.ExactGP.posterior(
        make("gpvae", N).prior, svgp.priors.LatentData.of(np.zeros((N, 1)), np.zeros((N, 2)), np.ones((N, 2)))
    ).__class__
    functions_of = original.functions
    monkeypatch.setattr(original, "functions", lambda self, rngs: sizes.append(len(rngs)) or functions_of(self, rngs))
    model = conditioned("gpvae", N)
    monkeypatch.setattr(draws, "MOST_FEATURES", 3 * N * 2 * functions.FREQUENCIES)
    model.sample_latent(np.zeros((1, 1)), 7, seed=0)
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize("chunks", [(None, 3000), (3000, None), (100, 256)])
def test_forgetting_all_in_other_chunks_leaves_the_prior(chunks):
    """The networks' single precision rounds otherwise in chunks of another size."""
    x = np.linspace(0.0, 7.0, 3000)[:, None].astype(np.float32)
    y = np.sin(x + np.arange(small_models.PIXELS)).astype(np.float32)
    model = make("hensman", 3000, variance_bounds=(1e-6, 2e-6))
    model.condition(x, y, batch_size=chunks[0])
    model.forget(x, y, batch_size=chunks[1])
    mean, variance = model.predict_latent(x[::100])
    np.testing.assert_allclose(mean, 0.0, atol=1e-2)
    np.testing.assert_allclose(variance, 1.0, rtol=1e-4)
    model.condition(x, y, batch_size=chunks[0])
    expected = model.predict_latent(x[::100]).mean
    model.forget(x[::2], y[::2], batch_size=chunks[1])
    np.testing.assert_allclose(model.predict_latent(x[::100]).mean, expected, atol=1e-3)


@informed
def test_what_stops_being_finite_on_the_way_is_not_taken_up(name, num_data):
    model, (x, y) = conditioned(name, num_data), data_for(num_data)
    before = model.predict_latent(new_inputs(num_data)).mean
    large = y.astype(np.float64)
    large[-1] = 1e39  # finite, but infinite in single precision
    for call in (model.condition, model.update):
        with pytest.raises(svgp.DataError, match="^the encoder gives values that are not finite"):
            call(x, large)
    if num_data is None:
        for call in (model.posterior_latents, model.reconstruct):
            with pytest.raises(svgp.DataError, match="^the encoder gives values that are not finite"):
                call(x, large)
    np.testing.assert_array_equal(model.predict_latent(new_inputs(num_data)).mean, before)
    model.encoder.set_weights([np.nan * weight for weight in model.encoder.get_weights()])
    with pytest.raises(svgp.DataError, match="or its weights are not finite"):
        model.condition(x, y)

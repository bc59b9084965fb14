"""What Keras users take for granted of any model: modes, regularisers, freezing, cloning, precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from run_experiments.original.ball import OriginalBallGP
from svgp_vae_tf import kernels, likelihoods

POINTS = np.linspace(0.0, 7.0, 4)[:, np.newaxis]
RNG = np.random.default_rng(0)
TIMES = np.tile(np.arange(8.0), (6, 1))
VALUES = RNG.normal(size=(6, 8, 3)).astype(np.float32)


def network(inputs: int, outputs: int, *layers, **kwargs) -> keras.Sequential:
    return keras.Sequential([keras.layers.Input((inputs,)), *layers, keras.layers.Dense(outputs, **kwargs)])


def sparse_model(encoder=None, decoder=None, kernel=None, likelihood="gaussian", **kwargs) -> svgp.SVGPVAE:
    model = svgp.SVGPVAE(
        encoder or network(3, 4), decoder or network(2, 3), kernel=kernel or kernels.SquaredExponential(2.0),
        inducing_points=POINTS, likelihood=likelihood, **kwargs,
    )  # fmt: skip
    model.compile(keras.optimizers.SGD(1e-4))
    return model


def test_networks_know_when_they_are_trained():
    normalization = keras.layers.BatchNormalization()
    model = sparse_model(network(3, 4, normalization))
    before = normalization.moving_mean.numpy()
    model.evaluate(TIMES, VALUES, verbose=0)
    np.testing.assert_array_equal(normalization.moving_mean.numpy(), before)
    model.fit(TIMES, VALUES, verbose=0)
    assert np.abs(normalization.moving_mean.numpy() - before).max() > 0


def test_regularisers_of_networks_count_once():
    encoder = network(3, 4, kernel_regularizer=keras.regularizers.L2(3.0))
    model = sparse_model(encoder)
    added = float(3.0 * np.sum(np.square(encoder.layers[-1].kernel.numpy())))
    logs = model.evaluate(TIMES, VALUES, batch_size=3, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(added - logs["elbo"], rel=1e-5)


@pytest.mark.parametrize("join", [kernels.Sum, kernels.Product])
def test_a_frozen_composite_kernel_stays_as_it_is(join):
    kernel = join([kernels.SquaredExponential(2.0), kernels.Matern32(3.0)], trainable=False)
    model = sparse_model(kernel=kernel)
    model.fit(TIMES, VALUES, verbose=0)
    assert [float(value) for value in kernel.parameters.values()] == pytest.approx([2.0, 3.0], rel=1e-12)


def test_a_clone_starts_with_the_same_inducing_points():
    clone = keras.models.clone_model(sparse_model())
    np.testing.assert_allclose(clone.prior.inducing_points, POINTS, rtol=1e-15)


def test_what_was_never_given_cannot_be_forgotten():
    model = sparse_model()
    model.condition(TIMES, VALUES)
    model.forget(TIMES, VALUES)
    with pytest.raises(svgp.DataError, match="cannot forget data that the posterior was not given"):
        model.forget(TIMES[:, :3], VALUES[:, :3])
    assert np.isfinite(model.predict_latent(TIMES).mean).all()


def test_no_posterior_outlives_the_weights_it_was_made_with():
    model = sparse_model()
    condition = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: model.condition(TIMES, VALUES))
    model.fit(TIMES, VALUES, verbose=0, callbacks=[condition])
    with pytest.raises(svgp.NotConditionedError):
        model.predict(TIMES)
    model.condition(TIMES, VALUES)
    model.train_on_batch(TIMES, VALUES)
    with pytest.raises(svgp.NotConditionedError):
        model.predict(TIMES)


def test_half_precision_networks_do_not_touch_the_sums():
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_float16")
        encoder = keras.Sequential([keras.layers.Input((40, 40)), keras.layers.Flatten(), keras.layers.Dense(4)])
        decoder = network(2, 1600, keras.layers.Dense(4))
        decoder.add(keras.layers.Reshape((40, 40)))
        model = svgp.SVGPVAE(encoder, decoder, kernel=kernels.SquaredExponential(2.0), inducing_points=POINTS)
    finally:
        keras.config.set_dtype_policy(policy)
    frames = RNG.integers(0, 2, size=(2, 100, 40, 40)).astype(np.float32)
    terms = model.elbo_terms(np.tile(np.arange(100.0), (2, 1)), tf.constant(frames))
    assert terms.log_likelihood.dtype == tf.float32
    assert np.isfinite(terms.log_likelihood).all()


def test_a_bernoulli_likelihood_refuses_images_that_were_not_rescaled():
    model = sparse_model(likelihood="bernoulli")
    with pytest.raises(svgp.DataError, match="a Bernoulli likelihood takes values from 0 to 1"):
        model.fit(TIMES, np.abs(VALUES) * 100, verbose=0)


def test_fixed_points_limit_training_alone():
    model = sparse_model(train_inducing_points=False)
    model.fit(TIMES, VALUES, verbose=0)
    model.condition(TIMES[:, :3], VALUES[:, :3])
    assert model.predict(TIMES[:, 3:5], verbose=0).shape == (6, 2, 3)
    with pytest.raises(ValueError, match="4 fixed inducing points are more than the 3 points of a series"):
        model.fit(TIMES[:, :3], VALUES[:, :3], verbose=0)


def test_another_number_of_latents_is_refused_in_one_line():
    with pytest.raises(ValueError, match="num_latents=3, but there are 2 latents") as error:
        sparse_model(kernel=kernels.SquaredExponential(2.0, num_latents=3))
    assert "\n" not in str(error.value)


class OwnEncoder(keras.Model):
    """A network that says nothing of its shapes."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)

    def call(self, x):
        return self.dense(x)


def test_networks_that_do_not_know_their_shapes():
    model = sparse_model(OwnEncoder(), keras.layers.Dense(3))
    history = model.fit(TIMES, VALUES, verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_unequal_series_are_named():
    with pytest.raises(svgp.DataError, match="aux cannot be read as one array: are the parts of unequal length?"):
        sparse_model().fit([[0.0, 1.0], [0.0]], VALUES, verbose=0)


def test_single_precision_time_stamps_that_ran_together_are_refused():
    stamps = (1.7e9 + TIMES).astype(np.float32)
    with pytest.raises(svgp.DataError, match="too little for single precision"):
        sparse_model().fit(stamps, VALUES, verbose=0)


def test_the_original_term_is_for_series():
    with pytest.raises(ValueError, match="takes no num_data"):
        OriginalBallGP(kernels.SquaredExponential(), POINTS, num_data=30)


def test_learned_noise_moves():
    likelihood = likelihoods.Gaussian(0.5, train_stddev=True)
    sparse_model(likelihood=likelihood).fit(TIMES, VALUES, verbose=0)
    assert float(likelihood.stddev) != pytest.approx(0.5, abs=1e-6)


def with_features(auxiliary: svgp.features.Features) -> svgp.SVGPVAE:
    return svgp.SVGPVAE(
        network(3, 4), network(2, 3), kernel=kernels.SquaredExponential(2.0), likelihood="gaussian", num_data=8,
        inducing_points=RNG.normal(size=(4, 3)), auxiliary=auxiliary,
    )  # fmt: skip


def taken_by_muon(model: svgp.SVGPVAE) -> set[str]:
    return {weight.path for weight in model.trainable_weights if not model.optimizer._should_use_adamw(weight)}


def matrices(*networks: keras.Model) -> set[str]:
    return {weight.path for one in networks for weight in one.weights if len(weight.shape) == 2}


def test_muon_takes_the_matrices_of_networks_alone(tmp_path):
    model = with_features(svgp.features.GPLVM(RNG.normal(size=(4, 2))))
    model.compile(keras.optimizers.Muon(0.01, exclude_layers=["mine"]), run_eagerly=True)
    assert taken_by_muon(model) == matrices(model.encoder, model.decoder)
    assert model.optimizer.exclude_layers[0] == "mine"
    data = np.column_stack([np.arange(8.0) % 4, TIMES[0]]), VALUES[0]
    before = model.get_weights()
    points = model.prior.inducing_points.numpy()
    model.train_on_batch(*data)
    assert all(np.abs(one - two).max() > 1e-6 for one, two in zip(model.get_weights()[:4], before[:4], strict=True))
    assert np.abs(model.prior.inducing_points.numpy() - points).max() > 1e-4
    model.save(tmp_path / "model.keras")
    loaded = svgp.load_model(tmp_path / "model.keras")
    further = [one.train_on_batch(*data)[0] for one in (model, loaded)]
    assert further[0] == pytest.approx(further[1], rel=1e-5)


def test_muon_takes_the_matrices_of_a_representation_network():
    pooling = network(3, 1)
    model = with_features(svgp.features.PooledFeatures(pooling, svgp.features.NamedColumns(["time", "angle"])))
    model.compile("muon")
    assert taken_by_muon(model) == matrices(model.encoder, model.decoder, pooling)


@pytest.mark.parametrize("call", ["train_on_batch", "test_on_batch"])
def test_single_batches_are_checked_as_those_of_fit(call):
    model = sparse_model()
    model.condition(TIMES, VALUES)
    wrong = VALUES.copy()
    wrong[1, 2, 0] = np.nan
    with pytest.raises(svgp.DataError, match=r"^observations holds 1 value\(s\) that are NaN or infinite"):
        getattr(model, call)(TIMES, wrong)
    with pytest.raises(svgp.DataError, match=r"^a batch needs auxiliary data and observations"):
        getattr(model, call)(TIMES)
    model.predict_latent(TIMES)  # the posterior is still there

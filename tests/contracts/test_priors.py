"""What every prior promises: additive statistics, predictions that agree with each other, in and out of graphs."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.priors import LatentData, Prior
from tests.helpers import contract_parts
from tests.helpers.contract_checks import assert_same, moved, refused, serialized_copy, unknown_sizes
from tests.helpers.contract_parts import LATENTS, PRIORS

each_prior = pytest.mark.parametrize("name", PRIORS)
MADE = {name: case.make(contract_parts.kernel()) for name, case in PRIORS.items()}
DATA_SETS = [name for name, prior in MADE.items() if prior.num_data is not None]
WITH_A_KERNEL = [name for name, prior in MADE.items() if hasattr(prior, "kernel")]
SAME_DATA = [name for name, case in PRIORS.items() if case.predicts_data]
WHOLE_BATCH = {"exact, data set"}
"""`call` refuses a batch that is not the whole data set."""


@functools.cache
def make(name: str) -> Prior:
    """The prior of a case, none of its weights where it started; tests leave it as it is."""
    return moved(PRIORS[name].make(contract_parts.kernel()))


def points(data: LatentData, rows: slice) -> LatentData:
    """Some points of a data set, or of each series."""
    return LatentData(*(array[..., rows, :] for array in data))


def predictions(prior: Prior, statistics, name: str) -> list[tf.Tensor]:
    """Moments at the data's inputs."""
    posterior = prior.posterior(statistics)
    return [*posterior.predict(PRIORS[name].data.features), *posterior.predict_joint(PRIORS[name].data.features)]


def values(prior: Prior, data: LatentData, with_gradients: bool = True) -> list[tf.Tensor]:
    """The posterior of a batch, statistics, predictions, and gradients with respect to data and trainable weights."""
    with tf.GradientTape() as tape:
        tape.watch([data.mean, data.variance])
        q = prior(data)
        losses = tf.reduce_sum(q.kl), tf.reduce_sum(tf.sin(q.mean)) + tf.reduce_sum(tf.sqrt(q.variance + 1e-12))
        total = losses[0] + losses[1]
    statistics = prior.statistics(data)
    found = [*q, *statistics, *prior.posterior(statistics).predict(data.features)]
    if not with_gradients:  # those in graphs are compared for whole models
        return found
    variables = [data.mean, data.variance, *prior.trainable_weights]
    return [*found, *map(tf.convert_to_tensor, tape.gradient(total, variables, unconnected_gradients="zero"))]


@each_prior
def test_a_posterior_of_a_batch_has_the_shapes_and_types_of_the_data(name):
    data, prior = PRIORS[name].data, make(name)
    q = prior(data)
    assert q.mean.shape == q.variance.shape == data.mean.shape
    assert q.kl.shape in {(), data.mean.shape[:1]}
    assert {value.dtype for value in q} == {tf.float64}
    assert np.isfinite(q.kl).all() and np.all(q.variance >= 0)


@each_prior
def test_predictions_are_the_mean_and_the_diagonal_of_the_joint_ones(name):
    prior, data = make(name), PRIORS[name].data
    mean, variance, joint_mean, covariance = predictions(prior, prior.statistics(data), name)
    assert mean.shape == variance.shape == data.mean.shape
    np.testing.assert_allclose(mean, joint_mean, rtol=1e-9, atol=1e-12)
    diagonal = np.swapaxes(np.diagonal(covariance, axis1=-2, axis2=-1), -2, -1)
    np.testing.assert_allclose(variance, np.broadcast_to(diagonal, variance.shape), rtol=1e-7, atol=1e-9)
    assert np.linalg.eigvalsh(covariance).min() > -1e-8
    assert np.all(variance >= 0)


@pytest.mark.parametrize("name", DATA_SETS)
def test_statistics_of_chunks_merge_to_those_of_the_whole(name):
    prior, data = make(name), PRIORS[name].data
    parts = [prior.statistics(points(data, rows)) for rows in (slice(0, 5), slice(5, 6), slice(6, None))]
    merged = prior.merge(prior.merge(parts[0], parts[1]), parts[2])
    assert_same(prior.statistics(data), merged)
    assert_same(prior.statistics(data), prior.statistics(data, prior.factors()), 1e-12)
    whole, chunked = (predictions(prior, statistics, name) for statistics in (prior.statistics(data), merged))
    assert_same(whole, chunked, 1e-9)


@each_prior
def test_removing_undoes_merging(name):
    prior, data = make(name), PRIORS[name].data
    first, second = (prior.statistics(points(data, rows)) for rows in (slice(0, 4), slice(4, None)))
    both = prior.merge(first, second)
    assert_same(prior.statistics(data), both, 1e-12)
    assert_same(predictions(prior, first, name), predictions(prior, prior.remove(both, second), name), 1e-6)


@each_prior
def test_statistics_of_no_data_give_a_posterior_without_dependence_on_data(name):
    prior, data = make(name), PRIORS[name].data
    none = prior.statistics(points(data, slice(0, 0)))
    mean, variance, _, covariance = predictions(prior, none, name)
    assert np.isfinite(mean).all() and np.isfinite(covariance).all() and np.all(variance >= 0)
    assert_same(prior.statistics(data), prior.merge(prior.statistics(data), none), 1e-12)
    assert_same(predictions(prior, none, name), predictions(prior, prior.merge(none, none), name), 1e-12)
    if name not in {"variational"}:
        np.testing.assert_array_equal(mean, np.zeros_like(mean))
    if hasattr(prior, "kernel") and name not in {"variational", "low rank"}:
        expected = np.broadcast_to(prior.kernel.diagonal(data.features)[..., None], variance.shape)
        np.testing.assert_allclose(variance, expected, rtol=1e-5)


def generators(count: int, seed: int = 1) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, draw]) for draw in range(count)]


@each_prior
@pytest.mark.parametrize("way", ["functions", "draw_jointly", "draw_marginally"])
def test_draws_have_the_moments(name, way, monkeypatch):
    monkeypatch.setattr("svgp_vae_tf.kernels.functions.FREQUENCIES", 16)  # as right as with many, and faster
    count, prior, data = 400, make(name), PRIORS[name].data
    posterior = prior.posterior(prior.statistics(data))
    if way == "functions":
        functions = posterior.functions(generators(count))
        if functions is None:
            pytest.skip("it has none")
        draws = functions(data.features)
    else:
        draws = getattr(posterior, way)(data.features, generators(count))
    assert draws.shape == (count, *data.mean.shape) and draws.dtype == tf.float64
    mean, covariance = posterior.predict_joint(data.features)
    deviations = tf.linalg.matrix_transpose(draws - mean).numpy()  # (draws, ..., L, n)
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1)) + 1e-9
    assert np.max(np.abs(deviations.mean(0)) / scale) < 5.5 / np.sqrt(count)
    found = np.einsum("s...i,s...j->...ij", deviations, deviations) / count
    expected = covariance * np.eye(found.shape[-1]) if way == "draw_marginally" else covariance
    assert np.max(np.abs(found - expected) / (scale[..., None] * scale[..., None, :])) < 9.0 / np.sqrt(count)


@each_prior
def test_a_drawn_function_can_be_asked_again_elsewhere(name):
    prior, data = make(name), PRIORS[name].data
    posterior = prior.posterior(prior.statistics(data))
    functions = posterior.functions(generators(3))
    if functions is None or name.startswith(("standard normal", "group average")):  # latents are independent there
        pytest.skip("it has none")
    values = functions(data.features)
    assert_same(values[..., 1:3, :], functions(data.features[..., 1:3, :]), 1e-8)
    assert_same(values[:1], posterior.functions(generators(1))(data.features), 1e-8)


@pytest.mark.parametrize("name", SAME_DATA)
def test_the_posterior_of_all_data_equals_predicting_where_they_were_given(name):
    prior, data = make(name), PRIORS[name].data
    q = prior(data)
    mean, variance = prior.posterior(prior.statistics(data)).predict(data.features)
    np.testing.assert_allclose(q.mean, mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(q.variance, variance, rtol=1e-7, atol=1e-9)


@each_prior
def test_every_trainable_weight_has_a_gradient(name):
    prior, data = make(name), PRIORS[name].data
    found = values(prior, data)
    gradients = found[len(found) - len(prior.trainable_weights) :]
    for weight, gradient in zip(prior.trainable_weights, gradients, strict=True):
        assert np.isfinite(gradient).all()
        used = np.ones(weight.shape, bool)
        if weight.name == "variational_factor":  # above the diagonal nothing is read
            used = np.broadcast_to(np.tri(weight.shape[-1], dtype=bool), weight.shape)
            np.testing.assert_array_equal(gradient.numpy()[~used], 0.0)
        assert np.any(gradient.numpy()[used]), weight.path
    assert bool(gradients) == hasattr(prior, "kernel")


@each_prior
def test_a_copy_from_the_configuration_gives_the_same_values(name):
    prior, data = make(name), PRIORS[name].data
    copy = serialized_copy(prior)
    assert_same(values(prior, data), values(copy, data), 0.0)
    assert copy.num_data == prior.num_data


@each_prior
def test_graphs_of_unknown_batch_size_give_the_eager_values(name):
    prior, data = make(name), PRIORS[name].data
    signature = LatentData(*(unknown_sizes(array, len(array.shape) - 1) for array in data))
    compiled = tf.function(lambda given: values(prior, given, False), input_signature=[signature], autograph=False)
    smaller = LatentData(*(array[:4] for array in data))
    for given in (data,) if name in WHOLE_BATCH else (data, smaller):
        assert_same(values(prior, given, False), compiled(given), 1e-9)


@each_prior
def test_what_does_not_fit_is_refused_in_one_line(name):
    prior = make(name)
    width = PRIORS[name].data.features.shape[-1]
    prior.validate_features((None, None, width))
    prior.validate_features((None, None, None))
    prior.validate_training((None, None, width))
    prior.validate_latents(LATENTS)
    if prior.num_features is not None:
        assert prior.num_features == width
        assert str(width + 1) in refused(lambda: prior.validate_features((None, None, width + 1)))
    if name in {"titsias, data set", "exact, data set"}:
        assert "split over replicas" in refused(prior.validate_replicas)
    else:
        prior.validate_replicas()


@pytest.mark.parametrize("name", WITH_A_KERNEL)
def test_kernels_and_features_that_do_not_fit_are_refused_in_one_line(name):
    def with_kernel(**kwargs) -> Prior:
        return PRIORS[name].make(contract_parts.KERNELS["squared_exponential"](**kwargs))

    assert refused(lambda: with_kernel(num_latents=LATENTS + 1).validate_latents(LATENTS))
    width = PRIORS[name].data.features.shape[-1]
    assert "column" in refused(lambda: with_kernel(columns=[width]).validate_features((None, width)))

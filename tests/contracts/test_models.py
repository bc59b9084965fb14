"""What every model promises: one step in graphs and out of them, gradients for all weights, any precision."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf.models import prediction
from tests.helpers.contract_checks import assert_same, refused, unknown_sizes, without_names
from tests.helpers.contract_models import GROUPS, MODELS, ready

each_model = pytest.mark.parametrize("name", MODELS)
# the size of the context is random, and XLA solves no systems of a size that it does not know
NOT_IN_XLA = {"neural process": "Dynamic input unexpectedly found"}
ALIKE = {
    "sparse, data set", "titsias, series", "titsias, data set", "exact, data set", "vae, data set", "any prior",
    "original svigp",
}  # fmt: skip
"""Models whose operations are those of another one: what takes seconds is checked for them by the slow tests."""
once_for_alike = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in ALIKE else ()) for name in MODELS]
)
WHOLE_BATCH = {"exact, data set"}
"""Models that need all data in one batch."""


def data_of(name: str) -> tuple[Any, tf.Tensor]:
    return tf.nest.map_structure(tf.constant, MODELS[name].observed())


@functools.cache
def moved_model(name: str) -> svgp.LatentModel:
    """A model that is not at a stationary start; tests leave it as it is."""
    model = ready(name)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight.numpy() + 0.1 * rng.normal(size=weight.shape))
    return model


def terms_and_gradients(model: svgp.LatentModel, aux: Any, observations: tf.Tensor) -> list[tf.Tensor]:
    """Terms of the ELBO in training, and its gradients with respect to all that is trained."""
    with tf.GradientTape() as tape:
        terms = model.elbo_terms(aux, observations, training=True)
        loss = tf.reduce_sum(terms.kl - terms.log_likelihood)
    gradients = tape.gradient(loss, model.trainable_weights)
    assert not any(gradient is None for gradient in gradients)
    return [*terms, *map(tf.convert_to_tensor, gradients)]


@functools.cache
def expected(name: str, count: int | None = None) -> list[tf.Tensor]:
    """What `terms_and_gradients` gives for the first data of a model outside of graphs."""
    model = moved_model(name)
    batch = tf.nest.map_structure(lambda array: array[:count], data_of(name))
    return seeded(model, lambda *data: terms_and_gradients(model, *data), *batch)


def seeded(model: svgp.LatentModel, call: Callable[..., Any], *batch: Any) -> Any:
    """The call with the same random numbers each time."""
    state = model.sampler.generator.state
    state.assign(np.array([0, 0], state.dtype))
    return call(*batch)


@each_model
def test_every_trainable_weight_has_a_gradient(name):
    model = moved_model(name)
    log_likelihood, kl, mse, _, *gradients = expected(name)
    assert log_likelihood.shape == kl.shape == mse.shape == (len(MODELS[name].observed()[1]),)
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        assert np.isfinite(gradient).all() and np.any(gradient), weight.path
        if weight.name == "variational_factor":  # entries above the diagonal are not used
            used = np.broadcast_to(np.tri(weight.shape[-1], dtype=bool), weight.shape)
            assert np.all(gradient.numpy()[used]) and not np.any(gradient.numpy()[~used])


@functools.cache
def graph(name: str) -> Any:
    """`terms_and_gradients` as a graph for a batch of any size."""
    signature = tf.nest.map_structure(lambda array: unknown_sizes(array, 1), data_of(name))
    model = moved_model(name)
    traced = tf.function(lambda *batch: terms_and_gradients(model, *batch), input_signature=signature, autograph=False)
    return traced.get_concrete_function()


@each_model
def test_graphs_of_unknown_batch_size_give_the_eager_terms_and_gradients(name):
    for count in (None,) if name in WHOLE_BATCH else (None, GROUPS):
        batch = tf.nest.map_structure(lambda array, count=count: array[:count], data_of(name))
        assert_same(expected(name, count), seeded(moved_model(name), graph(name), *batch), 2e-6)


@once_for_alike
def test_xla_gives_the_eager_terms_and_gradients(name):
    compiled = tf.function(lambda *batch: graph(name)(*batch), jit_compile=True, autograph=False)
    if name in NOT_IN_XLA:
        with pytest.raises(tf.errors.InternalError, match=NOT_IN_XLA[name]):
            compiled(*data_of(name))
        return
    assert_same(expected(name), seeded(moved_model(name), compiled, *data_of(name)), 2e-6)


@each_model
def test_a_copy_from_the_configuration_gives_the_same_terms(name):
    model, data = ready(name), data_of(name)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(model))
    assert type(copy) is type(model)
    assert without_names(copy.get_config()) == without_names(model.get_config())
    copy.ensure_built(data[1].shape)
    copy.set_weights(model.get_weights())
    copy.sample_latents = model.sample_latents
    assert_same(model.elbo_terms(*data), copy.elbo_terms(*data), 0.0)


@pytest.fixture
def policy(request) -> Iterator[str]:
    """Keras' types for networks, restored afterwards."""
    before, floats = keras.config.dtype_policy(), keras.config.floatx()
    if request.param == "float64":
        keras.config.set_floatx("float64")
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx(floats)
    keras.config.set_dtype_policy(before)


@once_for_alike
@pytest.mark.parametrize("policy", ["float64", "mixed_float16"], indirect=True)
def test_models_train_and_answer_in_the_types_of_the_policy(name, policy):
    model, (aux, observations) = ready(name), MODELS[name].observed()
    networks = {"float64": "float64", "mixed_float16": "float32"}[policy]
    model.compile("sgd", run_eagerly=True)
    logs = model.train_on_batch(aux, observations, return_dict=True)
    assert all(np.isfinite(value) for value in logs.values())
    for network in (model.encoder, model.decoder):
        assert network is None or {weight.dtype for weight in network.weights} == {networks}
    assert {weight.dtype for weight in model.prior.weights} <= {"float64"}
    assert {weight.dtype for weight in (*model.auxiliary.weights, *model.objective.weights)} <= {networks, "float64"}
    terms = model.elbo_terms(*data_of(name))
    assert {term.dtype for term in terms[:3]} == {tf.as_dtype(networks)}
    model.condition(aux, observations)
    assert {array.dtype for array in model.conditioning.statistics} == {tf.float64}
    double = tf.nest.map_structure(lambda array: tf.constant(array, tf.float64), aux)
    decoded = prediction.decode_mean(model, model.predict_latent(double).mean, model.features(double))
    assert decoded.dtype == tf.as_dtype(networks)
    assert_same(model(double), decoded, 0.0)  # nothing is rounded on the way to the prior


@each_model
def test_before_conditioning_predictions_are_refused_in_one_line(name):
    aux, _ = MODELS[name].observed()
    assert "call condition" in refused(lambda: MODELS[name].make().predict_latent(aux), svgp.NotConditionedError)

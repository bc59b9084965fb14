"""A representation network sees every observation once per call, however the data reach the model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf import features
from svgp_vae_tf.features import pooled
from tests.helpers import contract_models
from tests.helpers.contract_models import PIXELS, N

WIDTH = 2


@keras.saving.register_keras_serializable(package="contracts")
class CountRows(keras.layers.Layer):
    """Passes observations on, and counts how often it saw each; their first value is their number."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.counts = tf.Variable(np.zeros(N, np.float32), trainable=False)  # no weight: the network stays what it is

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        rows = tf.cast(tf.round(inputs[:, 0]), tf.int32)
        self.counts.assign_add(tf.math.unsorted_segment_sum(tf.ones_like(inputs[:, 0]), rows, N))
        return inputs[:, 1:]


def counting_model() -> tuple[svgp.SVGPVAE, CountRows]:
    counter = CountRows()
    network = keras.Sequential([keras.layers.Input((1 + PIXELS,)), counter, keras.layers.Dense(WIDTH, "tanh")])
    auxiliary = features.PooledFeatures(network, features.NamedColumns(["time"]))
    points = np.random.default_rng(1).normal(size=(4, 1 + WIDTH))
    model = contract_models.sparse(num_data=N, auxiliary=auxiliary, inducing_points=points)
    model.compile("sgd")
    counter.counts.assign(np.zeros(N))  # what building the network counted
    return model, counter


def numbered() -> tuple[dict[str, np.ndarray], np.ndarray]:
    aux, observations = contract_models.pooled()
    return {**aux, "image": np.column_stack([np.arange(N), aux["image"]]).astype(np.float32)}, observations


CALLS = {
    "condition": lambda model, aux, y: model.condition(aux, y, batch_size=5),
    "update": lambda model, aux, y: model.update(aux, y, batch_size=5),
    "forget": lambda model, aux, y: model.forget(aux, y, batch_size=5),
    "predict": lambda model, aux, y: model.predict(aux, batch_size=5, verbose=0),
    "predict_latent": lambda model, aux, y: model.predict_latent(aux, batch_size=5),
    "sample": lambda model, aux, y: model.sample(aux, num_samples=3),
    "sample_latent": lambda model, aux, y: model.sample_latent(aux, num_samples=3),
    "reconstruct": lambda model, aux, y: model.reconstruct(aux, y, batch_size=5),
    "posterior_latents": lambda model, aux, y: model.posterior_latents(aux, y, batch_size=5),
}


@pytest.fixture(scope="module")
def counting() -> tuple[svgp.SVGPVAE, CountRows]:
    model, counter = counting_model()
    model.condition(*numbered())
    return model, counter


@pytest.mark.parametrize("call", CALLS)
def test_every_observation_of_arrays_passes_the_network_once(call, counting, monkeypatch):
    monkeypatch.setattr(pooled, "CHUNK", 7)
    model, counter = counting
    aux, observations = numbered()
    for _ in range(2):  # a second call computes them again, as the network may have changed
        counter.counts.assign(np.zeros(N))
        CALLS[call](model, aux, observations)
        np.testing.assert_array_equal(counter.counts.numpy(), np.ones(N))


@pytest.mark.parametrize("call", ["condition", "evaluate"])
def test_every_observation_of_whole_groups_passes_the_network_once(call, counting):
    model, counter = counting
    batches = features.whole_groups(*numbered(), 2)
    counter.counts.assign(np.zeros(N))
    model.condition(batches) if call == "condition" else model.evaluate(batches, verbose=0)
    np.testing.assert_array_equal(counter.counts.numpy(), np.ones(N))


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_every_observation_passes_the_network_once_in_an_epoch_of_training(run_eagerly):
    model, counter = counting_model()
    model.compile("sgd", run_eagerly=run_eagerly)
    batches = features.whole_groups(*numbered(), 2, seed=0)
    for epochs in (1, 2):
        counter.counts.assign(np.zeros(N))
        model.fit(batches, epochs=epochs, verbose=0)
        np.testing.assert_array_equal(counter.counts.numpy(), np.full(N, epochs))

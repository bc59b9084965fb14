"""What every optimizer and learning rate promises."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.contract_checks import serialized_copy, without_names
from tests.helpers.contract_parts import OPTIMIZERS

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def model(name: str, dtype: str = "float32", **kwargs) -> keras.Model:
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(4, "tanh", dtype=dtype), keras.layers.Dense(2, dtype=dtype)]
    made = keras.Sequential([keras.layers.Input((3,)), *layers])
    made.compile(OPTIMIZERS[name](), loss="mse", **kwargs)
    return made


def step(trained: keras.Model, count: int = 1) -> list[np.ndarray]:
    """Weights of model and optimizer after some steps."""
    for _ in range(count):
        trained.train_on_batch(X, X[:, :2])
    return [np.asarray(weight) for weight in (*trained.weights, *trained.optimizer.variables)]


@each_optimizer
def test_steps_go_down_and_change_every_weight(name):
    trained = model(name)
    before, loss = trained.get_weights(), trained.evaluate(X, X[:, :2], verbose=0)
    step(trained, 5)
    assert all(np.any(a != b) for a, b in zip(before, trained.get_weights(), strict=True))
    assert trained.evaluate(X, X[:, :2], verbose=0) < loss


@each_optimizer
def test_training_goes_on_after_saving_as_if_nothing_had_happened(name, tmp_path):
    trained = model(name)
    step(trained, 3)  # between two updates of the eigenvectors
    trained.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert without_names(loaded.optimizer.get_config()) == without_names(trained.optimizer.get_config())
    for one, two in zip(step(trained), step(loaded), strict=True):
        np.testing.assert_allclose(one, two, rtol=0.0, atol=1e-12)


@each_optimizer
def test_a_copy_from_the_configuration_takes_the_same_steps(name):
    optimizer = OPTIMIZERS[name]()
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert without_names(copy.get_config()) == without_names(optimizer.get_config())
    variables = [keras.Variable(np.ones((3, 2))) for _ in range(2)]
    for one, variable in zip((optimizer, copy), variables, strict=True):
        one.build([variable])
        for number in range(5):
            one.apply_gradients([(tf.constant(np.cos(number + np.arange(6.0).reshape(3, 2)), tf.float32), variable)])
    np.testing.assert_array_equal(variables[0].numpy(), variables[1].numpy())
    assert np.any(variables[0].numpy() != 1.0)


@each_optimizer
def test_eager_steps_equal_those_of_a_graph(name):
    weights = step(model(name, "float64"), 4), step(model(name, "float64", run_eagerly=True), 4)
    for one, two in zip(*weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-7, atol=1e-9)


def test_a_learning_rate_from_the_configuration_has_the_same_values():
    rate = OPTIMIZERS["piecewise_constant"]()._learning_rate
    copy = serialized_copy(rate)
    steps = [float(rate(number)) for number in range(6)]
    assert steps == [float(copy(number)) for number in range(6)] == pytest.approx([0.1] * 3 + [0.03] * 2 + [0.01])
    compiled = tf.function(rate, jit_compile=True, input_signature=[tf.TensorSpec([], tf.int64)])
    assert steps == [float(compiled(tf.constant(number, tf.int64))) for number in range(6)]

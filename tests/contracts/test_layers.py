"""What every layer for encoders and decoders promises."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.contract_checks import assert_same, moved, serialized_copy, unknown_sizes
from tests.helpers.contract_parts import LAYERS

each_layer = pytest.mark.parametrize("name", LAYERS)


def inputs_for(name: str) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).normal(size=(3, *LAYERS[name][1])), tf.float32)


def built(name: str) -> keras.layers.Layer:
    layer = LAYERS[name][0]()
    layer(inputs_for(name))
    return layer


def values(layer, inputs: tf.Tensor) -> list[tf.Tensor]:
    """Outputs, and gradients with respect to inputs and weights."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)
        total = tf.reduce_sum(tf.square(outputs))
    return [outputs, *map(tf.convert_to_tensor, tape.gradient(total, [inputs, *layer.trainable_weights]))]


@each_layer
def test_every_weight_has_a_gradient(name):
    layer = built(name)
    _, *gradients = values(layer, inputs_for(name))
    assert len(gradients) == 1 + len(layer.weights) > 1
    assert all(np.isfinite(gradient).all() and np.any(gradient) for gradient in gradients)


@each_layer
def test_outputs_have_the_shape_that_is_foretold(name):
    layer, inputs = built(name), inputs_for(name)
    assert layer(inputs).shape == tuple(layer.compute_output_shape(inputs.shape))
    symbolic = layer(keras.layers.Input(LAYERS[name][1]))
    assert symbolic.shape == (None, *layer(inputs).shape[1:])


@each_layer
def test_a_copy_from_the_configuration_gives_the_same_outputs(name):
    layer, inputs = moved(built(name)), inputs_for(name)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    copy(inputs)
    copy.set_weights(layer.get_weights())
    assert_same(layer(inputs), copy(inputs), 0.0)
    fresh = LAYERS[name][0]()
    assert type(serialized_copy(fresh)) is type(layer)


@each_layer
@pytest.mark.parametrize("jit_compile", [False, True])
def test_graphs_of_unknown_batch_size_give_the_eager_values_and_gradients(name, jit_compile):
    layer, inputs = built(name), inputs_for(name)
    compiled = tf.function(
        lambda x: values(layer, x), input_signature=[unknown_sizes(inputs, 1)], jit_compile=jit_compile
    )
    for rows in (3,) if jit_compile else (3, 1):  # XLA compiles for each size
        assert_same(values(layer, inputs[:rows]), compiled(inputs[:rows]), 1e-5)


@each_layer
@pytest.mark.parametrize("policy", ["float64", "mixed_float16"])
def test_outputs_have_the_compute_type_of_the_policy(name, policy):
    layer = LAYERS[name][0]()
    other = type(layer).from_config({**layer.get_config(), "dtype": policy})
    outputs = other(tf.cast(inputs_for(name), other.compute_dtype))
    assert outputs.dtype == {"float64": "float64", "mixed_float16": "float16"}[policy]
    assert {weight.dtype for weight in other.weights} == {other.variable_dtype}
    reference = built(name)
    reference.set_weights(other.get_weights())
    expected = reference(inputs_for(name)).numpy()
    np.testing.assert_allclose(outputs.numpy(), expected, atol=2e-2 if policy == "mixed_float16" else 1e-5)

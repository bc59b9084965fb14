"""SOAP against a loop in NumPy and with Keras' saving, dtypes and accumulation; piecewise constant rates."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.optimizers import DAMPING, SOAP, PiecewiseConstant

SHAPES = ((2, 2, 4), (5, 5), (3, 9), (5, 2), (3, 3, 3), (4,))
MAX_SIZE = 5
RATE, BETA_1, BETA_2, EPSILON = 0.03125, 0.75, 0.9375, 1e-8


def gradients_at(step: int) -> list[np.ndarray]:
    """Gradients of unequal sizes and directions."""
    rng = np.random.default_rng(step)
    mixed = [rng.normal(size=shape) for shape in SHAPES]
    return [10.0 ** -(i + 1) * g * np.arange(1.0, g.shape[-1] + 1) for i, g in enumerate(mixed)]


def numpy_soap(weight: np.ndarray, gradients: list[np.ndarray], refresh_every: int) -> np.ndarray:
    """The algorithm of the docstring for one weight, one step after another."""
    columns = weight.shape[-1]
    matrices = [g.reshape(-1, columns) for g in gradients]
    rows = matrices[0].shape[0]
    q = [np.eye(rows), np.eye(columns)]
    moments = [np.zeros((rows, rows)), np.zeros((columns, columns))]
    m = v = np.zeros((rows, columns))
    weight = weight.reshape(-1, columns).copy()
    vector = gradients[0].ndim == 1
    for t, g in enumerate(matrices, start=1):
        m = BETA_1 * m + (1 - BETA_1) * g
        v = BETA_2 * v + (1 - BETA_2) * (q[0].T @ g @ q[1]) ** 2
        rate = RATE * np.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        weight -= rate * q[0] @ ((q[0].T @ m @ q[1]) / (np.sqrt(v) + EPSILON)) @ q[1].T
        for side, outer in enumerate((g @ g.T, g.T @ g)):
            moments[side] = BETA_2 * moments[side] + (1 - BETA_2) * outer
            if 1 < len(outer) <= MAX_SIZE and not vector and (t - 1) % refresh_every == 0:
                damped = moments[side] + DAMPING * np.trace(moments[side]) / len(outer) * np.eye(len(outer))
                q[side] = np.linalg.qr(damped @ q[side])[0]
    return weight


def test_soap_equals_a_loop_in_numpy() -> None:
    starts = [np.random.default_rng(7).normal(size=shape) for shape in SHAPES]
    variables = [keras.Variable(start, dtype="float64") for start in starts]
    optimizer = SOAP(RATE, BETA_1, BETA_2, EPSILON, refresh_every=3, max_size=MAX_SIZE)
    optimizer.build(variables)
    step = tf.function(lambda gradients: optimizer.apply_gradients(zip(gradients, variables, strict=True)))
    for t in range(8):
        step([tf.constant(g) for g in gradients_at(t)])
    for i, (start, variable) in enumerate(zip(starts, variables, strict=True)):
        expected = numpy_soap(start, [gradients_at(t)[i] for t in range(8)], refresh_every=3)
        np.testing.assert_allclose(variable.numpy().reshape(expected.shape), expected, rtol=1e-9, err_msg=str(i))


def test_without_rotation_soap_is_adam() -> None:
    starts = [np.random.default_rng(7).normal(size=shape) for shape in SHAPES]
    ends = []
    for optimizer in (SOAP(RATE, max_size=1), keras.optimizers.Adam(RATE, beta_2=0.99, epsilon=1e-8)):
        variables = [keras.Variable(start, dtype="float64") for start in starts]
        for t in range(5):
            optimizer.apply_gradients(zip([tf.constant(g) for g in gradients_at(t)], variables, strict=True))
        ends.append([variable.numpy() for variable in variables])
    for soap, adam in zip(*ends, strict=True):
        np.testing.assert_array_equal(soap, adam)


def test_soap_needs_fewer_steps_where_curvature_is_not_along_the_axes() -> None:
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    inputs = rng.normal(size=(200, 20)) * np.geomspace(1.0, 1e-2, 20) @ rotation
    targets = inputs @ rng.normal(size=(20, 3))

    def loss(optimizer: keras.optimizers.Optimizer) -> float:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Input((20,)), keras.layers.Dense(3)])
        model.compile(optimizer, loss="mse")
        model.fit(tf.data.Dataset.from_tensors((inputs, targets)).repeat(100), shuffle=False, verbose=0)
        return model.evaluate(inputs, targets, batch_size=200, verbose=0)

    assert loss(SOAP(0.05)) < 0.7 * loss(keras.optimizers.Adam(0.05, beta_2=0.99))


def test_a_model_saved_with_soap_goes_on_as_if_never_stopped(tmp_path) -> None:
    inputs, targets = np.random.default_rng(0).normal(size=(2, 8, 4))
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(4)])
    model.compile(SOAP(1e-2, refresh_every=2), loss="mse")
    for _ in range(3):
        model.train_on_batch(inputs, targets)
    model.save(tmp_path / "model.keras")
    same = keras.saving.load_model(tmp_path / "model.keras")
    assert same.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, same):
        for _ in range(3):
            each.train_on_batch(inputs, targets)
    np.testing.assert_array_equal(model.layers[0].kernel, same.layers[0].kernel)


def test_soap_with_gradients_that_are_zero_or_minute_stays_finite() -> None:
    for size in (0.0, 1e-18):
        weight = keras.Variable(np.ones((3, 2)), dtype="float32")
        optimizer = SOAP(1e-2)
        for _ in range(3):
            optimizer.apply_gradients([(tf.fill((3, 2), tf.constant(size, tf.float32)), weight)])
        assert np.all(np.isfinite(weight.numpy()))


def test_a_basis_stays_where_gradients_are_too_small_to_turn_it() -> None:
    weight = keras.Variable(np.ones((3, 2)), dtype="float32")
    optimizer = SOAP(1e-2, beta_2=0.5, refresh_every=1)
    optimizer.apply_gradients([(tf.random.stateless_normal((3, 2), (1, 2)), weight)])
    turned = optimizer._sides[0][0][1].numpy()
    assert not np.allclose(turned, np.eye(3))
    optimizer._sides[0][0][0].assign(np.zeros((3, 3)))
    optimizer.apply_gradients([(tf.zeros((3, 2)), weight)])
    np.testing.assert_array_equal(optimizer._sides[0][0][1], turned)


@pytest.mark.parametrize("shape", [None, (None, 4)])
def test_gradients_may_have_no_known_shape(shape: tuple | None) -> None:
    weight = keras.Variable(np.ones((3, 4)), dtype="float32")
    optimizer = SOAP(1e-2)
    optimizer.build([weight])
    signature = [tf.TensorSpec(shape, tf.float32)]
    step = tf.function(lambda g: optimizer.apply_gradients([(g, weight)]), input_signature=signature)
    step(tf.ones((3, 4)))
    assert np.all(weight.numpy() < 1.0)


@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16"])
def test_soap_trains_in_half_precision(policy: str) -> None:
    inputs, targets = np.random.default_rng(0).normal(size=(2, 16, 4))
    layers = [keras.layers.Input((4,)), keras.layers.Dense(5, dtype=policy), keras.layers.Dense(4, dtype=policy)]
    model = keras.Sequential(layers)
    model.compile(SOAP(3e-2), loss="mse")
    losses = model.fit(inputs, targets, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]


def test_soap_takes_the_sparse_gradients_of_embeddings_and_accumulates() -> None:
    ids, targets = np.arange(6)[:, None] % 3, np.random.default_rng(0).normal(size=(6, 1, 2))
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Embedding(3, 2)])
    model.compile(SOAP(3e-2, gradient_accumulation_steps=2), loss="mse")
    losses = model.fit(ids, targets, batch_size=3, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"refresh_every": 0}, "must be .*at least 1"),
        ({"refresh_every": 2.5}, "must be .*at least 1"),
        ({"max_size": 0}, "must be .*at least 1"),
        ({"amsgrad": True}, "no amsgrad"),
    ],
)
def test_settings_of_soap_that_cannot_work_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SOAP(**settings)


def test_rates_in_steps_are_those_of_keras():
    boundaries, values = [3, 4, 4, 10], [1.0, 0.3, 0.2, 0.1, 0.03]
    ours = PiecewiseConstant(boundaries, values)
    theirs = keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)
    in_graph = tf.function(ours)
    for step in range(13):
        assert float(ours(step)) == float(in_graph(tf.constant(step))) == float(theirs(step))


def test_rates_in_steps_can_be_saved():
    ours = PiecewiseConstant([3], [1.0, 0.5])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(ours))
    assert again.get_config() == ours.get_config()


@pytest.mark.parametrize(
    ("boundaries", "values", "message"),
    [([1, 2], [1.0], "2 boundaries need 3 values, got 1"), ([2, 1], [1.0, 2.0, 3.0], "boundaries must ascend")],
)
def test_rates_in_steps_refuse_what_has_no_meaning(boundaries, values, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseConstant(boundaries, values)

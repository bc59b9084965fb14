"""What all features promise."""

import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf.features import Features
from tests.helpers import contract_models
from tests.helpers.contract_checks import assert_same, moved, refused, serialized_copy, unknown_sizes
from tests.helpers.contract_parts import FEATURES, N

each_case = pytest.mark.parametrize("name", FEATURES)
REFUSED = [(name, number) for name, case in FEATURES.items() for number in range(len(case.refused))]


def values(features: Features, aux) -> list[tf.Tensor]:
    """Features, and the gradients of their squares with respect to all trainable weights."""
    with tf.GradientTape() as tape:
        found = features.call(aux, batch_rank=1, training=True)
        total = tf.reduce_sum(tf.square(found))
    return [found, *map(tf.convert_to_tensor, tape.gradient(total, features.trainable_weights))]


@each_case
def test_features_are_double_and_have_the_width_of_the_case(name):
    case = FEATURES[name]
    found = case.make().call(case.aux, batch_rank=1)
    assert found.shape == (N, case.width) and found.dtype == tf.float64
    assert np.isfinite(found).all()


@each_case
def test_prepared_data_give_the_same_features_also_in_chunks(name):
    case = FEATURES[name]
    features = case.make()
    prepared = features.prepare(case.aux)
    features.validate(prepared, batch_rank=1)
    whole = features.call(case.aux, batch_rank=1)
    assert_same(whole, features.call(prepared, batch_rank=1), 1e-6)
    chunks = [tf.nest.map_structure(lambda a, rows=rows: a[rows], prepared) for rows in (slice(0, 5), slice(5, N))]
    assert_same(whole, tf.concat([features.call(chunk, batch_rank=1) for chunk in chunks], axis=0), 1e-6)


@pytest.mark.parametrize(("name", "number"), REFUSED)
def test_validation_refuses_what_computing_refuses_with_the_same_line(name, number):
    case = FEATURES[name]
    features, aux = case.make(), case.refused[number]
    line = refused(lambda: features.validate(aux, batch_rank=1), svgp.DataError)
    assert line == refused(lambda: features.call(aux, batch_rank=1), svgp.DataError)


@each_case
def test_tensors_and_arrays_give_the_same_features_and_pass_validation(name):
    case = FEATURES[name]
    features = case.make()
    features.validate(case.aux, batch_rank=1)
    tensors = tf.nest.map_structure(tf.constant, case.aux)
    assert_same(features.call(case.aux, batch_rank=1), features.call(tensors, batch_rank=1), 0.0)
    single = tf.nest.map_structure(lambda array: array.astype(np.float32), case.aux)
    assert_same(features.call(case.aux, batch_rank=1), features.call(single, batch_rank=1), 1e-6)


@each_case
def test_every_trainable_weight_has_a_gradient(name):
    features = FEATURES[name].make()
    _, *gradients = values(features, FEATURES[name].aux)
    assert len(gradients) == len(features.trainable_weights)
    assert all(np.isfinite(gradient).all() and np.any(gradient) for gradient in gradients)


@each_case
def test_a_copy_from_the_configuration_gives_the_same_features(name):
    case = FEATURES[name]
    features = moved(case.make())
    copy = serialized_copy(features)
    assert_same(values(features, case.aux), values(copy, case.aux), 0.0)
    assert (copy.names, copy.ids, copy.allow_near_duplicates) == (
        features.names, features.ids, features.allow_near_duplicates,
    )  # fmt: skip


@each_case
def test_graphs_of_unknown_batch_size_give_the_eager_values_and_gradients(name):
    case = FEATURES[name]
    features = case.make()
    signature = [tf.nest.map_structure(lambda array: unknown_sizes(array, 1), case.aux)]
    compiled = tf.function(lambda aux: values(features, aux), input_signature=signature, autograph=False)
    for rows in (N, 4):
        part = tf.nest.map_structure(lambda array, rows=rows: tf.constant(array[:rows]), case.aux)
        assert_same(values(features, part), compiled(part), 1e-5)  # a float32 network


# Through a model.


class Frame:
    """What the package asks of a DataFrame: `columns`, columns by name, and `to_numpy`."""

    def __init__(self, columns: dict[str, np.ndarray]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> "Frame":
        return Frame({name: self._columns[name]})

    def to_numpy(self) -> np.ndarray:
        arrays = list(self._columns.values())
        return arrays[0] if len(arrays) == 1 else np.column_stack(arrays)


@each_case
def test_a_model_takes_arrays_tensors_and_frames(name):
    case = FEATURES[name]
    points = np.random.default_rng(0).normal(size=(4, case.width))
    model = contract_models.sparse(num_data=N, auxiliary=case.make(), inducing_points=points)
    _, observations = contract_models.data_set()
    named = case.aux if isinstance(case.aux, dict) else {"one": case.aux[:, 0], "two": case.aux[:, 1]}
    extra = {"unused": np.zeros(N)} if isinstance(case.aux, dict) else {}
    containers = [case.aux, tf.nest.map_structure(tf.constant, case.aux), Frame({**named, **extra})]
    answers = []
    for container in containers:
        model.condition(container, observations)
        answers.append(model.predict_latent(container))
    assert_same(answers[0], answers[1], 0.0)
    assert_same(answers[0], answers[2], 0.0)
    assert np.ptp(answers[0].mean) > 0

"""Auxiliary data become features: arrays, named columns, configuration and errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf import auxiliary
from svgp_vae_tf.auxiliary import Features, NamedColumns
from svgp_vae_tf.errors import DataError

TIME = np.arange(6, dtype=np.int32).reshape(2, 3)
PLACE = np.arange(12, dtype=np.float32).reshape(2, 3, 2) / 10.0


def test_an_array_of_features_is_taken_as_it_is():
    features = Features()(PLACE, batch_rank=2)
    assert features.dtype == "float64"
    np.testing.assert_allclose(features, PLACE)


def test_a_single_feature_needs_no_axis():
    np.testing.assert_allclose(Features()(TIME, batch_rank=2), TIME[..., np.newaxis])
    np.testing.assert_allclose(Features()(TIME[0], batch_rank=1), TIME[0][:, np.newaxis])


@pytest.mark.parametrize("names", [["time", "place"], ["place", "time"], ["place"]])
def test_named_columns_are_joined_in_the_order_of_the_names(names):
    features = NamedColumns(names)({"place": PLACE, "other": TIME, "time": TIME}, batch_rank=2)
    arrays = {"time": TIME[..., np.newaxis], "place": PLACE}
    np.testing.assert_allclose(features, np.concatenate([arrays[name] for name in names], axis=-1))


@pytest.mark.parametrize("layer", [Features(), NamedColumns(["time", "place"])])
def test_configuration_survives_a_round_trip(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("layer", "data", "message"),
    [
        (Features(), {"time": TIME}, r"are named \(time\); give the model auxiliary=NamedColumns"),
        (NamedColumns(["time"]), TIME, "must be a dict with time, got ndarray"),
        (NamedColumns(["time", "place"]), {"time": TIME}, "lack place; they hold time"),
        (NamedColumns(["time"]), {}, "lack time; they hold nothing"),
    ],
)
def test_data_of_the_wrong_kind_are_named_in_one_line(layer, data, message):
    with pytest.raises(DataError, match=message) as error:
        layer.call(data, 2)
    assert "\n" not in str(error.value)


def test_ids_become_rows_of_a_trainable_table():
    vectors = np.arange(6.0).reshape(3, 2)
    table = auxiliary.GPLVM(vectors)
    aux = np.array([[2, 0.5], [0, 1.5], [2, 2.5]])
    np.testing.assert_allclose(table.call(aux, 1), [[0.5, 4, 5], [1.5, 0, 1], [2.5, 4, 5]])
    named = auxiliary.GPLVM(vectors, id_column=1, names=["angle", "object"])
    np.testing.assert_allclose(named.call({"object": aux[:, 0], "angle": aux[:, 1]}, 1), table.call(aux, 1))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(table.call(aux, 1)[:, 1:])
    gradient = tf.convert_to_tensor(tape.gradient(total, table.vectors.value))
    np.testing.assert_allclose(gradient, [[1, 1], [0, 0], [2, 2]])


@pytest.mark.parametrize("bad", [3.0, -1.0, 0.5])
def test_an_id_outside_the_table_is_an_error_in_one_line(bad):
    table = auxiliary.GPLVM(np.zeros((3, 2)))
    with pytest.raises(DataError, match="no whole number from 0 to 2"):
        table.call(np.array([[bad, 1.0]]), 1)


def test_a_missing_id_column_and_bad_vectors_are_errors():
    with pytest.raises(DataError, match="ids are expected in column 2"):
        auxiliary.GPLVM(np.zeros((3, 2)), id_column=2).call(np.zeros((4, 2)), 1)
    for vectors in (np.zeros(3), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match="vectors"):
            auxiliary.GPLVM(vectors)


def test_a_table_survives_a_round_trip_of_its_configuration():
    table = auxiliary.GPLVM(np.ones((3, 2)), 1, ["a", "b"], train_vectors=False)
    copy = auxiliary.GPLVM.from_config(table.get_config())
    assert copy.get_config() == table.get_config()
    assert not copy.trainable_weights

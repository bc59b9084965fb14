"""Learned vectors for ids."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features import GPLVM


def test_ids_become_rows_of_a_trainable_table():
    vectors = np.arange(6.0).reshape(3, 2)
    table = GPLVM(vectors)
    aux = np.array([[2, 0.5], [0, 1.5], [2, 2.5]])
    np.testing.assert_allclose(table.call(aux, 1), [[0.5, 4, 5], [1.5, 0, 1], [2.5, 4, 5]])
    named = GPLVM(vectors, id_column=1, names=["angle", "object"])
    np.testing.assert_allclose(named.call({"object": aux[:, 0], "angle": aux[:, 1]}, 1), table.call(aux, 1))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(table.call(aux, 1)[:, 1:])
    gradient = tf.convert_to_tensor(tape.gradient(total, table.vectors.value))
    np.testing.assert_allclose(gradient, [[1, 1], [0, 0], [2, 2]])


@pytest.mark.parametrize("bad", [3.0, -1.0, 0.5])
def test_an_id_outside_the_table_is_an_error_in_one_line(bad):
    table = GPLVM(np.zeros((3, 2)))
    with pytest.raises(DataError, match="no whole number from 0 to 2"):
        table.call(np.array([[bad, 1.0]]), 1)


def test_a_missing_id_column_and_bad_vectors_are_errors():
    with pytest.raises(DataError, match="ids are expected in column 2"):
        GPLVM(np.zeros((3, 2)), id_column=2).call(np.zeros((4, 2)), 1)
    for vectors in (np.zeros(3), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match="vectors"):
            GPLVM(vectors)


def test_a_table_survives_a_round_trip_of_its_configuration():
    table = GPLVM(np.ones((3, 2)), 1, ["a", "b"], train_vectors=False)
    copy = GPLVM.from_config(table.get_config())
    assert copy.get_config() == table.get_config()
    assert not copy.trainable_weights

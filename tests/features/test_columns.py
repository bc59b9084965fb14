"""Features that are given as arrays or named columns."""

import keras
import numpy as np
import pytest

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features import Features, NamedColumns

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

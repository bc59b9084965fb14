"""Auxiliary data are checked before features are computed, with the same errors as in the computation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features import GPLVM, Features, NamedColumns, PooledFeatures

N, PIXELS, STYLE = 4, 5, 2
TIMES = np.arange(float(N))
TABLE = np.zeros((3, 2))


class Unused(keras.layers.Layer):
    """A layer that fails when it runs on data; Keras may still infer its output shape."""

    def call(self, inputs):
        if tf.executing_eagerly():
            raise AssertionError("the network was run")
        return inputs[:, :STYLE]


def pooled(others: Features | None = None, layer: keras.layers.Layer | None = None) -> PooledFeatures:
    layer = layer or keras.layers.Dense(STYLE)
    return PooledFeatures(keras.Sequential([keras.layers.Input((PIXELS,)), layer]), others)


def poses() -> GPLVM:
    return GPLVM(TABLE, names=["pose"])


IMAGES = np.zeros((N, PIXELS), np.float32)
GROUPED = {"pose": TIMES % 3, "group": TIMES // 2, "image": IMAGES}
STYLES = {"pose": TIMES % 3, "style": np.zeros((N, STYLE))}

BAD = {
    "names for an array": (Features, {"time": TIMES}, "are named (time); give the model auxiliary=NamedColumns"),
    "an array for names": (lambda: NamedColumns(["time"]), TIMES, "must be a dict with time, got ndarray"),
    "missing names": (lambda: NamedColumns(["time", "x"]), {"time": TIMES}, "lack x; they hold time"),
    "names for ids": (lambda: GPLVM(TABLE), {"id": TIMES}, "are named (id)"),
    "missing ids": (poses, {"time": TIMES}, "lack pose; they hold time"),
    "no column of ids": (lambda: GPLVM(TABLE, 1), TIMES, "have 1 column(s), but ids are expected in column 1"),
    "a negative column": (lambda: GPLVM(TABLE, -1), TIMES, "ids are expected in column -1"),
    "an id too large": (lambda: GPLVM(TABLE), TIMES, "no whole number from 0 to 2, the rows of the table: 3"),
    "an id below 0": (lambda: GPLVM(TABLE), -TIMES, "the rows of the table: -1"),
    "a fraction": (poses, {"pose": TIMES / 2}, "the rows of the table: 0.5"),
    "an id in a later array": (
        lambda: GPLVM(TABLE, 2, ["place", "id"]),
        {"id": TIMES, "place": np.zeros((N, 2))},
        "the rows of the table: 3",
    ),
    "no groups": (pooled, {"image": IMAGES}, "must hold group and image, or style; they hold image"),
    "no names to pool": (pooled, IMAGES, "must be a dict with group and image, or style, got ndarray"),
    "wide styles": (pooled, {"style": np.zeros((N, 3))}, "style has 3 column(s), not 2"),
    "a single style": (pooled, {"style": np.zeros(N)}, "style has 1 column(s), not 2"),
    "bad others": (lambda: pooled(poses()), GROUPED | {"pose": TIMES}, "the rows of the table: 3"),
}


@pytest.mark.parametrize("case", BAD)
def test_validation_and_computation_name_the_same_error_in_one_line(case):
    make, aux, message = BAD[case]
    layer = make()
    errors = []
    for check in (layer.validate, layer.call):
        with pytest.raises(DataError) as caught:
            check(aux, 1)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
    assert message in errors[0] and "\n" not in errors[0]


def test_series_cannot_be_pooled():
    for check in (pooled().validate, pooled().call):
        with pytest.raises(DataError, match="give the model num_data=N"):
            check({name: array[np.newaxis] for name, array in GROUPED.items()}, 2)


GOOD = {
    "an array": (Features, TIMES),
    "named columns": (lambda: NamedColumns(["time"]), {"time": TIMES, "unused": "text"}),
    "ids": (lambda: GPLVM(TABLE, 1), np.stack([TIMES, TIMES % 3], axis=-1)),
    "whole numbers": (lambda: GPLVM(TABLE), (TIMES % 3).astype(np.int32)),
    "named ids": (lambda: GPLVM(TABLE, 2, ["place", "id"]), {"id": TIMES % 3, "place": np.full((N, 2), 0.5)}),
    "ids before others": (lambda: GPLVM(TABLE, 0, ["id", "place"]), {"id": TIMES % 3, "place": np.full((N, 2), 0.5)}),
    "groups": (lambda: pooled(poses()), GROUPED),
    "known styles": (lambda: pooled(poses()), STYLES),
}


@pytest.mark.parametrize("case", GOOD)
def test_good_data_pass_and_give_features(case):
    make, aux = GOOD[case]
    layer = make()
    layer.validate(aux, 1)
    assert len(layer.call(aux, 1)) == N


def test_series_of_ids():
    series = np.array([[0.0, 1.0], [2.0, 3.0]])
    GPLVM(np.zeros((4, 2))).validate(series, 2)
    with pytest.raises(DataError, match="the rows of the table: 3"):
        GPLVM(TABLE).validate(series, 2)


def test_validation_runs_no_network():
    layer = pooled(poses(), Unused())
    layer.validate(GROUPED, 1)
    with pytest.raises(AssertionError, match="the network was run"):
        layer.call(GROUPED, 1)


def test_text_ids_pass_since_preparation_replaces_them():
    pooled(poses()).validate(GROUPED | {"group": np.array(["a", "a", "b", "b"])}, 1)


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (Features(), None),
        (NamedColumns(("time", "place")), ["time", "place"]),
        (GPLVM(TABLE), None),
        (GPLVM(TABLE, names=["id", "angle"]), ["id", "angle"]),
        (pooled(), ["group", "image", "style"]),
        (pooled(poses()), ["pose", "group", "image", "style"]),
    ],
)
def test_features_tell_the_arrays_they_need(layer, names):
    assert layer.names == names


@pytest.mark.parametrize("layer", [GPLVM(TABLE), poses()])
def test_features_make_no_layer_when_they_are_computed(layer, monkeypatch):
    made = []
    monkeypatch.setattr(keras.layers.Layer, "__init__", lambda self, *args, **kwargs: made.append(self))
    layer.call({"pose": TIMES % 3} if layer.names else TIMES % 3, 1)
    assert not made

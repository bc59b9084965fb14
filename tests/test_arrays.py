"""Whatever holds numbers as a NumPy array."""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.arrays import as_array, is_array_like
from svgp_vae_tf.errors import DataError
from tests.helpers.frames import Frame, NAType

VALUES = np.arange(6.0).reshape(3, 2)
KINDS = {
    "lists": VALUES.tolist(),
    "a list of arrays": list(VALUES),
    "a tensor": tf.constant(VALUES),
    "a variable": tf.Variable(VALUES),
    "half precision": tf.constant(VALUES, tf.bfloat16),
    "long double": VALUES.astype(np.longdouble),
    "another byte order": VALUES.astype(">f8"),
    "numbers as objects": VALUES.astype(int).astype(object),
    "a frame": Frame(VALUES),
    "a frame of several types": Frame(np.array([[0, True], [2.0, np.float32(3)], [np.int8(4), 5]], object)),
    "an unused mask": np.ma.array(VALUES, mask=False),
}


class OnlyArray:
    """As much of other libraries' tensors as the package uses."""

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return VALUES


@pytest.mark.parametrize("kind", [*KINDS, "another library's tensor"])
def test_array_likes_are_arrays_that_tensorflow_takes(kind):
    value = KINDS.get(kind, OnlyArray())
    assert is_array_like(value)
    found = as_array("aux", value)
    np.testing.assert_array_equal(found, VALUES)
    np.testing.assert_array_equal(tf.convert_to_tensor(found), VALUES)


def masked(row: int, column: int) -> np.ndarray:
    found = np.ma.array(VALUES, mask=False)
    found[row, column] = np.ma.masked
    return found


def objects(row: int, column: int, value) -> np.ndarray:
    found = VALUES.astype(object)
    found[row, column] = value
    return found


MISSING = {
    "a mask": masked(1, 0),
    "masks in a list": list(masked(1, 0)),
    "a mask of a frame": Frame(masked(1, 0)),
    "None": objects(1, 0, None),
    "NaN among objects": objects(1, 0, np.nan),
    "NA": Frame(objects(1, 0, NAType())),
    "a masked object": objects(1, 0, np.ma.masked),
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_values_get_one_line(kind):
    with pytest.raises(DataError) as caught:
        as_array("aux", MISSING[kind])
    line = "aux holds 1 missing value(s), the first at index (1, 0): missing values are not supported, so leave out"
    assert str(caught.value) == f"{line} such points"


OTHERS = {
    "none": (None, "aux must be an array, got None"),
    "dict": ({"left": VALUES}, "aux must be one array, got a dict of left"),
    "ragged": (tf.ragged.constant([[1.0], [1.0, 2.0]]), "aux is a ragged tensor: give series of one length"),
    "sparse": (tf.sparse.from_dense(VALUES), r"aux is a sparse tensor: convert it with tf.sparse.to_dense"),
    "huge": ([10**400], "aux holds a number that is too large for double precision"),
    "unequal": ([[1.0], [1.0, 2.0]], "aux cannot be read as one array: are the parts of unequal length"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_not_one_array_gets_one_line(kind):
    value, message = OTHERS[kind]
    with pytest.raises(DataError, match=f"^{message}[^\n]*$"):
        as_array("aux", value)


def test_text_and_mixed_objects_stay_as_they_are():
    text = np.array(["a", "b"], object)
    assert as_array("group", text) is text
    assert as_array("group", ["a", "b"]).dtype.kind == "U"
    assert as_array("group", np.array(["a", 1], object)).dtype.kind == "O"


def test_generators_and_data_sets_are_no_arrays():
    for other in (iter([VALUES]), tf.data.Dataset.from_tensors(VALUES), None, "text", {"aux": iter([VALUES])}):
        assert not is_array_like(other)

"""Data of any container are checked alike: the same fault gets the same line, and a failed call loses nothing."""

import gc
from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from tests.helpers import small_models
from tests.helpers.small_models import N

PLACES, VALUES = small_models.data_set()
BATCH = 12


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y) -> None:
        super().__init__()
        self.x, self.y = x, y

    def __len__(self) -> int:
        return -(-len(self.y) // BATCH)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(BATCH * index, BATCH * (index + 1))
        return self.x[part], self.y[part]


class Frame:
    """As much of a DataFrame as the package uses."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def to_numpy(self) -> np.ndarray:
        return self._values


def batches(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return (Batches(x, y)[i] for i in range(len(Batches(x, y))))


OPEN = (tf.TensorSpec((None, None), tf.float32), tf.TensorSpec((None, None), tf.float32))
CONTAINERS = {
    "arrays": lambda x, y: (x, y),
    "lists": lambda x, y: (x.tolist(), y.tolist()),
    "frames": lambda x, y: (Frame(x), Frame(y)),
    "tf.data": lambda x, y: (tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH),),
    "PyDataset": lambda x, y: (Batches(x, y),),
    "tf.data of open shapes": lambda x, y: (
        tf.data.Dataset.from_generator(lambda: batches(x, y), output_signature=OPEN),
    ),
    "generator of frames": lambda x, y: (tuple(map(Frame, batch)) for batch in batches(x, y)),
    "generator": lambda x, y: batches(x, y),
}
WRONG_VALUES, WRONG_PLACES = VALUES.copy(), PLACES.copy()
WRONG_VALUES[3, 1], WRONG_PLACES[5, 0] = np.nan, np.inf
NOT_FINITE = r"holds 1 value\(s\) that are NaN or infinite, the first at index"
FAULTS = {
    "NaN": (
        PLACES,
        WRONG_VALUES,
        r"observations holds 1 value\(s\) that are NaN or infinite, the first at index \(3, 1\)",
    ),
    "infinity": (WRONG_PLACES, VALUES, rf"aux {NOT_FINITE} \(5, 0\)"),
    "width": (PLACES, VALUES[:, :2], r"observations have shape \(2,\) each, but the encoder takes \(3,\)"),
    "features": (
        np.repeat(PLACES, 2, axis=1),
        VALUES,
        r"inducing points have 1 feature\(s\), but auxiliary data give 2",
    ),
}


def arguments(container: str, x: np.ndarray, y: np.ndarray) -> tuple:
    made = CONTAINERS[container](x, y)
    return made if isinstance(made, tuple) else (made,)


@pytest.fixture(scope="module")
def model() -> svgp.LatentModel:
    made = small_models.make("hensman", N)
    made.compile("sgd", run_eagerly=True)  # data are checked in a graph all the same
    return made


@pytest.mark.parametrize("call", ["fit", "evaluate", "condition"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_the_same_fault_gets_the_same_line(model, container, fault, call):
    x, y, message = FAULTS[fault]
    model.condition(PLACES, VALUES)
    before = model.predict_latent(PLACES).mean
    options = {} if call == "condition" else {"verbose": 0}
    with pytest.raises(ValueError, match=f"^{message}$"):
        getattr(model, call)(*arguments(container, x, y), **options)
    np.testing.assert_array_equal(model.predict_latent(PLACES).mean, before)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # what Keras says of a generator without steps
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_trains_evaluates_and_conditions(model, container):
    assert np.isfinite(model.fit(*arguments(container, PLACES, VALUES), verbose=0).history["loss"]).all()
    assert np.isfinite(model.evaluate(*arguments(container, PLACES, VALUES), verbose=0)).all()
    model.condition(PLACES, VALUES)
    expected = model.predict_latent(PLACES).mean
    model.condition(*arguments(container, PLACES, VALUES))
    np.testing.assert_allclose(model.predict_latent(PLACES).mean, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("first", ["column", "plain"])
def test_a_single_feature_may_have_an_axis_or_not(first):
    model = small_models.make("hensman", N)
    model.compile("sgd")
    ways = {"column": PLACES, "plain": PLACES[:, 0]}
    for x in (ways.pop(first), *ways.values()):
        model.fit(x, VALUES, verbose=0)
        model.evaluate(x, VALUES, verbose=0)
        model.condition(x, VALUES)
        assert model.predict(x, verbose=0).shape == VALUES.shape


@pytest.mark.parametrize("call", ["fit", "evaluate", "condition"])
def test_a_data_set_must_say_how_many_axes_its_batches_have(model, call):
    unknown = tf.data.Dataset.from_generator(lambda: batches(PLACES, VALUES), output_types=(tf.float32, tf.float32))
    with pytest.raises(svgp.DataError, match="give from_generator an output_signature"):
        getattr(model, call)(unknown)


def test_nothing_holds_the_iterator_of_a_failed_fit(model):
    """One over a Python generator that lives until the interpreter ends can hang it there."""
    with pytest.raises(svgp.DataError):
        model.fit(*arguments("tf.data of open shapes", PLACES, WRONG_VALUES), verbose=0)
    assert not [found for found in gc.get_objects() if type(found).__name__ == "OwnedIterator"]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_fit_that_took_no_step_keeps_the_posterior(model):
    model.condition(PLACES, VALUES)
    with pytest.raises(svgp.DataError, match="holds no batch"):
        model.fit(Batches(PLACES[:0], VALUES[:0]), verbose=0)
    model.predict(PLACES, verbose=0)
    with pytest.raises(svgp.DataError, match=r"the first at index \(3, 1\)"):  # of the third batch
        model.fit(batches(np.concatenate([PLACES] * 2), np.concatenate([VALUES, WRONG_VALUES])), verbose=0)
    with pytest.raises(svgp.NotConditionedError):
        model.predict(PLACES, verbose=0)

"""Data of any container are checked alike: the same fault gets the same line, and a failed call loses nothing."""

import gc
from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from tests.helpers import small_models
from tests.helpers.frames import Frame, NamedFrame
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
        r"inducing points have 1 feature\(s\), but auxiliary data give 2: choose columns of a DataFrame or dict with "
        r"auxiliary=NamedColumns\(\[...\]\)",
    ),
}


def arguments(container: str, x: np.ndarray, y: np.ndarray) -> tuple:
    made = CONTAINERS[container](x, y)
    return made if isinstance(made, tuple) else (made,)


@pytest.fixture(scope="module")
def model() -> svgp.LatentModel:
    made = small_models.make("hensman", N)
    made.compile("adam", run_eagerly=True)  # data are checked in a graph all the same
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


MASKS = ("arrays", "frames", "PyDataset", "generator of frames", "generator")
"""Containers that hand on the masks of arrays."""


@pytest.mark.parametrize("call", ["fit", "evaluate", "condition"])
@pytest.mark.parametrize("container", MASKS)
def test_missing_values_are_refused_in_every_container(model, container, call):
    for name, index in (("aux", (5, 0)), ("observations", (3, 1))):
        data = {"aux": np.ma.array(PLACES, copy=True), "observations": np.ma.array(VALUES, copy=True)}
        data[name][index] = np.ma.masked
        data[name].data[index] = 1e6
        with pytest.raises(svgp.DataError, match=rf"^{name} holds 1 missing value\(s\), the first at index"):
            getattr(model, call)(*arguments(container, data["aux"], data["observations"]))


@pytest.fixture(scope="module")
def bernoulli() -> svgp.LatentModel:
    made = small_models.make("hensman", N, likelihood="bernoulli")
    made.compile("adam", run_eagerly=True)
    return made


@pytest.mark.parametrize("call", ["fit", "evaluate", "condition"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_what_the_likelihood_cannot_give_is_refused_in_every_container(bernoulli, container, call):
    bytes_ = np.where(VALUES > 0, 255.0, 0.0).astype(np.float32)
    with pytest.raises(svgp.DataError, match="^observations range from 0 to 255, but a Bernoulli likelihood takes"):
        getattr(bernoulli, call)(*arguments(container, PLACES, bytes_))


def test_single_batches_are_checked(model):
    for call in (model.train_on_batch, model.test_on_batch):
        with pytest.raises(svgp.DataError, match=r"observations holds 1 value\(s\) that are NaN or infinite"):
            call(PLACES, WRONG_VALUES)
        with pytest.raises(svgp.DataError, match="a batch needs auxiliary data and observations"):
            call(PLACES)
        assert np.isfinite(call(Frame(PLACES), Frame(VALUES))[0])


@pytest.mark.parametrize("question", ["predict", "predict_latent", "sample", "posterior_latents", "reconstruct"])
def test_frames_are_arrays_for_every_question(model, question):
    model.condition(PLACES, VALUES)
    options = {"verbose": 0} if question == "predict" else {"seed": 1} if question == "sample" else {}
    answers = [getattr(model, question)(places, **options) for places in (PLACES, Frame(PLACES))]
    np.testing.assert_array_equal(*answers)


def test_frames_are_arrays_for_update_and_forget(model):
    model.condition(Frame(PLACES[:12]), Frame(VALUES[:12]))
    before = model.predict_latent(PLACES).mean
    model.update(Frame(PLACES[12:]), Frame(VALUES[12:]))
    assert np.abs(model.predict_latent(PLACES).mean - before).max() > 1e-3
    model.forget(Frame(PLACES[12:]), Frame(VALUES[12:]))
    np.testing.assert_allclose(model.predict_latent(PLACES).mean, before, rtol=1e-6, atol=1e-8)


def test_frames_are_arrays_for_every_check_of_fit(model):
    late = PLACES.astype(np.float64) + 1.7e9
    with pytest.raises(svgp.DataError, match="too little for single precision"):
        model.fit(Frame(late), Frame(VALUES))
    with pytest.raises(svgp.DataError, match="num_data=24 points, but 12 were given"):
        model.fit(Frame(PLACES[:12]), Frame(VALUES[:12]))


def test_frames_give_their_named_columns():
    made = small_models.make("hensman", N, auxiliary=svgp.auxiliary.NamedColumns(["place"]))
    frame = NamedFrame(place=PLACES[:, 0], other=np.full(N, np.nan))
    made.condition({"place": PLACES}, VALUES)
    expected = made.predict_latent({"place": PLACES}).mean
    made.condition(frame, Frame(VALUES))
    np.testing.assert_array_equal(made.predict_latent(frame).mean, expected)
    with pytest.raises(svgp.DataError, match="auxiliary data hold no array"):
        made.condition(NamedFrame(other=PLACES[:, 0]), VALUES)


def test_pandas_itself():
    pd = pytest.importorskip("pandas")
    made = small_models.make("hensman", N)
    made.compile("sgd")
    places, values = pd.DataFrame({"place": PLACES[:, 0]}), pd.DataFrame(VALUES).convert_dtypes()
    made.fit(places["place"], values, verbose=0)
    values.iloc[3, 1] = pd.NA
    with pytest.raises(svgp.DataError, match=r"observations holds 1 .*, the first at index \(3, 1\)"):
        made.fit(places, values)


def counting(num_data: int, **kwargs) -> svgp.LatentModel:
    made = small_models.make("vae", num_data)
    made.compile("adam", **{"run_eagerly": True, **kwargs})
    return made


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("container", [c for c in CONTAINERS if c not in ("arrays", "lists", "frames")])
def test_another_number_of_points_is_refused_in_every_container(container):
    made = counting(9999)
    for held_out in (None, (PLACES, VALUES)):
        with pytest.raises(svgp.DataError, match="num_data=9999 points, but one pass over the data gave 24: if an"):
            made.fit(*arguments(container, PLACES, VALUES), validation_data=held_out, verbose=0)


@pytest.mark.parametrize("num_data", [12, 23, 24 + BATCH])
def test_a_number_near_that_of_the_points_is_refused(num_data):
    with pytest.raises(svgp.DataError, match=f"num_data={num_data} points, but one pass over the data gave 24"):
        counting(num_data).fit(*arguments("tf.data", PLACES, VALUES), verbose=0)


def short(batch: int, **kwargs) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((PLACES, VALUES)).batch(batch, **kwargs)


class FullBatches(Batches):
    def __len__(self) -> int:
        return len(self.y) // BATCH


class StopAtOnce(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.model.stop_training = True


class EvaluateWithin(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.model.evaluate(PLACES[:7], VALUES[:7], verbose=0)


class ResetMetrics(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.model.reset_metrics()


def unknown_sizes() -> tf.data.Dataset:
    """Full batches from a generator, which does not say how long they are."""
    spec = (tf.TensorSpec((None, 1), tf.float32), tf.TensorSpec((None, small_models.PIXELS), tf.float32))
    return tf.data.Dataset.from_generator(lambda: ((PLACES[i : i + 10], VALUES[i : i + 10]) for i in (0, 10)),
                                          output_signature=spec)  # fmt: skip


CORRECT = {
    "a dropped rest of unknown sizes": lambda: {"x": unknown_sizes()},
    "evaluation within the epoch": lambda: {"x": short(5), "callbacks": EvaluateWithin(), "epochs": 2},
    "metrics that are reset": lambda: {"x": short(5), "callbacks": ResetMetrics()},
    "a dropped rest": lambda: {"x": short(10, drop_remainder=True)},
    "a dropped rest of a PyDataset": lambda: {"x": FullBatches(PLACES[:23], VALUES[:23]), "num_data": 23},
    "endless": lambda: {"x": short(5).repeat(), "steps_per_epoch": 3},
    "repeated": lambda: {"x": short(5).repeat(2), "steps_per_epoch": 10},
    "a part": lambda: {"x": short(5), "steps_per_epoch": 2},
    "validation": lambda: {"x": short(5), "validation_data": short(5).take(1), "epochs": 2},
    "a split": lambda: {"x": PLACES, "y": VALUES, "validation_split": 0.3, "num_data": 16},
    "no split beside validation data": lambda: {
        "x": PLACES, "y": VALUES, "validation_split": 0.3, "validation_data": (PLACES[:4], VALUES[:4])
    },
    "stopped early": lambda: {"x": short(5), "callbacks": StopAtOnce()},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("case", CORRECT)
def test_correct_use_is_never_refused(case):
    options = CORRECT[case]()
    made = counting(options.pop("num_data", N))
    assert np.isfinite(made.fit(**options, verbose=0).history["loss"]).all()


def test_steps_that_are_executed_together_are_counted_as_well():
    counting(26, run_eagerly=False, steps_per_execution=2).fit(short(6, drop_remainder=True), verbose=0)
    with pytest.raises(svgp.DataError, match="num_data=30 points, but one pass over the data gave 24"):
        counting(30, run_eagerly=False, steps_per_execution=2).fit(short(6, drop_remainder=True), verbose=0)


def test_a_split_leaves_another_number_of_points():
    with pytest.raises(svgp.DataError, match="but 24 were given, of which 16 are left after validation_split=0.3"):
        counting(9999).fit(PLACES, VALUES, validation_split=0.3)
    with pytest.raises(ValueError, match="^validation_split must be at least 0 and below 1, got 1.5$"):
        counting(N).fit(PLACES, VALUES, validation_split=1.5)


RAGGED = tf.ragged.constant([[1.0], [1.0, 2.0]])
SPARSE = tf.sparse.from_dense(VALUES)
SPECS = {
    "ragged aux": (RAGGED, VALUES[:2], "aux in the data set must be one dense tensor, not a RaggedTensor"),
    "ragged": (PLACES[:2], RAGGED, "observations in the data set must be one dense tensor, not a RaggedTensor"),
    "sparse": (PLACES, SPARSE, "observations in the data set must be one dense tensor, not a SparseTensor"),
    "dict": (PLACES, {"y": VALUES}, "observations in the data set must be one dense tensor, not a dict"),
    "tuple": (PLACES, (VALUES, VALUES), "observations in the data set must be one dense tensor, not a tuple"),
    "aux tuple": ((PLACES, PLACES), VALUES, "aux in the data set must be one dense tensor, not a tuple"),
    "text": (PLACES.astype(str), VALUES, "aux must hold numbers, got an array of string"),
    "complex": (PLACES, VALUES.astype(complex), "observations must hold numbers, got an array of complex128"),
}


@pytest.mark.parametrize("call", ["fit", "evaluate", "condition"])
@pytest.mark.parametrize("case", SPECS)
def test_data_sets_of_other_things_than_two_tensors(model, case, call):
    x, y, message = SPECS[case]
    with pytest.raises(svgp.DataError, match=f"^{message}$"):
        getattr(model, call)(tf.data.Dataset.from_tensor_slices((x, y)).batch(2))


@pytest.mark.parametrize("call", ["fit", "evaluate", "condition"])
def test_ragged_and_sparse_tensors_beside_arrays(model, call):
    for x, y, message in ((RAGGED, VALUES, "aux is a ragged"), (PLACES, SPARSE, "observations is a sparse")):
        with pytest.raises(svgp.DataError, match=message):
            getattr(model, call)(x, y)
    for nothing in ("text", {"a": iter([])}, [1].__iter__):
        with pytest.raises(svgp.DataError, match="data must be arrays, a tf.data.Dataset, a keras.utils.PyDataset or"):
            getattr(model, call)(nothing)
    with pytest.raises(svgp.DataError, match="a data set gives its own observations"):
        getattr(model, call)(short(5), VALUES)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_half_precision_is_data_as_any_other(model):
    half = np.linspace(-3e4, 6e4, N, dtype=np.float16)[:, np.newaxis]
    model.fit(half, VALUES.astype(np.float16), verbose=0)
    checked, _ = model.inputs_gate.training(np.ones((N, 1), np.float16), VALUES)
    assert checked.dtype == np.float16
    model.fit(tf.data.Dataset.from_tensor_slices((half, VALUES.astype(np.float16))).batch(BATCH), verbose=0)


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
    before = {id(found) for found in gc.get_objects() if type(found).__name__ == "OwnedIterator"}
    with pytest.raises(svgp.DataError):
        model.fit(*arguments("tf.data of open shapes", PLACES, WRONG_VALUES), verbose=0)
    alive = [found for found in gc.get_objects() if type(found).__name__ == "OwnedIterator"]
    assert not [found for found in alive if id(found) not in before]


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

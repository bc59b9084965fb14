"""New inputs may come in any container: the same answers and the same lines as for arrays."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf import features
from tests.helpers import contract_models, small_models
from tests.helpers.contract_checks import assert_same
from tests.helpers.small_models import N

BATCH = 4


class Batches(keras.utils.PyDataset):
    """Batches of arrays: of auxiliary data alone, or of tuples of several arrays."""

    def __init__(self, *arrays: np.ndarray) -> None:
        super().__init__()
        self.arrays = arrays

    def __len__(self) -> int:
        return -(-len(self.arrays[0]) // BATCH)

    def __getitem__(self, index: int) -> np.ndarray | tuple[np.ndarray, ...]:
        parts = tuple(array[BATCH * index : BATCH * (index + 1)] for array in self.arrays)
        return parts[0] if len(parts) == 1 else parts


def batches(*arrays: np.ndarray) -> Iterator:
    return (Batches(*arrays)[i] for i in range(len(Batches(*arrays))))


CONTAINERS = {
    "tf.data": lambda x, y: tf.data.Dataset.from_tensor_slices(x).batch(BATCH),
    "tf.data of pairs": lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH),
    "PyDataset": lambda x, y: Batches(x),
    "PyDataset of pairs": lambda x, y: Batches(x, y),
    "generator": lambda x, y: batches(x),
    "generator of pairs": lambda x, y: batches(x, y),
    "generator of tuples of one": lambda x, y: ((batch,) for batch in batches(x)),
}
SETTINGS = {"series": None, "data set": N}


@pytest.fixture(scope="module", params=SETTINGS)
def case(request) -> tuple:
    num_data = SETTINGS[request.param]
    return small_models.conditioned("hensman", num_data), *small_models.data_for(num_data)


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_what_arrays_give(case, container):
    model, x, y = case

    def made():
        return CONTAINERS[container](x, y)

    np.testing.assert_array_equal(model.predict(made(), verbose=0), model.predict(x, verbose=0))
    assert_same(model.predict_latent(made()), model.predict_latent(x))
    assert_same(model.sample_latent(made(), seed=1), model.sample_latent(x, seed=1))
    if "pairs" in container:
        assert_same(model.posterior_latents(made()), model.posterior_latents(x, y), 1e-6)
        assert_same(model.reconstruct(made()), model.reconstruct(x, y), 1e-6)
        again = small_models.make("hensman", model.prior.num_data)
        again.condition(made())
        assert_same(again.predict_latent(x), model.predict_latent(x), 1e-6)


def test_one_batch_without_a_loop(case):
    model, x, _ = case
    assert_same(model.predict_on_batch(x), model.predict(x, verbose=0), 1e-6)
    with pytest.raises(svgp.DataError, match="aux is empty"):
        model.predict_on_batch(x[:0])


def test_rows_of_series_continue_from_batch_to_batch():
    model = small_models.conditioned("hensman")
    x, _ = small_models.series()
    last = model.predict(batches(x), verbose=0)[BATCH:]
    assert not np.allclose(last, model.predict(np.roll(x, BATCH, axis=0), verbose=0)[:-BATCH], atol=1e-3)
    with pytest.raises(svgp.DataError, match="^the posterior holds 6 series, but inputs for 4 were given$"):
        model.predict(batches(x[:4]))


def test_steps_end_a_container_that_does_not():
    model = small_models.conditioned("hensman", N)
    x, _ = small_models.data_set()
    endless = tf.data.Dataset.from_tensor_slices(x).batch(BATCH).repeat()
    with pytest.raises(svgp.DataError, match="^the data set never ends"):
        model.predict(endless)
    expected = model.predict(x[: 2 * BATCH], verbose=0)
    np.testing.assert_array_equal(model.predict(endless, steps=2, verbose=0), expected)


WRONG = small_models.data_set()[0].copy()
WRONG[5, 0] = np.nan
FAULTS = {
    "NaN": (lambda: batches(WRONG), r"aux holds 1 value\(s\) that are NaN or infinite, the first at index \(5, 0\)"),
    "width": (
        lambda: batches(np.repeat(small_models.data_set()[0], 2, axis=1)),
        r"inducing points have 1 feature\(s\), but auxiliary data give 2: choose columns of a DataFrame or dict with "
        r"auxiliary=NamedColumns\(\[...\]\)",
    ),
    "nothing": (lambda: iter(()), "the data set holds no batch"),
    "shapes": (
        lambda: iter([np.zeros((2, 1)), np.zeros((2, 2))]),
        r"batches of new inputs must differ in length alone, but have shapes \(2, 1\), \(2, 2\)",
    ),
    "kind": (lambda: object(), "data must be arrays, .* not a object"),
}


@pytest.mark.parametrize("call", ["predict", "predict_latent", "predict_on_batch", "sample"])
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_get_one_line(fault, call):
    make, message = FAULTS[fault]
    model = small_models.conditioned("hensman", N)
    with pytest.raises(ValueError, match=f"^{message}$"):
        getattr(model, call)(make())


def test_results_of_series_of_different_lengths_make_no_array():
    model = small_models.make("hensman")
    x, y = small_models.series()
    unequal = [(x[:3], y[:3]), (x[3:, :5], y[3:, :5])]
    for call in (model.posterior_latents, model.reconstruct):
        with pytest.raises(svgp.DataError, match="^batches hold series of different lengths"):
            call(iter(unequal))
        with pytest.raises(svgp.DataError, match="^the data set holds no batch$"):
            call(iter(()))


def test_groups_that_are_text_are_pooled_over_all_batches():
    aux, observations = contract_models.pooled()
    aux = {**aux, "group": np.array(["a", "b", "c", "é"])[aux["group"].astype(int)]}
    model = contract_models.sparse_pooled()
    model.condition(aux, observations)
    dataset = tf.data.Dataset.from_tensor_slices(aux).batch(5)  # splits groups
    np.testing.assert_array_equal(model.predict(dataset, verbose=0), model.predict(aux, verbose=0))
    pairs = features.whole_groups(aux, observations, 2)
    assert_same(np.sort(model.predict(pairs, verbose=0), axis=0), np.sort(model.predict(aux, verbose=0), axis=0), 1e-6)

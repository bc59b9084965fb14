"""Two replicas, of one process or of two, train as one device does: to the last digits in double precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf.models import replicas
from tests.helpers import equal_training, small_models, workers

TOLERANCE = 1e-9
PROCESSES = {"mirrored": ("mirrored",), "workers": ("worker0", "worker1")}


def difference(one: np.ndarray, two: np.ndarray) -> float:
    """The largest difference, relative to the largest value of the array."""
    assert one.shape == two.shape
    return float(np.max(np.abs(one - two)) / max(np.max(np.abs(one)), 1e-300))


def check(folder, runs: list[tuple[str, str]]) -> None:
    arguments = [argument for run in runs for argument in run]
    workers.launch("tests.helpers.equal_training", folder, *arguments, timeout=600)
    for case, kind in runs:
        one = np.load(folder / f"{case} one.npz")
        assert one["step loss"].shape == (equal_training.STEPS,)
        assert one["step log_multiplier"][-1] < one["step log_multiplier"][0]
        for role in PROCESSES[kind]:
            two = np.load(folder / f"{case} {role}.npz")
            assert two["replicas"] == 2
            assert set(two.files) == set(one.files)
            worst = {name: difference(one[name], two[name]) for name in one.files if name != "replicas"}
            assert all(value < TOLERANCE for value in worst.values()), worst  # also if one is NaN


def test_two_replicas_and_two_workers_equal_one_device(tmp_path):
    check(tmp_path, [("series", "mirrored"), ("one_data_set", "workers")])


@pytest.mark.slow
def test_the_other_way_round(tmp_path):
    check(tmp_path, [("series", "workers"), ("one_data_set", "mirrored")])


class Together:
    """A strategy as one of its workers sees it."""

    def __init__(self, num_replicas: int, num_workers: int, worker: int) -> None:
        self.num_replicas_in_sync = num_replicas
        self._context = tf.distribute.InputContext(num_workers, worker, num_replicas)

    def distribute_datasets_from_function(self, function) -> tf.data.Dataset:
        return function(self._context)


@pytest.mark.parametrize(("num_replicas", "num_workers"), [(2, 1), (2, 2), (3, 3), (6, 2)])
def test_every_row_of_a_global_batch_goes_to_one_replica(num_replicas, num_workers):
    rows = tf.data.Dataset.from_tensor_slices(({"a": np.arange(19)}, -np.arange(19))).batch(8)
    here = num_replicas // num_workers
    parts = []
    for worker in range(num_workers):
        data, steps = replicas.split(rows, Together(num_replicas, num_workers, worker), None)
        assert steps == 3
        parts.append([aux["a"].numpy() for aux, _ in data.take(3 * here)])
    for step, (expected, _) in enumerate(rows):
        found = [part for local in parts for part in local[step * here : (step + 1) * here]]
        np.testing.assert_array_equal(np.concatenate(found), expected["a"])
        assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_strategy_of_one_device_trains_as_none_does(likelihood):
    x, y = small_models.series(4)
    losses = []
    for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["/cpu:0"])):
        with strategy.scope():
            model = small_models.without_noise(small_models.make("hensman", likelihood=likelihood))
            model.compile("sgd")
        losses.append(model.fit(x, np.abs(y) % 1.0, batch_size=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-6)


def as_on_two_replicas(monkeypatch) -> None:
    """Let models be trained as if there were two replicas."""
    monkeypatch.setattr(replicas, "trainer_for", replicas.Replicas)
    monkeypatch.setattr(replicas.Replicas, "count", 2)


@pytest.mark.parametrize("outside", ["objective", "optimizer"])
def test_what_was_made_outside_of_the_scope_is_named(outside, monkeypatch):
    as_on_two_replicas(monkeypatch)
    made = {"objective": svgp.GECO(0.1), "optimizer": keras.optimizers.SGD()}
    with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
        model = small_models.make("hensman")
        made |= {"objective": svgp.GECO(0.1)} if outside != "objective" else {}
        made |= {"optimizer": keras.optimizers.SGD()} if outside != "optimizer" else {}
    with pytest.raises(ValueError, match="outside of the strategy's scope: make networks") as caught:
        model.compile(**made)
    assert "\n" not in str(caught.value)


def test_arrays_come_in_the_same_order_on_every_worker_and_in_another_in_every_epoch():
    first, second = (replicas.as_dataset(np.arange(9.0), np.arange(9), None, True, 3) for _ in range(2))
    epochs = [[np.concatenate([y for _, y in data]) for _ in range(2)] for data in (first, second)]
    np.testing.assert_array_equal(*epochs)
    assert not np.array_equal(*epochs[0])
    assert {x.dtype for x, _ in first} == {tf.float32}


def test_what_replicas_cannot_share_is_refused_in_one_line(monkeypatch):
    as_on_two_replicas(monkeypatch)
    model = small_models.make("hensman")
    with pytest.raises(ValueError, match="XLA cannot sum over 2 replicas: leave out jit_compile=True"):
        model.compile("sgd", jit_compile=True)
    with pytest.raises(ValueError, match="leave out run_eagerly=True"):
        model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="cannot clip gradients that are scaled or accumulated"):
        model.compile(keras.optimizers.SGD(0.1, clipnorm=1.0, gradient_accumulation_steps=2))
    with pytest.raises(ValueError, match="gain nothing by steps_per_execution"):
        model.compile("sgd", steps_per_execution=2)
    for name, message in (("titsias", "use hensman"), ("gpvae", "use a sparse one")):
        with pytest.raises(ValueError, match=f"cannot be split over replicas; {message}"):
            small_models.make(name, 19).compile("sgd")
    model.compile("sgd")
    x, y = small_models.series()
    with pytest.raises(ValueError, match="call fit"):
        model.train_on_batch(x, y)
    with pytest.raises(ValueError, match="call evaluate"):
        model.test_on_batch(x, y)
    with pytest.raises(svgp.DataError, match="give validation_data"):
        model.fit(x, y, validation_split=0.5)
    with pytest.raises(svgp.DataError, match="not on generators"):
        model.fit(iter([(x, y)]))

"""Callbacks during real training."""

import glob
import os
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure

from svgp_vae_tf import callbacks
from tests.helpers import small_models
from tests.helpers.full_disk import contents, no_room_beyond

STEPS = 2  # per epoch


def train(model, epochs: int, *used: keras.callbacks.Callback) -> None:
    if not model.compiled:
        model.compile(keras.optimizers.SGD(0.01))
    model.fit(*small_models.series(), batch_size=3, shuffle=False, epochs=epochs, verbose=0, callbacks=list(used))


@pytest.fixture
def model():
    return small_models.make("vae")


def weight_sum(model) -> dict[str, float]:
    return {"weight_sum": float(sum(np.sum(weight) for weight in model.get_weights()))}


def test_history_of_a_fresh_run(model, tmp_path):
    path = str(tmp_path / "history.csv")
    train(model, 3, callbacks.HistoryFile(path, extra=weight_sum))
    rows = callbacks.read_history(path)
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert all(isinstance(row["step"], int) for row in rows)
    assert set(rows[0]) == {"step", "loss", "elbo", "kl", "log_likelihood", "mse", "weight_sum"}
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["weight_sum"] == weight_sum(model)["weight_sum"]
    with open(path) as file:
        assert file.readline().startswith("step,")
    assert os.listdir(tmp_path) == ["history.csv"]


def test_history_of_a_resumed_run_drops_later_rows(model, tmp_path):
    path, kept = str(tmp_path / "history.csv"), str(tmp_path / "model.weights.h5")
    train(model, 1)
    train(model, 1, callbacks.HistoryFile(path))
    model.save_weights(kept)
    train(model, 2, callbacks.HistoryFile(path))
    whole = callbacks.read_history(path)
    assert [row["step"] for row in whole] == [4, 6, 8]
    model.load_weights(kept)  # back at step 4
    train(model, 2, callbacks.HistoryFile(path))
    assert [row["step"] for row in callbacks.read_history(path)] == [4, 6, 8]
    assert callbacks.read_history(path) == whole
    fresh = small_models.make("vae")
    train(fresh, 1, callbacks.HistoryFile(path))
    assert [row["step"] for row in callbacks.read_history(path)] == [2]


def test_no_history_is_no_rows(tmp_path):
    assert callbacks.read_history(str(tmp_path / "history.csv")) == []


def test_numbers_added_by_an_evaluation_reach_later_callbacks(model, tmp_path):
    path = str(tmp_path / "history.csv")
    train(model, 1, callbacks.Evaluation(weight_sum), callbacks.HistoryFile(path))
    assert callbacks.read_history(path)[0]["weight_sum"] == weight_sum(model)["weight_sum"]
    assert "weight_sum" in model.history.history


def test_an_evaluation_comes_at_the_end_of_every_so_many_epochs(model):
    found: list[bool] = []
    seen = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: found.append("weight_sum" in logs))
    train(model, 6, callbacks.Evaluation(weight_sum, every=3), seen)
    assert found == [False, False, True] * 2


def test_a_checkpoint_holds_the_state_of_training(model, tmp_path):
    path = str(tmp_path / "checkpoint.weights.h5")
    train(model, 1, callbacks.Checkpoint(path))
    assert os.listdir(tmp_path) == ["checkpoint.weights.h5"]
    other = small_models.make("vae", seed=99)
    other.compile(keras.optimizers.SGD(0.01))
    other.optimizer.build(other.trainable_variables)
    other.load_weights(path)
    assert int(other.optimizer.iterations) == STEPS
    for one in (model, other):
        train(one, 1)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", [callbacks.Checkpoint, callbacks.HistoryFile])
def test_a_file_that_cannot_be_written_leaves_the_last_one_and_one_line(kind, model, tmp_path):
    path = str(tmp_path / "file.weights.h5")
    train(model, 1, kind(path))
    before = contents(tmp_path)
    with pytest.raises(OSError, match="File too large: '.*file.weights.h5'$") as caught, no_room_beyond(60):
        train(model, 1, kind(path))
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_checkpoints_of_any_keras_model_are_written_that_way(tmp_path):
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(3)])
    path = str(tmp_path / "plain.weights.h5")
    checkpoint = callbacks.Checkpoint(path)
    checkpoint.set_model(model)
    checkpoint.on_epoch_end(0)
    before = contents(tmp_path)
    with pytest.raises(OSError, match="plain.weights.h5'$"), no_room_beyond(2000):
        checkpoint.on_epoch_end(1)
    assert contents(tmp_path) == before
    model.load_weights(path)


def picture(model) -> dict[str, Figure]:
    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([0, 1])
    return {"picture": figure}


def read_events(folder: str) -> tuple[dict[str, dict[int, float]], dict[str, dict[int, np.ndarray]]]:
    scalars: dict[str, dict[int, float]] = {}
    images: dict[str, dict[int, np.ndarray]] = {}
    (path,) = glob.glob(f"{folder}/events*")
    for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
        event = tf.compat.v1.Event.FromString(record)
        for value in event.summary.value:
            content = tf.make_ndarray(value.tensor)
            if value.metadata.plugin_data.plugin_name == "scalars":
                scalars.setdefault(value.tag, {})[event.step] = float(content)
            else:
                images.setdefault(value.tag, {})[event.step] = tf.io.decode_png(content[2]).numpy()
    return scalars, images


def test_tensorboard_shows_numbers_and_pictures_at_their_steps(model, tmp_path):
    history = callbacks.HistoryFile(str(tmp_path / "history.csv"))
    folder = str(tmp_path / "tensorboard")
    train(model, 4, history, callbacks.TensorBoardMonitor(folder, picture, every=2, extra=weight_sum))
    scalars, images = read_events(folder)
    assert set(scalars) == {"loss", "elbo", "kl", "log_likelihood", "mse", "weight_sum"}
    for row in callbacks.read_history(str(tmp_path / "history.csv")):
        assert scalars["loss"][row["step"]] == pytest.approx(row["loss"], rel=1e-6)
    assert set(scalars["weight_sum"]) == {2, 4, 6, 8}
    assert set(images) == {"picture"} and set(images["picture"]) == {4, 8}
    np.testing.assert_array_equal(images["picture"][8], callbacks.figure_to_image(picture(model)["picture"]))


@pytest.mark.parametrize("room", [0, 300])
def test_event_files_that_cannot_be_written_are_named_in_one_line(room, model, tmp_path):
    monitor = callbacks.TensorBoardMonitor(str(tmp_path), picture)
    with pytest.raises(OSError, match=f"cannot write event files for TensorBoard in {tmp_path}: ") as caught:
        with no_room_beyond(room):
            train(model, 2, monitor)
    assert "File too large" in str(caught.value) and "\n" not in str(caught.value)


def test_matplotlib_is_needed_for_pictures_only(model, tmp_path, monkeypatch):
    drawn = picture(model)["picture"]
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    train(model, 1, callbacks.TensorBoardMonitor(str(tmp_path), lambda model: {}))
    assert "loss" in read_events(str(tmp_path))[0]
    with pytest.raises(ImportError):
        callbacks.figure_to_image(drawn)


def test_pixels_of_a_figure(model):
    image = callbacks.figure_to_image(picture(model)["picture"])
    assert image.shape == (50, 100, 3) and image.dtype == np.uint8
    assert image.min() < 100 < image.max() == 255

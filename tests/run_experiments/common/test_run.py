"""The run that all experiments share: the order of its parts, refusals before any work, and resuming."""

import contextlib
import dataclasses
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from data_generators.commands import lock
from run_experiments.common.run import Experiment, Training, run
from run_experiments.common.run_folder import RunFolderError, read_json
from run_experiments.common.schedule import BatchSizeSchedule
from tests.helpers import small_models


@dataclasses.dataclass(frozen=True)
class Settings:
    epochs: int = 2
    beta: float = 1.0

    def check(self) -> None:
        if self.beta < 0:
            raise ValueError("--beta must not be negative")


class Recorded(Experiment):
    """A VAE on a few points; notes what is called, and whether the folder and the model's file exist by then."""

    history_columns = ("error",)

    def __init__(self, folder: str, fail_at: str = "") -> None:
        self.folder, self.fail_at = folder, fail_at
        self.calls: list[str] = []

    def note(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fail_at:
            raise tf.errors.DataLossError(None, None, name)

    def load_data(self, settings, folder):
        assert not os.path.exists(folder.config) or "resumed" in self.folder
        self.note("load_data")
        return small_models.series()

    @contextlib.contextmanager
    def translate_data_errors(self, data):
        try:
            yield
        except tf.errors.DataLossError as error:
            raise ValueError(f"damaged: {error.message}") from error

    def pretrain(self, settings, data):
        self.note("pretrain")
        return "weights"

    def build_model(self, settings, data, pretrained):
        self.note(f"build_model {pretrained}")
        model = small_models.make("vae")
        model.compile(keras.optimizers.Adam(1e-3))
        model.ensure_built(data[1].shape)
        model.optimizer.build(model.trainable_variables)
        return model

    def set_training_data(self, model, data):
        assert not os.path.exists(os.path.join(self.folder, "config.json")) or "resumed" in self.folder
        self.note("set_training_data")

    def data_digest(self, data):
        return "digest"

    def changeable_settings(self, settings):
        return ("epochs",)

    def training(self, settings, data):
        assert read_json(os.path.join(self.folder, "config.json"))["data_digest"] == "digest"
        self.note("training")
        return Training(BatchSizeSchedule.constant(settings.epochs, 2, 1), pictures_every=1)

    def batches(self, settings, data, batch_size, first_epoch):
        self.note(f"batches from {first_epoch}")
        return tf.data.Dataset.from_tensors(tuple(array[:batch_size] for array in data)).repeat()

    def evaluate(self, model, settings, data):
        self.note("evaluate")
        return {"error": 0.5}

    def pictures(self, model, settings, data):
        self.note("pictures")
        return {}

    def condition(self, model, data):
        self.note("condition")

    def write_figures(self, model, settings, data, history, folder):
        assert not os.path.exists(folder.model) or "resumed" in self.folder
        self.note("write_figures")

    def metrics(self, model, settings, data, history):
        assert os.path.exists(os.path.join(self.folder, "model.keras"))
        self.note("metrics")
        return {"rows": len(history)}


def run_in(experiment: Recorded, settings: Settings, **kwargs) -> dict:
    return run(experiment, settings, experiment.folder, verbose=0, **kwargs)


EPOCH = ["evaluate", "pictures"]
REPORT = ["condition", "pictures", "write_figures", "metrics"]


def test_the_parts_of_a_run_follow_each_other(tmp_path):
    experiment = Recorded(str(tmp_path / "run"))
    assert run_in(experiment, Settings(), resume=True)["rows"] == 2  # there is nothing to resume
    start = ["load_data", "pretrain", "build_model weights", "set_training_data", "training", "batches from 0"]
    assert experiment.calls == [*start, *EPOCH, *EPOCH, *REPORT]


def test_a_resumed_run_goes_on_where_it_stopped_and_is_not_pretrained(tmp_path):
    folder = str(tmp_path / "resumed")
    run_in(Recorded(folder), Settings())
    experiment = Recorded(folder)
    assert run_in(experiment, Settings(epochs=3), resume=True)["rows"] == 3
    start = ["load_data", "build_model None", "set_training_data", "training", "batches from 2"]
    assert experiment.calls == [*start, *EPOCH, *REPORT]
    assert len(read_json(os.path.join(folder, "config.json"))["sessions"]) == 2
    with pytest.raises(RunFolderError, match="has --beta=1.0, not 2.0"):
        run_in(Recorded(folder), Settings(epochs=3, beta=2.0), resume=True)
    os.remove(os.path.join(folder, "history.csv"))
    with pytest.raises(RunFolderError, match="lacks epochs"):
        run_in(Recorded(folder), Settings(epochs=4), resume=True)


def test_a_finished_run_is_reported_again_without_training(tmp_path):
    folder = str(tmp_path / "resumed")
    first = run_in(Recorded(folder), Settings())
    experiment = Recorded(folder)
    again = run_in(experiment, Settings(), resume=True)
    assert experiment.calls == ["load_data", "build_model None", "set_training_data", "training", *REPORT]
    assert again["rows"] == first["rows"]


def test_refusals_come_before_any_work(tmp_path):
    experiment = Recorded(str(tmp_path / "run"))
    with pytest.raises(ValueError, match="--beta"):
        run_in(experiment, Settings(beta=-1.0))
    assert not experiment.calls and not os.path.exists(experiment.folder)
    os.makedirs(experiment.folder)
    with open(os.path.join(experiment.folder, "config.json"), "w") as file:
        file.write("{}")
    with pytest.raises(RunFolderError, match="already holds a run"):
        run_in(experiment, Settings())
    assert not experiment.calls


@pytest.mark.parametrize("resume", [True, False])
def test_a_run_in_a_folder_that_another_one_uses_is_refused_and_changes_nothing(resume, tmp_path):
    folder = str(tmp_path / "resumed")
    run_in(Recorded(folder), Settings())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    second = Recorded(folder)
    with lock.locked(folder), pytest.raises(lock.FolderInUseError, match="resumed is in use by process"):
        run_in(second, Settings(), resume=resume)
    assert not second.calls
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("part", ["pretrain", "build_model weights", "set_training_data"])
def test_what_fails_before_training_leaves_no_folder(part, tmp_path):
    experiment = Recorded(str(tmp_path / "run"), fail_at=part)
    with pytest.raises(ValueError, match=f"damaged: {part}"):
        run_in(experiment, Settings())
    assert not os.path.exists(experiment.folder)


@pytest.mark.parametrize("part", ["batches from 0", "evaluate", "condition", "metrics"])
def test_damaged_data_are_named_at_any_time(part, tmp_path):
    with pytest.raises(ValueError, match=f"damaged: {part}"):
        run_in(Recorded(str(tmp_path / "run"), fail_at=part), Settings())


def test_numbers_of_a_run_are_those_of_one_without_a_stop(tmp_path):
    whole, stopped = (Recorded(str(tmp_path / name)) for name in ("whole", "resumed"))
    run_in(whole, Settings(epochs=4))
    run_in(stopped, Settings(epochs=2))
    run_in(stopped, Settings(epochs=4), resume=True)
    one, two = (np.loadtxt(os.path.join(e.folder, "history.csv"), delimiter=",", skiprows=1) for e in (whole, stopped))
    np.testing.assert_array_equal(one, two)

"""Run folders: what a resumed run is checked for, and what a command says of errors."""

import keras
import numpy as np
import pytest

from data_generators.commands.lock import NAME, FolderInUseError
from run_experiments.common import provenance, run_folder
from run_experiments.common.run_folder import RunFolder, RunFolderError
from svgp_vae_tf.optimizers import SOAP
from tests.helpers.full_disk import contents


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(str(tmp_path))


def test_other_settings_and_other_data_are_refused(folder):
    digest = provenance.digest(np.arange(3.0))
    folder.start({"seed": 0}, data_digest=digest)
    folder.start({"seed": 0}, data_digest=digest)
    assert len(run_folder.read_json(folder.config)["sessions"]) == 2
    with pytest.raises(RunFolderError, match="--seed=0, not 1"):
        folder.start({"seed": 1}, data_digest=digest)
    with pytest.raises(RunFolderError, match="trained on other data"):
        folder.start({"seed": 0}, data_digest=provenance.digest(np.arange(1.0, 4.0)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "lacks epochs"),
        ("step,mse\n4,0.5\n", "lacks epochs"),
        ("step,mse\n4,0.5\n8\n", "lacks epochs"),
        ("step,mse\n4,0.5\neight,0.4\n", "is not the history of a run"),
        ("mse\n0.5\n", "is not the history of a run"),
    ],
)
def test_a_history_that_does_not_go_with_the_checkpoint_is_named(folder, content, message):
    if content is not None:
        with open(folder.history, "w") as file:
            file.write(content)
    with pytest.raises(RunFolderError, match=message) as caught:
        folder.check_history(8, ("mse",))
    assert folder.history in str(caught.value) and "\n" not in str(caught.value)


def test_runs_from_before_there_was_a_choice_have_adam(folder):
    run_folder.write_json(folder.config, {"settings": {"epochs": 2}, "sessions": []})
    folder.check_settings({"epochs": 2, "optimizer": "adam"})
    with pytest.raises(RunFolderError, match="has --optimizer=adam, not soap"):
        folder.check_settings({"epochs": 2, "optimizer": "soap"})


def test_a_checkpoint_of_another_optimizer_is_refused(folder):
    inputs, targets = np.ones((2, 4, 3))
    trained, fresh = (keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(3)]) for _ in range(2))
    trained.compile("adam", loss="mse")
    trained.train_on_batch(inputs, targets)
    trained.save_weights(folder.checkpoint)
    fresh.compile(SOAP(), loss="mse")
    fresh.optimizer.build(fresh.trainable_variables)
    with pytest.warns(UserWarning, match="optimizer"), pytest.raises(RunFolderError, match="of another optimiser"):
        folder.load_checkpoint(fresh)


def test_a_history_that_goes_with_the_checkpoint_passes(folder):
    folder.check_history(0)
    with open(folder.history, "w") as file:
        file.write("step,mse,eval_mse\n4,0.5,\n8,0.4,0.3\n12,0.3,0.2\n")  # the last row is of after the checkpoint
    folder.check_history(8, ("mse",))


def test_numbers_that_are_not_finite_become_null(tmp_path):
    path = str(tmp_path / "numbers.json")
    run_folder.write_json(path, {"a": [1.5, float("nan")], "b": {"c": float("inf")}})
    assert run_folder.read_json(path) == {"a": [1.5, None], "b": {"c": None}}


def test_metrics_say_how_long_a_session_took(tmp_path):
    folder = run_folder.RunFolder(str(tmp_path))
    written = folder.write_metrics({"mse": 0.5})
    assert run_folder.read_json(folder.metrics) == written
    assert written["mse"] == 0.5
    assert 0.0 < written["session_minutes"] < 1.0


def test_nothing_is_written_before_a_run_starts_and_a_taken_folder_is_refused(tmp_path):
    path = str(tmp_path / "run")
    folder = RunFolder(path)
    assert not (tmp_path / "run").exists()
    folder.start({"seed": 0})
    with pytest.raises(RunFolderError, match="already holds a run; give --resume"):
        RunFolder(path)
    assert RunFolder(path, resume=True).config == folder.config


def test_a_claimed_folder_is_refused_to_others_before_anything_else(tmp_path):
    path = str(tmp_path / "run")
    with run_folder.claim(path) as folder:
        folder.start({"seed": 0})
        for resume in (True, False):
            with pytest.raises(FolderInUseError, match="is in use by process"), run_folder.claim(path, resume):
                pass
    with pytest.raises(RunFolderError, match="already holds a run"), run_folder.claim(path):
        pass
    with run_folder.claim(path, resume=True) as folder:
        assert run_folder.read_json(folder.config)["settings"] == {"seed": 0}


def test_what_a_killed_process_left_half_written_is_removed_by_the_next(tmp_path):
    (tmp_path / "figures").mkdir()
    for name in ("config.json", "model.keras.12ab34cd.partial", "figures/curves.png.12ab34cd.partial"):
        (tmp_path / name).write_text("{}")
    with run_folder.claim(str(tmp_path), resume=True):
        assert set(contents(tmp_path)) == {"config.json", NAME}

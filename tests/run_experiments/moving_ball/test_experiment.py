"""The moving-ball experiment end to end, on a few steps."""

import dataclasses
import os

import numpy as np
import pytest

import svgp_vae_tf as svgp
from data_generators import moving_ball as data
from run_experiments.common import run_folder
from run_experiments.moving_ball import experiment as moving_ball
from svgp_vae_tf import callbacks
from tests.helpers.small_runs import BALL as TINY


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("run") / "svgpvae")
    settings = dataclasses.replace(TINY, train_kernel=True, train_inducing=True)
    return folder, moving_ball.run(settings, folder, verbose=0)


def test_a_run_leaves_everything_a_reader_needs(trained):
    folder, metrics = trained
    for name in ("config.json", "metrics.json", "history.csv", "model.keras", "figures/trajectories.png"):
        assert os.path.getsize(os.path.join(folder, name)) > 0, name
    assert any(name.startswith("events") for name in os.listdir(os.path.join(folder, "tensorboard")))
    assert not [name for name in os.listdir(folder) if "partial" in name]
    config = run_folder.read_json(os.path.join(folder, "config.json"))
    assert config["settings"]["seed"] == 0
    assert {"command", "commit", "versions"} <= set(config["sessions"][0])
    assert run_folder.read_json(os.path.join(folder, "metrics.json")) == metrics
    assert "sqrt" in metrics["rmse_definition"]
    rows = callbacks.read_history(os.path.join(folder, "history.csv"))
    assert [row["step"] for row in rows] == [2, 4]
    assert {"elbo", "kl", "log_likelihood", "rmse", "length_scale_0", "inducing_03"} <= set(rows[0])


def test_the_saved_model_answers_for_the_test_videos(trained):
    folder, metrics = trained
    model = svgp.load_model(os.path.join(folder, "model.keras"))
    test = data.videos(TINY.num_test_videos, TINY.num_frames, seed=moving_ball.TEST_SEED)
    assert moving_ball.test_rmse(model, test) == pytest.approx(metrics["rmse"], rel=1e-9)
    assert model.predict(test.times, verbose=0).shape == test.frames.shape


@pytest.mark.parametrize("model", ["gpvae", "neural_process", "vae"])
def test_other_models_run(model, tmp_path):
    metrics = moving_ball.run(dataclasses.replace(TINY, model=model), str(tmp_path / "run"), verbose=0)
    assert np.isfinite(metrics["rmse"])


@pytest.mark.parametrize("bound", ["titsias", "original"])
def test_other_bounds_run(bound, tmp_path):
    metrics = moving_ball.run(dataclasses.replace(TINY, bound=bound), str(tmp_path / "run"), verbose=0)
    assert np.isfinite(metrics["rmse"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "vq"}, "unknown model 'vq'"),
        ({"num_inducing": 0}, "--num_inducing must be at least 1"),
        ({"num_inducing": 9}, "9 fixed inducing points are more than the 8 frames"),
        ({"initial_length_scale": -1.0}, "--initial_length_scale must be positive"),
        ({"steps": 0}, "--steps must be at least 1"),
        ({"steps": 5}, "--steps=5 must be a multiple of --steps_per_epoch=2"),
        ({"variance_bounds": (5.0, 1.0)}, "variance_bounds must be positive and rising"),
    ],
)
def test_settings_that_cannot_work_are_named(change, message, tmp_path):
    with pytest.raises(ValueError, match=message) as caught:
        moving_ball.run(dataclasses.replace(TINY, **change), str(tmp_path / "run"))
    assert "\n" not in str(caught.value)
    assert not os.path.exists(tmp_path / "run")


def test_a_run_is_not_overwritten(trained):
    with pytest.raises(run_folder.RunFolderError, match="already holds a run; give --resume"):
        moving_ball.run(TINY, trained[0])


def test_resuming_with_other_settings_is_refused(trained):
    settings = dataclasses.replace(TINY, train_kernel=True, train_inducing=True, beta=0.5)
    with pytest.raises(run_folder.RunFolderError, match="--beta=1.0, not 0.5"):
        moving_ball.run(settings, trained[0], resume=True)


def test_resuming_from_a_damaged_checkpoint_is_refused_in_one_line(tmp_path):
    folder = str(tmp_path / "run")
    moving_ball.run(dataclasses.replace(TINY, model="vae"), folder, verbose=0)
    with open(os.path.join(folder, "checkpoint.weights.h5"), "r+b") as file:
        file.truncate(1000)
    with pytest.raises(run_folder.RunFolderError, match="cannot resume from .*; delete it") as caught:
        moving_ball.run(dataclasses.replace(TINY, model="vae", steps=6), folder, resume=True, verbose=0)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(run_folder.RunFolderError, match="cannot write to .*file/run"):
        moving_ball.run(TINY, str(tmp_path / "file" / "run"))


def test_only_the_length_of_a_run_may_change_and_by_whole_epochs(tmp_path):
    folder = str(tmp_path / "run")
    moving_ball.run(TINY, folder, verbose=0)
    longer = dataclasses.replace(TINY, steps=6)
    assert moving_ball.run(longer, folder, resume=True, verbose=0)["steps"] == 6
    short = str(tmp_path / "short")
    moving_ball.run(dataclasses.replace(TINY, steps=3, steps_per_epoch=5), short, verbose=0)
    with pytest.raises(run_folder.RunFolderError, match="has 3 steps, which is not a whole number of epochs"):
        moving_ball.run(dataclasses.replace(TINY, steps=5, steps_per_epoch=5), short, resume=True, verbose=0)

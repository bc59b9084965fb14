"""The rotated-MNIST experiment on a few digits: every model runs, resumes, and generates without its data."""

import dataclasses
import json
import os

import numpy as np
import pytest

import svgp_vae_tf as svgp
from run_experiments.common import run_folder
from run_experiments.rotated_mnist import experiment as rotated_mnist
from run_experiments.rotated_mnist.settings import Settings
from tests.helpers.checkpoints import weights_of
from tests.helpers.small_runs import DIGITS, SHORT


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("runs") / "svgpvae")
    rotated_mnist.run(DIGITS, folder, verbose=0)
    return folder


def test_a_run_leaves_everything_behind(finished):
    names = {"config.json", "metrics.json", "history.csv", "figures", "tensorboard", "model.keras"}
    assert names <= set(os.listdir(finished))
    with open(os.path.join(finished, "metrics.json")) as file:
        metrics = json.load(file)
    assert metrics["epochs"] == 2
    assert metrics["num_data"] == 202
    for name in ("test_mse_mean", "test_mse_sampled", "eval_mse", "train_mse", "seconds_per_epoch"):
        assert 0.0 < metrics[name] < 10.0


def test_a_saved_model_generates_unseen_angles_without_the_data(finished):
    model = svgp.load_model(os.path.join(finished, "model.keras"))
    digits = rotated_mnist.load_data(DIGITS)
    mean = model.predict(rotated_mnist.auxiliary_data(digits.test), verbose=0)
    with open(os.path.join(finished, "metrics.json")) as file:
        expected = json.load(file)["test_mse_mean"]
    assert np.mean(np.square(mean - digits.test.images)) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(svgp.DataError, match="no whole number from 0 to 19"):
        model.predict(np.array([[20.0, 0.0]]), verbose=0)


def test_a_killed_run_resumes_to_the_same_weights_with_the_state_of_geco(finished, tmp_path, monkeypatch):
    folder = str(tmp_path / "killed")
    evaluate, calls = rotated_mnist.evaluate, []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return evaluate(*arguments)

    monkeypatch.setattr(rotated_mnist, "evaluate", killed)
    with pytest.raises(KeyboardInterrupt):
        rotated_mnist.run(DIGITS, folder, verbose=0)
    monkeypatch.setattr(rotated_mnist, "evaluate", evaluate)
    rotated_mnist.run(DIGITS, folder, resume=True, verbose=0)
    one, two = (weights_of(os.path.join(path, "checkpoint.weights.h5")) for path in (finished, folder))
    assert set(one) == set(two)
    assert any("geco" in name for name in one)
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name], err_msg=name)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("original_svigp", "original_gppvae")]


@pytest.mark.parametrize("model", ["cvae", "svigp", *SLOW])
def test_other_models_run(model, tmp_path):  # VAE and GPPVAE: staged training, below
    settings = Settings.of(model, **{**SHORT, "epochs": 1})
    metrics = rotated_mnist.run(settings, str(tmp_path / model), verbose=0)
    assert np.isfinite(metrics["test_mse_mean"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "gan"}, "unknown model 'gan'"),
        ({"digits": "33"}, "--digits takes different digits"),
        ({"digits": "x"}, "--digits takes different digits"),
        ({"epochs": 3, "evaluate_every": 2}, "must be a multiple"),
        ({"data": "a.npz", "mnist_path": "b.npz"}, "either --data"),
        ({"images_per_digit": 1000}, "there are 500 images of digit 3"),
        ({"final_batch_size": 32}, "--final_batch_size=32 is below --batch_size=64"),
        ({"adam_beta_2": 1.0}, "--adam_beta_2 must be between 0 and 1"),
        ({"beta": np.inf}, "--beta must be finite"),
        ({"variance_bounds": (10.0, 1.0)}, "--variance_bounds must be positive and rising, got 10,1"),
        ({"seed": -1}, "--seed must not be negative, got -1"),
        ({"optimizer": "sgd"}, "unknown optimizer 'sgd'; choose one of adam, soap"),
        ({"inducing_start": "random"}, "unknown inducing_start 'random'"),
        ({"inducing_start": "grid"}, "takes a multiple of the 16 angles, got 12"),
        ({"train_networks": False}, "give --start_from"),
        ({"model": "cvae", "start_from": "x"}, "which cvae does not share"),
        ({"num_inducing": 1000}, "1000 inducing points are more than the 202 data points"),
        ({"data": "missing.npz"}, "missing.npz is not a readable file"),
    ],
)
def test_settings_that_cannot_work_leave_no_folder(change, message, tmp_path):
    folder = str(tmp_path / "run")
    with pytest.raises(ValueError, match=message):
        rotated_mnist.run(dataclasses.replace(DIGITS, **change), folder)
    assert not os.path.exists(folder)


def test_other_settings_cannot_resume(finished):
    with pytest.raises(run_folder.RunFolderError, match="--num_inducing=12"):
        rotated_mnist.run(dataclasses.replace(DIGITS, num_inducing=8), finished, resume=True)


def test_a_taken_folder_is_refused_before_anything_is_done(finished, monkeypatch):
    monkeypatch.setattr(rotated_mnist, "load_data", None)
    with pytest.raises(run_folder.RunFolderError, match="already holds a run"):
        rotated_mnist.run(DIGITS, finished)


def test_staged_training_starts_from_the_networks_of_a_run_and_leaves_them(tmp_path):
    first, second = str(tmp_path / "vae"), str(tmp_path / "gppvae")
    short = {**SHORT, "epochs": 1}
    rotated_mnist.run(Settings.of("vae", **short), first, verbose=0)
    staged = Settings.of("gppvae", **short, start_from=first, train_networks=False)
    assert np.isfinite(rotated_mnist.run(staged, second, verbose=0)["test_mse_mean"])
    one, two = (svgp.load_model(os.path.join(path, "model.keras")) for path in (first, second))
    pairs = [(one.encoder, two.encoder), (one.decoder, two.decoder)]
    for before, after in [pair for a, b in pairs for pair in zip(a.weights, b.weights, strict=True)]:
        np.testing.assert_array_equal(before.numpy(), after.numpy())
    table = rotated_mnist.load_data(staged).pca
    assert np.max(np.abs(two.auxiliary.vectors.numpy() - table)) > 1e-4


def test_there_must_be_a_run_to_start_from(tmp_path):
    settings = Settings.of("gppvae", **SHORT, start_from=str(tmp_path / "nothing"))
    with pytest.raises(svgp.ModelFileError, match="nothing"):
        rotated_mnist.run(settings, str(tmp_path / "run"), verbose=0)


def test_a_model_cannot_start_from_conditional_networks(tmp_path):
    rotated_mnist.run(Settings.of("cvae", **{**SHORT, "epochs": 1}), str(tmp_path / "cvae"), verbose=0)
    changed = Settings.of("gppvae", **{**SHORT, "start_from": str(tmp_path / "cvae")})
    with pytest.raises(ValueError, match="take an angle as well"):
        rotated_mnist.run(changed, str(tmp_path / "gppvae"), verbose=0)

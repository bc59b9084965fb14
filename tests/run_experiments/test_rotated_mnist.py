"""The rotated-MNIST experiment on a few digits: every model runs, resumes, and generates without its data."""

import dataclasses
import json
import os

import h5py
import numpy as np
import pytest

import svgp_vae_tf as svgp
from run_experiments import rotated_mnist, run_folder
from run_experiments.rotated_mnist_settings import Settings

SMALL = Settings(
    images_per_digit=20, num_inducing=12, num_latents=4, epochs=2, evaluate_every=1, batch_size=128
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("runs") / "svgpvae")
    rotated_mnist.run(SMALL, folder, verbose=0)
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
    digits = rotated_mnist.load_data(SMALL)
    mean = model.predict(rotated_mnist.aux_of(digits.test), verbose=0)
    with open(os.path.join(finished, "metrics.json")) as file:
        expected = json.load(file)["test_mse_mean"]
    assert np.mean(np.square(mean - digits.test.images)) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(svgp.DataError, match="no whole number from 0 to 19"):
        model.predict(np.array([[20.0, 0.0]]), verbose=0)


def test_a_killed_run_resumes_to_the_same_weights_up_to_rounding_with_the_state_of_geco(
    finished, tmp_path, monkeypatch
):
    folder = str(tmp_path / "killed")
    evaluate, calls = rotated_mnist.evaluate, []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return evaluate(*arguments)

    monkeypatch.setattr(rotated_mnist, "evaluate", killed)
    with pytest.raises(KeyboardInterrupt):
        rotated_mnist.run(SMALL, folder, verbose=0)
    monkeypatch.setattr(rotated_mnist, "evaluate", evaluate)
    rotated_mnist.run(SMALL, folder, resume=True, verbose=0)
    one, two = (weights_of(os.path.join(path, "checkpoint.weights.h5")) for path in (finished, folder))
    assert set(one) == set(two)
    assert any("geco" in name for name in one)
    for name, value in one.items():
        # two uninterrupted runs differ by up to 1e-4 as well
        np.testing.assert_allclose(value, two[name], rtol=1e-3, atol=1e-3, err_msg=name)


def weights_of(path: str) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint but the metrics', by path."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return {name: value for name, value in found.items() if "tracker" not in name}


@pytest.mark.parametrize("model", ["cvae", "vae", "svigp"])
def test_every_model_runs(model, tmp_path):
    settings = dataclasses.replace(SMALL, model=model, learning_rate=1e-3, epochs=1)
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
        ({"num_inducing": 1000}, "1000 inducing points are more than the 202 data points"),
        ({"data": "missing.npz"}, "missing.npz is not a readable file"),
    ],
)
def test_settings_that_cannot_work_leave_no_folder(change, message, tmp_path):
    folder = str(tmp_path / "run")
    with pytest.raises(ValueError, match=message):
        rotated_mnist.run(dataclasses.replace(SMALL, **change), folder)
    assert not os.path.exists(folder)


def test_other_settings_cannot_resume(finished):
    with pytest.raises(run_folder.RunFolderError, match="--num_inducing=12"):
        rotated_mnist.run(dataclasses.replace(SMALL, num_inducing=8), finished, resume=True)

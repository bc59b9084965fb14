"""The moving-ball experiment end to end, on a few steps."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

import svgp_vae_tf as svgp
from data_generators import moving_ball as data
from run_experiments import demo
from run_experiments.common import run_folder
from run_experiments.moving_ball import bound_bias
from run_experiments.moving_ball import experiment as moving_ball
from run_experiments.moving_ball.settings import KERNELS, Settings
from svgp_vae_tf import callbacks
from svgp_vae_tf.gp import linalg, sparse, whitened

TINY = Settings(steps=4, steps_per_epoch=2, num_test_videos=6, batch_size=3, num_frames=8, num_inducing=4)


def command(*arguments: str, output=subprocess.DEVNULL) -> subprocess.Popen:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    line = [sys.executable, "-W", "ignore", "-m", *arguments]
    return subprocess.Popen(line, env=environment, text=True, stdout=output, stderr=subprocess.STDOUT)


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


@pytest.mark.parametrize("kernel", sorted(set(KERNELS) - {"squared_exponential"}))
def test_every_kernel_builds_a_model_with_gradients(kernel):
    model = moving_ball.build_model(dataclasses.replace(TINY, kernel=kernel, train_kernel=True))
    videos = data.videos(2, TINY.num_frames)
    history = model.fit(videos.times, videos.frames, verbose=0)
    assert np.isfinite(history.history["loss"][0])


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


def test_command_line_errors_are_one_line_and_help_needs_no_data(tmp_path):
    tiny = ["run_experiments.moving_ball", "--num_inducing=0", f"--output_dir={tmp_path}/a"]
    lines = {
        "value": tiny,
        "model": ["run_experiments.moving_ball", "--model=vq", f"--output_dir={tmp_path}/b"],
        "help": ["run_experiments.moving_ball", "--help"],
    }
    processes = {name: command(*line, output=subprocess.PIPE) for name, line in lines.items()}
    outputs = {name: process.communicate(timeout=120)[0] for name, process in processes.items()}
    assert processes["value"].returncode != 0 and processes["model"].returncode != 0
    assert outputs["value"].strip().splitlines()[-1] == "error: --num_inducing must be at least 1, got 0"
    assert "vq" in outputs["model"] and "svgpvae|gpvae|neural_process|vae" in outputs["model"]
    assert "Traceback" not in "".join(outputs.values())
    for shown in (
        "--num_inducing: Inducing points m",
        "--output_dir: The run folder",
        "--distribute: <none|",
        "Moving ball",
    ):
        assert shown in outputs["help"], shown


def test_a_killed_run_resumes_to_the_weights_of_a_whole_one(tmp_path):
    arguments = [
        "run_experiments.moving_ball", "--steps=30", "--steps_per_epoch=10", "--num_test_videos=6", "--batch_size=3",
        "--num_frames=8", "--num_inducing=4", "--train_kernel", "--train_inducing", "--verbose=2",
    ]  # fmt: skip
    whole, killed = str(tmp_path / "whole"), str(tmp_path / "killed")
    assert command(*arguments, f"--output_dir={whole}").wait(timeout=120) == 0
    process = command(*arguments, f"--output_dir={killed}")
    deadline = time.time() + 120
    while not os.path.exists(os.path.join(killed, "checkpoint.weights.h5")) and time.time() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not os.path.exists(os.path.join(killed, "metrics.json")), "the run ended before it was killed"
    assert command(*arguments, f"--output_dir={killed}", "--resume").wait(timeout=120) == 0
    assert weights(whole).keys() == weights(killed).keys()
    for name, value in weights(whole).items():
        np.testing.assert_array_equal(value, weights(killed)[name], err_msg=name)
    with open(os.path.join(whole, "history.csv")) as a, open(os.path.join(killed, "history.csv")) as b:
        assert a.read() == b.read()


def weights(folder: str) -> dict[str, np.ndarray]:
    values = {}
    with h5py.File(os.path.join(folder, "checkpoint.weights.h5")) as file:
        file.visititems(lambda name, item: values.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return values


def test_the_demo_compares_three_models(tmp_path, monkeypatch):
    monkeypatch.setattr(
        demo, "demo_settings", lambda model, steps: dataclasses.replace(TINY, model=model, num_frames=30, steps=steps)
    )
    rmse = demo.demo(str(tmp_path / "demo"), steps=2)
    assert set(rmse) == {"svgpvae", "gpvae", "vae", "none"}
    assert os.path.getsize(tmp_path / "demo" / "comparison.png") > 1000


def test_the_sparse_bound_finds_the_truth_with_all_points_and_a_smoother_kernel_with_few():
    assert bound_bias.best_length_scale(30, noise=0.01) == pytest.approx(2.0, rel=1e-3)
    assert bound_bias.best_length_scale(20, noise=0.01) == pytest.approx(2.0, rel=0.03)
    few, fewer = (bound_bias.best_length_scale(m, noise=0.01) for m in (15, 10))
    assert 2.2 < few < fewer


def test_no_sparse_posterior_mean_beats_the_lowest_rmse():
    frames, points = np.arange(30.0), np.linspace(0.0, 29.0, 10)
    draws = np.random.default_rng(0).multivariate_normal(
        np.zeros(30), bound_bias.kernel(frames, frames, 2.0), size=4000, method="svd"
    )
    chol = linalg.cholesky(bound_bias.kernel(points, points, 2.0), 1e-6)
    v = linalg.solve_lower(chol, bound_bias.kernel(points, frames, 2.0))
    q = sparse.posterior(sparse.statistics(v, draws, np.full_like(draws, 1e-6)))
    mean, _ = whitened.marginals(q, v, np.ones(30))
    rmse = np.sqrt(np.mean(np.square(np.asarray(mean) - draws)))
    assert rmse == pytest.approx(bound_bias.lowest_rmse(10), rel=0.02)  # without noise it is reached


def test_the_expected_bound_is_that_of_the_model():
    frames, points = np.arange(12.0), np.linspace(0.0, 11.0, 5)
    draws = np.random.default_rng(0).multivariate_normal(
        np.zeros(12), bound_bias.kernel(frames, frames, 2.0) + 0.1 * np.eye(12), size=20_000
    )
    k_mm = linalg.cholesky(bound_bias.kernel(points, points, 3.0), 1e-6)
    v = linalg.solve_lower(k_mm, bound_bias.kernel(points, frames, 3.0))
    noise = np.full_like(draws, 0.1)
    stats = sparse.statistics(v, draws, noise)
    bounds = sparse.titsias_bound(stats, np.ones(12), draws, noise)
    expected = bound_bias.expected_bound(3.0, points, 0.1, frames, 2.0)
    assert np.mean(bounds) == pytest.approx(expected, abs=5 * np.std(bounds) / np.sqrt(len(draws)))

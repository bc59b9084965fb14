"""The command of the moving-ball experiment: errors, and a run that is killed and resumed."""

import os
import shlex
import signal
import subprocess
import sys
import time

import h5py
import numpy as np

from run_experiments.moving_ball.experiment import MovingBall
from tests.helpers.command_line import run_module


def command(*arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    line = [sys.executable, "-W", "ignore", "-m", *arguments]
    return subprocess.Popen(line, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)


def test_command_line_errors_are_one_line(tmp_path):
    code, written = run_module("run_experiments.moving_ball", "--num_inducing=0", f"--output_dir={tmp_path}/a")
    assert code != 0 and written == "error: --num_inducing must be at least 1, got 0\n"
    code, written = run_module("run_experiments.moving_ball", "--model=vq", f"--output_dir={tmp_path}/b")
    assert code != 0 and "flag --model=vq: value should be one of <svgpvae|gpvae|neural_process|vae>" in written
    assert not list(tmp_path.iterdir())


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


def test_a_stop_says_how_to_go_on_and_the_run_goes_on_like_that(tmp_path, monkeypatch):
    arguments = ["--steps=4", "--steps_per_epoch=2", "--num_test_videos=6", "--batch_size=3", "--num_frames=8",
                 "--num_inducing=4", "--verbose=0", f"--output_dir={tmp_path / 'a run'}"]  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(MovingBall, "parameters", lambda *_: os.kill(os.getpid(), signal.SIGINT))
        code, written = run_module("run_experiments.moving_ball", *arguments)
    assert code == 130
    line = shlex.split(written)
    expected = ["python", "-m", "run_experiments.moving_ball", *arguments, "--resume"]
    assert line == ["stopped;", "to", "go", "on:", *expected] and written.count("\n") == 1
    code, written = run_module(line[6], *line[7:])
    assert code == 0 and "after 4 steps" in written


def weights(folder: str) -> dict[str, np.ndarray]:
    values = {}
    with h5py.File(os.path.join(folder, "checkpoint.weights.h5")) as file:
        file.visititems(lambda name, item: values.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return values

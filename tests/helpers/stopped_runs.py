"""Runs of the moving-ball experiment that are stopped at random times, resumed, and compared with one that was not.

    python -m tests.helpers.stopped_runs SIGKILL 20

All runs are processes of their own, started the same way: others need not agree bit for bit.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from tests.helpers.checkpoints import weights_of

ARGUMENTS = [
    "--steps=60", "--steps_per_epoch=5", "--num_test_videos=6", "--batch_size=3", "--num_frames=8", "--num_inducing=4",
    "--train_kernel", "--train_inducing", "--verbose=2",
]  # fmt: skip


def command(folder: str, *more: str) -> subprocess.Popen:
    line = [sys.executable, "-W", "ignore", "-m", "run_experiments.moving_ball", *ARGUMENTS]
    line += [f"--output_dir={folder}", *more]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_CPP")}
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_to_the_end(folder: str, *more: str) -> None:
    with command(folder, *more) as process:
        output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, output + errors
    assert not [name for name in os.listdir(folder) if name.endswith((".partial", ".lock"))]


def stop(folder: str, number: signal.Signals, seconds: float) -> str:
    """Start a run, and send it a signal after some time; how far it came, or "" if it had ended before."""
    with command(folder) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.send_signal(number)
        output, errors = process.communicate(timeout=600)
    if process.returncode == 0:
        return ""
    if number == signal.SIGINT and process.returncode == 128 + number:
        assert errors.startswith("stopped; to go on: ") and errors.count("\n") == 1, errors
    else:  # killed; Ctrl-C kills while modules are imported
        assert process.returncode == -number and errors == "", errors
    marks = ("config.json", "history.csv", "checkpoint.weights.h5", "model.keras", "metrics.json")
    found = [name for name in marks if os.path.exists(os.path.join(folder, name))]
    return found[-1] if found else "nothing"


def assert_same(one: str, two: str) -> None:
    first, second = (weights_of(os.path.join(folder, "checkpoint.weights.h5")) for folder in (one, two))
    assert first.keys() == second.keys() and len(first) > 10
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)
    with open(os.path.join(one, "history.csv")) as a, open(os.path.join(two, "history.csv")) as b:
        assert a.read() == b.read()


def stops(number: signal.Signals, count: int, folder: str, seed: int = 0) -> Iterator[str]:
    """Stop runs, at times from the start of the process to its end; a line about each that was resumed to the end."""
    whole = os.path.join(folder, "whole")
    began = time.monotonic()
    run_to_the_end(whole)
    length = time.monotonic() - began
    times = random.Random(seed)
    for i in range(count):
        stopped, share = os.path.join(folder, f"stopped{i}"), (i + times.random()) / count
        began = time.monotonic()
        while not (reached := stop(stopped, number, seconds := share * length)):
            shutil.rmtree(stopped)
            length, began = time.monotonic() - began, time.monotonic()  # it was faster than the one before
        run_to_the_end(stopped, "--resume")
        assert_same(whole, stopped)
        yield f"{number.name} {i + 1} of {count} after {seconds:.2f} s of {length:.1f} s, having written {reached}"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background of a script ignores it
    with tempfile.TemporaryDirectory() as temporary:
        for message in stops(signal.Signals[sys.argv[1]], int(sys.argv[2]), temporary):
            print(message, flush=True)

"""Signals that stop a command, in processes of their own."""

import signal
import subprocess
import sys
import time

import pytest

BUSY = """
import hashlib
from data_generators.commands.stopping import Stopped, stoppable

with stoppable():
    try:
        print("ready", flush=True)
        hashlib.pbkdf2_hmac("sha256", b"", b"", {steps})  # like a training step, Python does not interrupt it
        print("ended", flush=True)
    except Stopped as stop:
        raise SystemExit(stop.code)
"""
STARTING = """
from data_generators.commands import stopping
stopping.end_at_once_while_starting()
"""
IMPORTING = 'print("ready", flush=True)\nimport time\ntime.sleep(60)\n'


def started(*arguments: str, **kwargs) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.2)  # until it is within the step that it is ready for
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_waits_for_the_step_at_hand(number, code):
    with started("-c", BUSY.format(steps=10**6)) as process:
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == code


def test_the_second_signal_does_not_wait():
    with started("-c", BUSY.format(steps=10**9)) as process:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130


def test_signals_that_are_ignored_stay_ignored():
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    with started("-c", ignore + BUSY.format(steps=10**6)) as process:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("ended\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize(("as_module", "quiet"), [(True, True), (False, False)])
def test_a_command_that_is_still_importing_ends_at_once(as_module, quiet, tmp_path):
    """A program that imports the package for something else keeps Python's traceback."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text(STARTING)
    (tmp_path / "package" / "__main__.py").write_text(IMPORTING)
    (tmp_path / "package" / "other.py").write_text(IMPORTING)
    environment = {"PYTHONPATH": f"{tmp_path}:."}
    line = ["-m", "package"] if as_module else ["-c", "import package.other"]
    with started(*line, env=environment) as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT  # a shell says 130
    assert ("Traceback" not in errors) == quiet

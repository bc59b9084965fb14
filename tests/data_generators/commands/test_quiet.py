"""What TensorFlow prints at a start."""

import os
import subprocess
import sys

import pytest

from data_generators.commands import quiet
from tests.helpers import stopped_runs


def start(module: str, **environment: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_CPP")}
    line = [sys.executable, "-W", "ignore", "-m", module, "--help"]
    return subprocess.run(line, env=kept | environment, capture_output=True, text=True, timeout=300)


def test_a_command_starts_without_notes():
    done = start("run_experiments.report")
    assert "--results_dir" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("module", ["run_experiments.demo", "benchmarks.settings", "data_generators.moving_ball",
                                    "data_generators.sprites", "data_generators.rotated_mnist"])  # fmt: skip
def test_every_kind_of_command_starts_without_notes(module):
    assert start(module).stderr == ""


@pytest.mark.slow
def test_a_run_writes_nothing_to_the_standard_error(tmp_path):
    with stopped_runs.command(str(tmp_path / "run")) as process:
        output, errors = process.communicate(timeout=600)
    assert "after 60 steps" in output and errors == ""


@pytest.mark.slow
def test_notes_that_are_asked_for_are_shown():
    assert "oneDNN custom operations are on" in start("run_experiments.report", TF_CPP_MIN_LOG_LEVEL="0").stderr


def test_warnings_and_errors_pass(capfd):
    with quiet.without_notes():
        os.write(2, b"I0000 00:00 a note\nW0000 00:00 a warning\nE0000 failed call to cuInit: UNKNOWN ERROR (303)\n")
        os.write(2, b"E0000 failed call to cuInit: UNKNOWN ERROR (999)\nIllegal\nno newline")
    expected = "W0000 00:00 a warning\nE0000 failed call to cuInit: UNKNOWN ERROR (999)\nIllegal\nno newline"
    assert capfd.readouterr().err == expected
    with pytest.raises(ImportError), quiet.without_notes():
        raise ImportError
    os.write(2, b"I0000 later\n")
    assert capfd.readouterr().err == "I0000 later\n"


CRASH = """
import os, sys
class TensorFlow:  # it takes seconds
    class config:
        list_physical_devices = str
sys.modules["tensorflow"] = TensorFlow
from data_generators.commands import quiet
with quiet.without_notes():
    os.write(2, b"I0000 a note\\nF0000 needs another processor\\n")
    os.abort()
"""


def test_the_message_of_a_crash_arrives():
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, timeout=300)
    assert done.returncode != 0
    assert done.stderr == "F0000 needs another processor\n"

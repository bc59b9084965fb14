"""How commands end: errors that the user can fix, signals, and other errors."""

import errno
import os
import signal
import sys

import pytest
from absl import app

from data_generators.commands import program
from data_generators.commands.lock import FolderInUseError


@pytest.fixture(autouse=True)
def flags_are_parsed(monkeypatch):
    monkeypatch.setattr(app, "run", lambda main: main([]))
    monkeypatch.setattr(sys, "argv", ["train.py", "--output_dir=a b", "--steps=3"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)


def fail(error: BaseException):
    raise error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "x.npz"), "x.npz: Permission denied"),
        (OSError(errno.ENOSPC, "no room for x"), "no room for x"),
        (OSError("cannot\n write"), "cannot write"),
        (ValueError("a, not b"), "a, not b"),
        (FolderInUseError("runs is in use"), "runs is in use"),
        (KeyError("more"), "'more'"),
    ],
)
def test_errors_that_the_user_can_fix_are_one_line(error, line):
    with pytest.raises(SystemExit) as end:
        program.run(lambda: fail(error), more_errors=(KeyError,))
    assert end.value.code == f"error: {line}"


def test_faults_of_the_program_keep_their_traceback():
    with pytest.raises(KeyError):
        program.run(lambda: fail(KeyError("fault")))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    ("resume", "line"),
    [
        (None, "stopped\n"),
        ([], "stopped; to go on: python train.py '--output_dir=a b' --steps=3\n"),
        (["--steps=3", "--resume"], "stopped; to go on: python train.py '--output_dir=a b' --steps=3 --resume\n"),
    ],
)
def test_a_signal_ends_a_program_with_the_command_that_goes_on(number, code, resume, line, capsys):
    handlers = signal.getsignal(number)
    with pytest.raises(SystemExit) as end:
        program.run(lambda: os.kill(os.getpid(), number), resume=resume)
    assert end.value.code == code
    assert capsys.readouterr() == ("", line)
    assert signal.getsignal(number) is handlers


def test_a_program_that_ends_by_itself_says_nothing(capsys):
    done: list = []
    program.run(lambda: done.append(True), resume=[])
    assert done == [True]
    assert capsys.readouterr() == ("", "")

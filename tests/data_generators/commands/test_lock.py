"""Locks on folders: who is kept out, and what ends a lock."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from data_generators.commands import lock

HOLD = """
import os, subprocess, sys, time
from data_generators.commands.lock import locked

with locked(sys.argv[1]):
    if sys.argv[2] == "a program that goes on":
        subprocess.Popen(["sleep", "60"], close_fds=False)
    elif sys.argv[2] != "none":
        child = os.fork()
        if child == 0:
            time.sleep(60 if sys.argv[2] == "a fork that goes on" else 0)
            os._exit(0)
        if sys.argv[2] == "a fork that has ended":
            os.waitpid(child, 0)
    print("locked", flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def holder(folder, children: str = "none") -> Iterator[subprocess.Popen]:
    """A process that has locked a folder, with child processes of its own."""
    line = [sys.executable, "-c", HOLD, str(folder), children]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("children", ["none", "a fork that has ended"])
def test_a_folder_in_use_is_refused_in_one_line_that_names_the_process(children, tmp_path):
    (tmp_path / "file").write_text("kept")
    with holder(tmp_path, children) as process:
        for _ in range(2):  # the one who is refused does not take the lock away
            with pytest.raises(lock.FolderInUseError) as caught, lock.locked(tmp_path):
                pass
    user = f"process {process.pid} on {socket.gethostname()}"
    assert str(caught.value) == f"{tmp_path} is in use by {user}: wait until it has ended, or choose another folder"
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("children", ["none", "a fork that goes on", "a program that goes on"])
def test_a_killed_process_leaves_no_lock_even_if_a_child_lives_on(children, tmp_path):
    with holder(tmp_path, children) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert os.listdir(tmp_path) == [lock.NAME]
        for remaining in range(50, -1, -1):  # a fork may not have come to close its files yet
            try:
                with lock.locked(tmp_path):
                    break
            except lock.FolderInUseError:
                assert remaining
                time.sleep(0.1)
    assert os.listdir(tmp_path) == []


def test_a_lock_leaves_nothing_behind(tmp_path):
    new = tmp_path / "new"
    with lock.locked(new):
        assert new.is_dir()
    assert not new.exists()
    with pytest.raises(KeyError), lock.locked(new):
        (new / "file").write_text("kept")
        raise KeyError
    assert os.listdir(new) == ["file"]
    with lock.locked(new):
        pass
    assert os.listdir(new) == ["file"]


def test_a_lock_file_that_was_deleted_is_no_error_at_the_end(tmp_path):
    with lock.locked(tmp_path):
        os.remove(tmp_path / lock.NAME)
    assert os.listdir(tmp_path) == []


def test_a_file_that_was_removed_is_not_locked(tmp_path, monkeypatch):
    """Between opening the file and locking it, the one who had it can have ended."""
    real = os.open

    def late(path, *arguments):
        descriptor = real(path, *arguments)
        os.remove(path)
        with open(path, "w"):  # a third process comes first
            return descriptor

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(lock.FolderInUseError, match="in use by another process"), lock.locked(tmp_path):
        pass


def test_a_file_system_without_locks_lets_all_pass(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no locks available")

    monkeypatch.setattr(lock.fcntl, "flock", fail)
    with lock.locked(tmp_path), lock.locked(tmp_path / "other"):
        pass

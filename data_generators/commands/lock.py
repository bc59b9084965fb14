"""One process at a time in a folder, by a lock that the operating system releases when the process ends.

The lock is on a file, which is removed at the end. A process that is killed leaves the file behind, but no lock on it.
"""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator

if sys.platform != "win32":
    import fcntl

NAME = ".lock"
"""The file in a folder that is in use."""

_held: set[int] = set()
"""Descriptors of the files that this process has locked."""


class FolderInUseError(RuntimeError):
    """Another process is writing the folder; the message says which."""


@contextlib.contextmanager
def locked(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other processes out of a folder until the with block ends; they keep out if they lock it as well.

    The folder is created if necessary, and removed again if nothing is written into it. There is no lock on systems
    other than Unix, nor on file systems that have none.

    Raises:
        FolderInUseError: if another process has locked the folder.
        OSError: if the folder cannot be written.
    """
    made = not os.path.isdir(folder)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, NAME)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _lock(descriptor, path):
            user = os.read(descriptor, 200).decode(errors="replace") or "another process"
            raise FolderInUseError(f"{os.fspath(folder)} is in use by {user}: "
                                   "wait until it has ended, or choose another folder")  # fmt: skip
        _held.add(descriptor)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
    finally:
        _held.discard(descriptor)
        os.close(descriptor)
        if made:
            with contextlib.suppress(OSError):  # it is not empty
                os.rmdir(folder)


def _lock(descriptor: int, path: str) -> bool:
    """Lock an open file; whether no other process has locked it, or has just removed it."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        return True
    return os.path.exists(path) and os.path.samestat(os.fstat(descriptor), os.stat(path))


def _let_go() -> None:
    """Close the locked files, in a forked process: it could outlive this one, and would keep the locks."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_let_go)

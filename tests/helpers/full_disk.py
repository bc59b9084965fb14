"""A disk that becomes full."""

import contextlib
import os
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    """Writing beyond this many bytes of a file fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))  # Python ignores the signal, so that writing fails
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: str | os.PathLike) -> dict[str, bytes]:
    """All files of a folder."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found

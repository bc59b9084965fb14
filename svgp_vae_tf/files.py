"""Files that are written as a whole or not at all: what fails in between leaves the file that was there."""

import contextlib
import io
import os
import shutil
import uuid
from collections.abc import Callable
from typing import Any


def replace(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file under another name in its folder, then give it its own.

    Raises:
        OSError: if it cannot be written, for example for lack of room; the file that was there is kept.
    """
    path = os.path.realpath(path)  # of a link, the file that it points to
    partial = f"{path}.{uuid.uuid4().hex[:8]}.partial"  # a name of its own: other processes may write the same file
    try:
        with open(partial, "wb") as file:
            file.write(content)
        if os.path.exists(path):
            shutil.copymode(path, partial)
        os.replace(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)


class _Memory(io.BytesIO):
    """A file in memory that is called like one on a disk: Keras reads the format from the name."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._name = os.path.basename(path)

    def __str__(self) -> str:
        return self._name


def write_with_keras(write: Callable[..., Any], path: Any, ending: str, overwrite: bool = True, **kwargs: Any) -> None:
    """Let Keras write a file into memory, then replace the one on the disk.

    HDF5, in which Keras writes weights, crashes when a disk is full. What is not a new or a replaced file on a disk
    (a folder, several files, a remote file, one that Keras asks about) is left to Keras alone.

    Args:
        write: `save` or `save_weights` of a model.
        path: the file.
        ending: what the names of such files end with.
        overwrite, kwargs: as for Keras.

    Raises:
        OSError: if the file cannot be written; the one that was there is kept.
    """
    name = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
    kwargs = {key: value for key, value in kwargs.items() if value is not None}
    asks = not overwrite and os.path.exists(name)
    if kwargs or asks or "://" in name or not name.endswith(ending):
        write(path, overwrite=overwrite, **kwargs)
    else:
        memory = _Memory(name)
        write(memory, overwrite=True)
        replace(name, memory.getvalue())

"""Files that are written as a whole or not at all, as in `svgp_vae_tf.files`: data can be had without the library."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write under another name in the same folder; at the end of the with block it gets its own.

    Raises:
        OSError: if it cannot be written, for example for lack of room; the file that was there is kept.
    """
    path = os.path.realpath(path)  # of a link, the file that it points to
    partial = f"{path}.{uuid.uuid4().hex[:8]}.partial"
    try:
        with open(partial, "wb") as file:
            yield file
        if os.path.exists(path):
            shutil.copymode(path, partial)
        os.replace(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)

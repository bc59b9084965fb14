"""Files of named arrays (``.npz``) and what they must hold: shapes that fit together, and finite numbers in a range.

The headers of all arrays are read and checked before the content of any, and of the content no more is read than its
header announces. So a small file that would unpack to gigabytes takes no memory.
"""

import contextlib
import math
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from data_generators.files import replacing
from data_generators.messages import one_line


class Expected(NamedTuple):
    """An array as it must be."""

    shape: tuple[int | str, ...]
    """A word stands for any length from 1, the same in all arrays of a file."""
    smallest: float
    largest: float
    whole: bool = False
    """Whether all values are whole numbers."""


class _HasShape(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype
    num_bytes: int
    """Size of the content according to the archive."""


def names(path: str, content: str) -> list[str]:
    """Names of the arrays in a file.

    Raises:
        ValueError: as `read` does.
    """
    with _opened(path, content) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read(path: str, expected: Mapping[str, Expected], *, content: str, most_bytes: int) -> dict[str, np.ndarray]:
    """Read arrays and check them.

    Args:
        path: the file.
        expected: the arrays to read.
        content: what the file should hold, for error messages.
        most_bytes: the largest size of an array.

    Raises:
        ValueError: one line that names the file and what is wrong with it.
    """
    with _opened(path, content) as archive:
        headers = {name: _read_header(archive, name) for name in expected}
        check_shapes(headers, expected)
        for name, header in headers.items():
            announced = math.prod(header.shape) * header.dtype.itemsize
            if announced != header.num_bytes:
                raise ValueError(f"{name} has {header.num_bytes} bytes, its header says {announced}")
            if announced > most_bytes:
                raise ValueError(f"{name} has {announced} bytes, at most {most_bytes} are possible")
        arrays = {}
        for name, array in expected.items():
            arrays[name] = _read_array(archive, name)
            check_values(name, arrays[name], array)
        return arrays


def write(path: str, arrays: Mapping[str, Any], expected: Mapping[str, Expected], *, most_bytes: int) -> None:
    """Write arrays that `read` accepts; the file appears under its name only when it is complete.

    Raises:
        ValueError: naming the array that `read` would refuse.
    """
    check_shapes(arrays, expected)
    for name, array in expected.items():
        if arrays[name].nbytes > most_bytes:
            raise ValueError(f"{name} has {arrays[name].nbytes} bytes, more than the {most_bytes} of a file: write two")
        check_values(name, arrays[name], array)
    with replacing(path) as file:
        np.savez_compressed(file, **arrays)


def check_shapes(found: Mapping[str, _HasShape], expected: Mapping[str, Expected]) -> None:
    """Raise ValueError unless all arrays hold real numbers and their shapes are as expected and fit together."""
    lengths: dict[int | str, int] = {}
    for name, array in expected.items():
        shape, dtype = found[name].shape, found[name].dtype
        if dtype.kind not in "uif":
            raise ValueError(f"{name} holds values of type {dtype}, not real numbers")
        needed = tuple(lengths.get(axis, axis) for axis in array.shape)
        pairs = zip(shape, needed, strict=False)
        if len(shape) != len(needed) or any(n != m if isinstance(m, int) else n < 1 for n, m in pairs):
            raise ValueError(f"{name} has shape ({_listed(shape)}), not ({_listed(needed)})")
        lengths |= {axis: length for axis, length in zip(array.shape, shape, strict=True) if isinstance(axis, str)}


def check_values(name: str, array: np.ndarray, expected: Expected) -> None:
    """Raise ValueError unless all values are finite, in their range, and whole if they must be."""
    with np.errstate(invalid="ignore"):
        least, most = array.min(), array.max()  # NaN if there is one; without a temporary array
    fits = expected.smallest <= least and most <= expected.largest
    if not fits or (expected.whole and array.dtype.kind == "f" and np.any(array != np.floor(array))):
        what = "whole numbers" if expected.whole else "numbers"
        span = f"{expected.smallest:g} to {expected.largest:g}"
        raise ValueError(f"{name} needs {what} from {span}, but has values from {least:g} to {most:g}")


def _listed(shape: tuple[int | str, ...]) -> str:
    return ", ".join(map(str, shape))


@contextlib.contextmanager
def _opened(path: str, content: str) -> Iterator[zipfile.ZipFile]:
    """The archive, with the file's name put before all that is found wrong with it."""
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            yield archive
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise ValueError(f"{path} is not a readable file of {content}: {one_line(error)}; make it again") from error


def _read_header(archive: zipfile.ZipFile, name: str) -> _Header:
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"it has no array {name}")
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others cannot be unpacked in parts
        raise ValueError(f"{name} is not compressed as NumPy does it")
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):  # headers of later versions may have 4 GB; NumPy writes them for records only
            raise ValueError(f"{name} has a header of version {version}, not (1, 0)")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        return _Header(shape, dtype, member.file_size - stream.tell())


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """The array, whose header has been checked; the archive's checksum is checked here."""
    with archive.open(f"{name}.npy") as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)

"""Readers for files of MNIST digits: NumPy archives and MNIST's own IDX format."""

import gzip
import os
import struct

import numpy as np

from data_generators import array_files
from data_generators.array_files import Expected
from data_generators.messages import one_line

SIZE = 28
IMAGES_FILE = "train-images-idx3-ubyte"
MOST_BYTES = 2**29  # of an array: 680,000 images, more than any collection of such digits has

_IMAGES = Expected(("images", SIZE, SIZE), 0, 255, whole=True)
_LABELS = Expected(("images",), 0, 9, whole=True)
_GZIP_SIGNATURE = b"\x1f\x8b"
_IDX_BYTES = 0x800  # magic number of an IDX file of unsigned bytes, to which the number of axes is added


def read(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images and labels from an ``.npz`` file, an IDX images file or a folder with the IDX files.

    Args:
        path: see `data_generators.rotated_mnist.load_digits`.

    Returns:
        Images (n, 28, 28) from 0 to 255 and labels (n,) from 0 to 9, of the type that the file holds.

    Raises:
        ValueError: if the file is missing, truncated, in another format, or does not hold MNIST digits.
    """
    is_idx = os.path.isdir(path) or "ubyte" in os.path.basename(path)
    return _read_idx_pair(path) if is_idx else _read_npz(path)


def check_digits(name: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Raise ValueError unless the arrays hold MNIST digits: images (n, 28, 28) from 0 to 255 and labels (n,)."""
    found, expected = {"images": images, "labels": labels}, {"images": _IMAGES, "labels": _LABELS}
    try:
        array_files.check_shapes(found, expected)
        for part, array in found.items():
            array_files.check_values(part, array, expected[part])
    except ValueError as error:
        raise ValueError(f"{name} does not hold MNIST: {error}") from error


def _read_npz(path: str) -> tuple[np.ndarray, np.ndarray]:
    content = "MNIST digits"
    images, labels = ("images", "labels") if "images" in array_files.names(path, content) else ("x_train", "y_train")
    expected = {images: _IMAGES, labels: _LABELS}
    arrays = array_files.read(path, expected, content=content, most_bytes=MOST_BYTES)
    return arrays[images], arrays[labels]


def _read_idx_pair(path: str) -> tuple[np.ndarray, np.ndarray]:
    folder, name = (path, IMAGES_FILE) if os.path.isdir(path) else os.path.split(path)
    labels = os.path.join(folder, name.replace("images", "labels").replace("idx3", "idx1"))
    arrays = _read_idx(os.path.join(folder, name), (SIZE, SIZE)), _read_idx(labels, ())
    check_digits(os.path.join(folder, name), *arrays)
    return arrays


def _read_idx(path: str, item: tuple[int, ...]) -> np.ndarray:
    """Read an array (n, *item) of bytes in the IDX format; the file may also be found with ``.gz`` added or removed."""
    other = path.removesuffix(".gz") if path.endswith(".gz") else f"{path}.gz"
    path = other if os.path.exists(other) and not os.path.exists(path) else path
    num_axes = 1 + len(item)
    try:
        with open(path, "rb") as opened:
            is_compressed = opened.read(2) == _GZIP_SIGNATURE
            opened.seek(0)
            stream = gzip.GzipFile(fileobj=opened) if is_compressed else opened
            magic, length, *found_item = struct.unpack(f">{1 + num_axes}I", stream.read(4 * (1 + num_axes)))
            if (magic, *found_item) != (_IDX_BYTES + num_axes, *item):
                found = f"magic number {magic} and items of shape {tuple(found_item)}"
                raise ValueError(f"its header has {found}, not {_IDX_BYTES + num_axes} and {item}")
            size = length * int(np.prod(item))
            if size > MOST_BYTES:
                raise ValueError(f"its header says {size} bytes, at most {MOST_BYTES} are possible")
            content = stream.read(size + 1)  # one more, to see that the file ends there
            if len(content) != size:
                found = "more" if len(content) > size else f"{len(content)} bytes"
                raise ValueError(f"it is damaged: its header says {size} bytes, there are {found}")
    except Exception as error:  # gzip, zlib and struct raise many kinds
        raise ValueError(f"{path} is not a readable MNIST file: {one_line(error)}; fetch it again") from error
    return np.frombuffer(content, np.uint8).reshape(length, *item)

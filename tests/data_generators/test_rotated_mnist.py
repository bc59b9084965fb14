"""Rotated digits: the published recipe draw for draw, and clear errors."""

import pathlib

import numpy as np
import pytest
from scipy import ndimage

from data_generators import rotated_mnist as data

MNIST = pathlib.Path(__file__).parents[3] / "shared" / "data" / "mnist.npz"  # extra: beside a checkout, not in it


@pytest.fixture(scope="module")
def small() -> data.RotatedMNIST:
    images, labels = data.load_digits()
    return data.rotated(images, labels, digits=[3, 6], images_per_digit=20, num_scores=4, num_angles=8)


def test_the_embedded_digits_are_mnist():
    images, labels = data.load_digits()
    assert images.shape == (5000, 28, 28)
    np.testing.assert_array_equal(np.bincount(labels), [500] * 10)


@pytest.mark.skipif(not MNIST.exists(), reason="needs MNIST's training file")
def test_seed_0_of_the_training_file_gives_the_published_data_set():
    images, labels = data.load_digits(str(MNIST))
    made = data.rotated(images, labels, eval_shuffle=False)
    assert [len(split.images) for split in made[:3]] == [4050, 640, 270]
    assert np.unique(made.test.aux[:, 1]) == np.deg2rad(157.5)
    np.testing.assert_array_equal(made.test.aux[:6, 0], [141, 346, 166, 86, 228, 172])
    np.testing.assert_array_equal(made.eval.aux[:16, 0], [360] * 16)
    kept_angles = np.delete(np.deg2rad(np.arange(16) * 22.5), 7)
    for row, place in enumerate([395, 2522, 1471, 4284, 580]):
        assert made.train.aux[row, 0] == place // 15
        assert made.train.aux[row, 1] == kept_angles[place % 15]
    _, counts = np.unique(made.train.aux[:, 1], return_counts=True)
    np.testing.assert_array_equal(counts, [266, 248, 276, 280, 284, 267, 263, 282, 274, 280, 258, 264, 268, 262, 278])
    pixels = made.test.images
    sums = [pixels.sum(), np.square(pixels).sum(), made.eval.images.sum()]
    np.testing.assert_allclose(sums, [30099.282049, 25431.678513, 70814.168812], rtol=1e-9)
    np.testing.assert_allclose([pixels.min(), pixels.max()], [-0.21562, 1.22044], atol=1e-5)
    np.testing.assert_allclose(
        made.pca.std(axis=0), [2.377, 2.083, 1.880, 1.519, 1.420, 1.304, 1.222, 1.128], atol=1e-3
    )
    shuffled = data.rotated(images, labels)
    np.testing.assert_array_equal(shuffled.test.aux[:3, 0], [140, 323, 195])
    assert np.unique(shuffled.test.aux[:, 1]) == np.deg2rad(225.0)


def test_splits_are_what_they_say(small):
    held_out = np.unique(small.test.aux[:, 1])
    assert len(held_out) == 1
    assert held_out[0] not in small.train.aux[:, 1]
    assert set(small.test.aux[:, 0]) <= set(small.train.aux[:, 0])
    assert set(small.eval.aux[:, 0]) == {18.0, 19.0, 38.0, 39.0}
    assert [len(split.images) for split in small[:3]] == [int(36 * 7 * 0.75), 4 * 8, int(36 * 0.75)]
    np.testing.assert_array_equal(small.train.aux[:, 2:], small.pca[small.train.aux[:, 0].astype(int)])


def test_images_are_rotated_by_their_angle(small):
    """An object's image at angle zero, turned, is its image at the other angles."""
    ids, angles = small.eval.aux[:, 0], small.eval.aux[:, 1]
    upright = small.eval.images[(ids == 18) & (angles == 0)][0, :, :, 0]
    turned = small.eval.images[(ids == 18) & (angles == np.pi / 2)][0, :, :, 0]
    np.testing.assert_allclose(turned, ndimage.rotate(upright, 90.0, reshape=False), atol=1e-12)
    np.testing.assert_allclose(turned, np.rot90(upright), atol=1e-6)


def test_scores_are_principal_components(small):
    covariance = small.pca.T @ small.pca
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-9 * covariance.max())
    assert np.all(np.diff(np.diag(covariance)) < 0)


def test_a_held_out_angle_can_be_chosen_and_files_keep_everything(tmp_path):
    images, labels = data.load_digits()
    made = data.rotated(images, labels, images_per_digit=10, num_scores=2, held_out_angle=90.0, num_angles=4)
    assert np.unique(made.test.aux[:, 1]) == np.pi / 2
    path = str(tmp_path / "rotated.npz")
    data.save(path, made)
    read = data.load(path)
    for old, new in zip(made[:3], read[:3], strict=True):
        np.testing.assert_array_equal(old.images, new.images)
        np.testing.assert_array_equal(old.aux, new.aux)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"digits": [10]}, "digits must be"),
        ({"digits": [3, 3]}, "digits must be"),
        ({"images_per_digit": 501}, "there are 500 images of digit 3, but 501"),
        ({"held_out_angle": 10.0}, "held_out_angle must be one of 0, 22.5"),
        ({"drop_rate": 1.0}, "drop_rate"),
        ({"images_per_digit": 4}, "principal components"),
        ({"images_per_digit": 8, "eval_fraction": 0.0}, "evaluation split is empty"),
    ],
)
def test_what_cannot_be_had_is_named(arguments, message):
    images, labels = data.load_digits()
    with pytest.raises(ValueError, match=message):
        data.rotated(images, labels, **arguments)


def test_files_that_are_not_mnist_are_named(tmp_path):
    path = tmp_path / "file.npz"
    with pytest.raises(ValueError, match="file.npz is not a readable"):
        data.load_digits(str(path))
    path.write_bytes(b"not an archive")
    with pytest.raises(ValueError, match="file.npz is not a readable"):
        data.load_digits(str(path))
    np.savez(path, x_train=np.zeros((5, 8, 8), np.uint8), y_train=np.zeros(5))
    with pytest.raises(ValueError, match="does not hold MNIST"):
        data.load_digits(str(path))


def broken(part: str, data_set: data.RotatedMNIST) -> dict[str, np.ndarray]:
    """The arrays of a file, one of them wrong."""
    arrays = {f"{n}_{f}": a for n in ("train", "eval", "test") for f, a in getattr(data_set, n)._asdict().items()}
    arrays["pca"] = data_set.pca
    if part == "angle":
        arrays["train_aux"] = arrays["train_aux"][:, :1]
    elif part == "id":
        arrays["test_aux"] = arrays["test_aux"] + 1000.0
    elif part == "nan":
        arrays["eval_images"] = arrays["eval_images"] * np.nan
    else:
        del arrays["pca"]
    return arrays


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("angle", "train aux need a row"),
        ("id", "test has object ids"),
        ("nan", "eval holds values that are not finite"),
        ("pca", "not a readable file of rotated digits"),
    ],
)
def test_files_whose_arrays_do_not_fit_are_named(small, tmp_path, part, message):
    path = str(tmp_path / "rotated.npz")
    np.savez(path, **broken(part, small))
    with pytest.raises(ValueError, match=message):
        data.load(path)
    with open(path, "r+b") as file:
        file.truncate(1000)
    with pytest.raises(ValueError, match="not a readable file of rotated digits"):
        data.load(path)

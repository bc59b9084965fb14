"""Rotated digits: the published recipe draw for draw, and clear errors."""

import os
import pathlib
import random

import numpy as np
import pytest
from scipy import ndimage

from data_generators import rotated_mnist as data
from tests.helpers.command_line import run_module

MNIST = pathlib.Path(__file__).parents[3] / "shared" / "data" / "mnist.npz"  # extra: beside a checkout, not in it


@pytest.fixture(scope="module")
def mnist() -> tuple[np.ndarray, np.ndarray]:
    return data.load_digits()


@pytest.fixture(scope="module")
def small(mnist) -> data.RotatedMNIST:
    images, labels = mnist
    return data.rotated(images, labels, digits=[3, 6], images_per_digit=20, num_scores=4, num_angles=8)


def test_the_embedded_digits_are_mnist(mnist):
    images, labels = mnist
    assert images.shape == (5000, 28, 28)
    np.testing.assert_array_equal(np.bincount(labels), [500] * 10)


@pytest.mark.skipif(not MNIST.exists(), reason="needs MNIST's training file")
def test_seed_0_of_the_training_file_gives_the_published_data_set(monkeypatch):
    images, labels = data.load_digits(str(MNIST))
    made = data.rotated(images, labels, eval_shuffle=False)
    assert [len(split.images) for split in made[:3]] == [4050, 640, 270]
    assert np.unique(made.test.aux[:, 1]) == made.held_out_angle == 2.748893571891069
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
    monkeypatch.setattr(data.ndimage, "rotate", lambda image, *_, **__: image)  # only the draws matter
    shuffled = data.rotated(images, labels, eval_shuffle=True)
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


def test_a_held_out_angle_can_be_chosen_and_files_keep_everything(mnist, tmp_path):
    images, labels = mnist
    made = data.rotated(images, labels, images_per_digit=10, num_scores=2, held_out_angle=90.0, num_angles=4)
    assert np.unique(made.test.aux[:, 1]) == np.pi / 2
    path = str(tmp_path / "rotated.npz")
    data.save(path, made)
    read = data.load(path)
    for old, new in zip(made[:3], read[:3], strict=True):
        np.testing.assert_array_equal(old.images, new.images)
        np.testing.assert_array_equal(old.aux, new.aux)
    np.testing.assert_array_equal(read.pca, made.pca)
    assert read.held_out_angle == made.held_out_angle == np.pi / 2
    assert os.listdir(tmp_path) == ["rotated.npz"]


def test_a_seed_names_a_data_set(mnist, small):
    def make(seed: int) -> data.RotatedMNIST:
        return data.rotated(*mnist, digits=[3, 6], images_per_digit=20, num_scores=4, num_angles=8, seed=seed)

    for old, new in zip(small[:3], make(0)[:3], strict=True):
        np.testing.assert_array_equal(old.images, new.images)
        np.testing.assert_array_equal(old.aux, new.aux)
    assert not np.array_equal(small.train.images, make(1).train.images)


def test_one_image_against_scipy(mnist, small):
    images, labels = mnist
    first = random.Random(0).sample(range(500), 20)[18]
    row = np.flatnonzero((small.eval.aux[:, 0] == 18) & (small.eval.aux[:, 1] == np.pi / 4))[0]
    expected = ndimage.rotate(images[labels == 3][first] / 255.0, 45.0, reshape=False)
    np.testing.assert_array_equal(small.eval.images[row, :, :, 0], expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"digits": [10]}, "digits must be"),
        ({"digits": [3, 3]}, "digits must be"),
        ({"images_per_digit": 501}, "there are 500 images of digit 3, but 501"),
        ({"held_out_angle": 10.0}, "held_out_angle must be one of 0, 22.5"),
        ({"drop_rate": 1.0}, "drop_rate"),
        ({"eval_fraction": -0.1}, "eval_fraction"),
        ({"images_per_digit": 4}, "principal components"),
        ({"images_per_digit": 8, "eval_fraction": 0.0}, "a split is empty: 90 training, 0 evaluation"),
    ],
)
def test_what_cannot_be_had_is_named(mnist, arguments, message):
    images, labels = mnist
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
    with pytest.raises(ValueError, match=r"x_train has shape \(5, 8, 8\), not \(images, 28, 28\)"):
        data.load_digits(str(path))


def arrays_of(data_set: data.RotatedMNIST) -> dict[str, np.ndarray]:
    """Copies of the arrays that a file holds."""
    arrays = {
        f"{n}_{f}": a.copy() for n in ("train", "eval", "test") for f, a in getattr(data_set, n)._asdict().items()
    }
    return arrays | {"pca": data_set.pca.copy()}


def with_value(name: str, place: tuple[int, ...], value: float):
    """A change of one value of one array."""
    return lambda arrays: arrays[name].__setitem__(place, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.update(train_aux=a["train_aux"][:, :1]), r"eval_aux has shape \(32, 6\), not \(eval, 1\)"),
        (
            lambda a: a.update({f"{n}_aux": a[f"{n}_aux"][:, :1] for n in ("train", "eval", "test")}),
            "needs .* 4 scores as pca has, but has 1 col",
        ),
        (lambda a: a.update(pca=a["pca"][:, :2]), "needs id, angle and 2 scores as pca has, but has 6 columns"),
        (
            lambda a: a.update(eval_aux=a["eval_aux"][:-1]),
            r"eval_images has shape \(32, 28, 28, 1\), not \(31, 28, 28, 1",
        ),
        (lambda a: a.update(pca=a["pca"].astype(str)), "pca holds values of type <U32, not real numbers"),
        (lambda a: a.update(pca=a["pca"] + 1j), "pca holds values of type complex128, not real numbers"),
        (lambda a: a.update(pca=a["pca"].astype(object)), "pca holds values of type object, not real numbers"),
        (lambda a: a.update(held_out_angle=np.float64(5.0)), "the held-out angle must be that of all test images"),
        (lambda a: a.update(held_out_angle=np.zeros(1)), r"held_out_angle has shape \(1\), not \(\)"),
        (lambda a: a.pop("pca"), "not a readable file of rotated digits: it has no array pca; make it again"),
        (with_value("train_images", (3, 4, 5, 0), 1e308), "train_images needs numbers from -1 to 2, .* to 1e"),
        (with_value("eval_images", (3, 4, 5, 0), np.nan), "eval_images needs numbers from -1 to 2, .* from nan"),
        (with_value("test_aux", (0, 0), 40.0), "test_aux has object ids that are not whole numbers from 0 to 39"),
        (with_value("test_aux", (0, 0), 0.5), "test_aux has object ids that are not whole numbers"),
        (with_value("eval_aux", (0, 1), 22.5), "eval_aux has angles up to 22.5; they must be in radians"),
        (with_value("test_aux", (0, 1), np.inf), "test_aux needs numbers"),
        (with_value("train_aux", (0, 3), 9.0), "train_aux has scores that are not those of the objects in pca"),
    ],
)
def test_files_whose_arrays_do_not_fit_are_named(small, tmp_path, change, message):
    path, arrays = str(tmp_path / "rotated.npz"), arrays_of(small)
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=f"^{path}.*{message}") as caught:
        data.load(path)
    assert "\n" not in str(caught.value)


def test_arrays_of_another_byte_order_are_read_in_the_machines_own(small, tmp_path):
    path, arrays = str(tmp_path / "rotated.npz"), arrays_of(small)
    np.savez(path, **{name: array.astype(array.dtype.newbyteorder()) for name, array in arrays.items()})
    read = data.load(path)
    assert all(array.dtype.isnative for array in (*read.train, *read.test, read.pca))
    np.testing.assert_array_equal(read.train.images, small.train.images)


def test_small_arrays_are_checked_before_the_images_are_unpacked(small, tmp_path):
    path, arrays = str(tmp_path / "rotated.npz"), arrays_of(small)
    arrays["train_images"][...] = np.nan
    arrays["test_aux"][0, 0] = 0.5
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="test_aux has object ids"):
        data.load(path)


def test_a_training_image_at_the_held_out_angle_is_named(small, tmp_path):
    path, arrays = str(tmp_path / "rotated.npz"), arrays_of(small)
    np.savez(path, **arrays)
    assert data.load(path).held_out_angle == small.held_out_angle
    arrays["train_aux"][5, 1] = small.held_out_angle
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="of all test images and of no training image"):
        data.load(path)


def test_nothing_is_written_that_cannot_be_read(small, tmp_path):
    pixels = small.train.images.copy()
    pixels[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="train_images needs numbers from -1 to 2"):
        data.save(str(tmp_path / "rotated.npz"), small._replace(train=small.train._replace(images=pixels)))
    assert not os.listdir(tmp_path)


def test_command(mnist, tmp_path):
    path = str(tmp_path / "rotated.npz")
    np.savez(tmp_path / "mnist.npz", x_train=mnist[0], y_train=mnist[1])
    few = [f"--mnist_path={tmp_path}/mnist.npz", "--digits=3,6", "--images_per_digit=10", "--num_angles=4"]
    lines = {
        "works": [*few, f"--output={path}"],
        "missing": ["--mnist_path=none.npz", "--output=x"],
        "help": ["--help"],
    }
    done = {name: run_module("data_generators.rotated_mnist", *line) for name, line in lines.items()}
    assert done["works"][0] == 0 and done["works"][1].startswith(f"{path}: 40 train")
    assert len(data.load(path).pca) == 20
    assert done["missing"][0] != 0 and done["missing"][1].startswith("error: none.npz is not a readable")
    assert "--digits" in done["help"][1]

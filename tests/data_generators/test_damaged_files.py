"""Damaged files of every kind: whatever is wrong, one line names the file, and little memory is taken."""

import gzip
import io
import json
import pathlib
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from data_generators import moving_ball, rotated_mnist
from data_generators.sprites import dataset as sprites
from tests.helpers import small_sprites


def make_videos(folder: pathlib.Path) -> pathlib.Path:
    moving_ball.save(str(folder / "videos.npz"), moving_ball.videos(2, 4))
    return folder / "videos.npz"


def make_digits(folder: pathlib.Path, save: Callable = np.savez) -> pathlib.Path:
    images = np.random.default_rng(0).integers(0, 256, (30, 28, 28)).astype(np.uint8)
    save(folder / "mnist.npz", x_train=images, y_train=np.arange(30) // 10)
    return folder / "mnist.npz"


def make_rotated(folder: pathlib.Path) -> pathlib.Path:
    digits = rotated_mnist.load_digits(str(make_digits(folder)))
    made = rotated_mnist.rotated(*digits, [0, 1], 10, num_angles=4, num_scores=3)
    rotated_mnist.save(str(folder / "rotated.npz"), made)
    return folder / "rotated.npz"


def make_idx(folder: pathlib.Path) -> pathlib.Path:
    images, labels = rotated_mnist.load_digits(str(make_digits(folder)))
    for name, array in (("train-images-idx3-ubyte.gz", images), ("train-labels-idx1-ubyte", labels)):
        content = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.astype("u1").tobytes()
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder / "train-images-idx3-ubyte.gz"


def make_plain_idx(folder: pathlib.Path) -> pathlib.Path:
    path = make_idx(folder)
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    return path.with_suffix("")


def make_sprites(folder: pathlib.Path) -> pathlib.Path:
    small_sprites.write(folder, train_characters=[1, 2], test_characters=[3], characters_per_shard=1)
    return folder / "sprites.json"


def open_sprites(path: str) -> sprites.SpriteSet:
    return sprites.open_set(pathlib.Path(path).parent)


KINDS: dict[str, tuple[Callable[[pathlib.Path], pathlib.Path], Callable[[str], object]]] = {
    "videos": (make_videos, moving_ball.load),
    "MNIST archive": (make_digits, rotated_mnist.load_digits),
    "rotated digits": (make_rotated, rotated_mnist.load),
    "compressed IDX": (make_idx, rotated_mnist.load_digits),
    "IDX": (make_plain_idx, rotated_mnist.load_digits),
    "sprites.json": (make_sprites, open_sprites),
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request, tmp_path_factory) -> tuple[pathlib.Path, Callable[[str], object]]:
    """A valid file, and the function that reads it."""
    make, read = KINDS[request.param]
    path = make(tmp_path_factory.mktemp("files"))
    read(str(path))
    return path, read


def assert_named(path: pathlib.Path, read: Callable[[str], object]) -> bool:
    """Assert that a file is read, or refused in one short line that begins with its name; return whether it is read."""
    try:
        read(str(path))
    except ValueError as error:
        assert type(error) in (ValueError, sprites.SpriteError)
        assert re.match(f"{re.escape(str(path))}[ :]", str(error)), error
        assert "\n" not in str(error) and len(str(error)) < len(str(path)) + 500
        return False
    return True


def damaged(content: bytes, draws: np.random.Generator) -> bytes:
    """The content cut, with bits flipped, or with a part replaced, repeated or left out."""
    changed, (start, end) = bytearray(content), np.sort(draws.integers(0, len(content), 2))
    way = draws.integers(5)
    if way == 0:
        return content[:start]
    if way == 1:  # most faults of a format are in its first and last bytes
        places = draws.integers(0, min(300, len(content)), 3) * draws.choice([1, -1])
        for place in (*places, start):
            changed[place] ^= 1 << draws.integers(8)
        return bytes(changed)
    if way == 2:
        changed[start : start + 8] = draws.bytes(8)
        return bytes(changed)
    return content[:end] + content[start:] if way == 3 else content[:start] + content[end:]


def test_damaged_files_are_named_in_one_line(kind):
    path, read = kind
    content, draws = path.read_bytes(), np.random.default_rng(0)
    try:
        results = []
        for _ in range(40):
            path.write_bytes(damaged(content, draws))
            results.append(assert_named(path, read))
        assert sum(results) < 20
    finally:
        path.write_bytes(content)


def wrong_arrays(array: np.ndarray) -> list[np.ndarray]:
    """The array with other types, shapes and values."""
    large = array.astype(float)
    large.flat[-1] = 1e308
    types = [array.astype(kind) for kind in (str, object, complex, "M8[s]", bool, "S3")]
    shapes = [array[None], array.reshape(-1)[:0], array.reshape(-1)[:3], np.zeros((2,) * 20, "u1")]
    return [*types, *shapes, large, -large, large * np.nan, np.zeros(array.shape, [("a", "f8")])]


@pytest.mark.parametrize("name", ["videos", "MNIST archive", "rotated digits"])
def test_wrong_and_swapped_arrays_are_refused(name, tmp_path):
    make, read = KINDS[name]
    path = make(tmp_path)
    with np.load(path) as file:
        arrays = dict(file)
    for changed, array in arrays.items():
        others = [other for key, other in arrays.items() if other.shape != array.shape]
        for wrong in [*wrong_arrays(array), *others]:
            np.savez(path, **arrays | {changed: wrong})
            assert not assert_named(path, read), (changed, wrong.dtype, wrong.shape)
        np.savez(path, **{key: other for key, other in arrays.items() if key != changed})
        assert assert_named(path, read) is (changed == "held_out_angle")  # the one that may be missing


@pytest.mark.parametrize("value", [True, None, -1, 1e308, 0.5, "x", [], {}, [[]], float("nan"), 10**30], ids=repr)
def test_wrong_values_in_sprites_json_are_refused(value, tmp_path):
    path = make_sprites(tmp_path)
    about = json.loads(path.read_text())

    def refuse(change: Callable[[dict], None]) -> None:
        changed = json.loads(json.dumps(about))
        change(changed)
        path.write_text(json.dumps(changed))
        assert not assert_named(path, open_sprites)

    for name in ("image_shape", "shards", "characters"):
        refuse(lambda entries, name=name: entries.update({name: value}))
    for name in ("shards", "characters"):
        refuse(lambda entries, name=name: entries[name].update(train=value))
        refuse(lambda entries, name=name: entries[name]["test"].__setitem__(0, value))
    for name in ("file", "records", "frames"):
        refuse(lambda entries, name=name: entries["shards"]["test"][0].update({name: value}))
    path.write_text(json.dumps(value))
    assert not assert_named(path, open_sprites)


# Files that would unpack to 60 MB.

BOMB = 60_000_000


def npy_header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def bomb_of_another_shape(path: pathlib.Path) -> None:
    write_images(path, npy_header((BOMB,)))


def bomb_with_a_false_header(path: pathlib.Path) -> None:
    write_images(path, npy_header((30, 28, 28)))


def bomb_with_a_false_directory(path: pathlib.Path) -> None:
    """The header and the directory of the archive both tell of 30 images."""
    header = npy_header((30, 28, 28))
    write_images(path, header)
    true, false = (struct.pack("<I", len(header) + size) for size in (BOMB, 30 * 784))
    content = path.read_bytes()
    assert content.count(true) == 2
    path.write_bytes(content.replace(true, false))


def bomb_of_another_compression(path: pathlib.Path) -> None:
    """BZIP2, of which 4 kB may unpack to 80 MB at once."""
    write_images(path, npy_header((30, 28, 28)), zipfile.ZIP_BZIP2)


def bomb_in_the_header(path: pathlib.Path) -> None:
    """A header of 60 MB, which version 2 of NumPy's format allows."""
    write_images(path, b"\x93NUMPY\x02\x00" + struct.pack("<I", BOMB))


def write_images(path: pathlib.Path, header: bytes, compression: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("x_train.npy", header + bytes(BOMB), compresslevel=1)
        file.writestr("y_train.npy", npy_header((30,)) + bytes(30))


def compressed_bomb(path: pathlib.Path) -> None:
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content + bytes(BOMB), 1))


BOMBS = [
    (make_digits, bomb_of_another_shape, "x_train has shape (60000000), not (images, 28, 28)"),
    (make_digits, bomb_with_a_false_header, "x_train has 60000000 bytes, its header says 23520"),
    (make_digits, bomb_with_a_false_directory, "Bad CRC-32 for file 'x_train.npy'"),
    (make_digits, bomb_of_another_compression, "x_train is not compressed as NumPy does it"),
    (make_digits, bomb_in_the_header, "x_train has a header of version (2, 0), not (1, 0)"),
    (make_idx, compressed_bomb, "its header says 23520 bytes, there are more"),
]


@pytest.mark.parametrize(("make", "change", "message"), BOMBS, ids=[change.__name__ for _, change, _ in BOMBS])
def test_small_files_that_unpack_to_much_take_no_memory(make, change, message, tmp_path):
    path = make(tmp_path)
    change(path)
    assert path.stat().st_size < BOMB / 50
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"{path} .*{re.escape(message)}"):
            rotated_mnist.load_digits(str(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000

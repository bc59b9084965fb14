"""Sprites: files of whole characters, batches that a resumed run sees again."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image  # matplotlib brings it

from data_generators.sprites import dataset as data
from data_generators.sprites import shards as sprite_shards

TRAIN, TEST = [20, 3, 11, 7, 1295, 0, 5, 9, 30, 31, 2], [8, 21, 4, 6, 1]


def frames(character: int) -> np.ndarray:
    """Noise, with the character and the pose in the first pixels."""
    images = np.random.default_rng(character).integers(0, 256, (72, 1, 1, 3), np.uint8).repeat(64, 1).repeat(64, 2)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = divmod(character, 256)
    images[:, 0, 0, 2] = np.arange(72)
    return images


def assert_fit(character: np.ndarray, pose: np.ndarray, images: np.ndarray) -> None:
    """Images, from 0 to 255, are those of their characters and poses."""
    first = np.asarray(images)[:, 0, 0].astype(int)
    np.testing.assert_array_equal(256 * first[:, 0] + first[:, 1], character)
    np.testing.assert_array_equal(first[:, 2], pose)


def write(folder: pathlib.Path, **changes) -> data.SpriteSet:
    arguments = {"train_characters": TRAIN, "test_characters": TEST, "poses_per_character": 5}
    return data.write(frames, folder, **arguments | {"characters_per_shard": 3, "source": "noise"} | changes)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> data.SpriteSet:
    return write(tmp_path_factory.mktemp("sprites") / "set")


@pytest.fixture
def copied(written, tmp_path) -> pathlib.Path:
    """A data set to damage."""
    return pathlib.Path(shutil.copytree(written.folder, tmp_path / "copy"))


# The split.


def test_the_published_split():
    train, test = data.split()
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(1296))
    assert (len(train), len(test)) == (1000, 296)
    np.testing.assert_array_equal(train[:6], [1116, 1135, 17, 469, 1293, 491])
    np.testing.assert_array_equal(test[:6], [884, 1285, 252, 297, 947, 713])


def test_smaller_splits_begin_as_the_published_one():
    train, test = data.split(num_train=30, num_test=7)
    np.testing.assert_array_equal(np.concatenate([train, test]), data.split()[0][:37])
    train, test = data.split(num_characters=10, num_train=8, seed=1)
    np.testing.assert_array_equal(np.concatenate([train, test]), np.random.RandomState(1).permutation(10))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 10), "there are 10 characters, fewer than asked for: 10 for training and 1 for test"),
        ((10, 8, 0, 3), "there are 10 characters, fewer than asked for: 8 for training and 3 for test"),
        ((10, 0), "training and test need a character each, got 0 and 10"),
        ((10, 8, 0, -2), "training and test need a character each, got 8 and -2"),
    ],
)
def test_splits_that_cannot_be_had_are_named(arguments, message):
    with pytest.raises(data.SpriteError, match=message):
        data.split(*arguments)


# Writing.


def test_files_and_description(written):
    names = [f"test-{i:05d}-of-00002.tfrecord" for i in range(2)]
    names += [f"train-{i:05d}-of-00004.tfrecord" for i in range(4)]
    assert sorted(os.listdir(written.folder)) == ["sprites.json", *names]
    about = json.loads((pathlib.Path(written.folder) / "sprites.json").read_text())
    assert (about["source"], about["seed"], about["poses_per_character"]) == ("noise", 0, 5)
    assert about["num_frames"] == {"train": 55, "test": 360} and about["num_characters"] == {"train": 11, "test": 5}
    assert about["characters"] == {"train": TRAIN, "test": TEST}
    assert about["image_shape"] == [64, 64, 3] and len(about["pose_names"]) == 72
    assert [shard["records"] for shard in about["shards"]["train"]] == [3, 3, 3, 2]
    assert written == data.open_set(written.folder) == data.verify(written.folder)
    assert written.num_frames("train") == 55 and written.steps_per_epoch("train", 4) == 3


def test_every_element_is_one_character(written):
    for split, ids, count in (("train", TRAIN, 5), ("test", TEST, 72)):
        elements = list(written.characters(split).as_numpy_iterator())
        assert [element["character"] for element in elements] == ids
        for element in elements:
            assert element["frames"].shape == (count, 64, 64, 3) and element["frames"].dtype == np.uint8
            assert_fit([element["character"]] * count, element["pose"], element["frames"])
            assert len(set(element["pose"])) == count
    np.testing.assert_array_equal(element["pose"], np.arange(72))


def poses(sprites: data.SpriteSet) -> dict[int, list[int]]:
    return {int(c["character"]): c["pose"].tolist() for c in sprites.characters("train").as_numpy_iterator()}


def test_the_choice_of_poses_depends_on_seed_and_character_alone(written, tmp_path):
    chosen = poses(written)
    assert len({tuple(sorted(c)) for c in chosen.values()}) == len(TRAIN)
    other = poses(write(tmp_path / "other", train_characters=[2, 100, 20], test_characters=[3], characters_per_shard=1))
    assert (other[2], other[20]) == (chosen[2], chosen[20])
    assert poses(write(tmp_path / "seed", seed=1)).keys() == chosen.keys()
    assert poses(data.open_set(tmp_path / "seed")) != chosen


def test_the_same_arguments_write_the_same_bytes(written, tmp_path):
    lines: list[str] = []
    again = write(tmp_path / "again", progress=lines.append)
    for name in os.listdir(again.folder):
        assert (tmp_path / "again" / name).read_bytes() == (pathlib.Path(written.folder) / name).read_bytes()
    assert lines[3:5] == [
        "train-00003-of-00004.tfrecord: 2 characters, 10 images",
        "test-00000-of-00002.tfrecord: 3 characters, 216 images",
    ]


def test_a_record_has_its_parts_in_one_order():
    """Left to itself, Protobuf writes them in an order that changes from process to process."""
    places = [record(20, [1]).index(name) for name in (b"character", b"frames", b"poses")]
    assert places == sorted(places)


def test_a_data_set_is_replaced_only_when_asked(copied, written):
    with pytest.raises(data.SpriteError, match="copy holds a data set; name another folder, or overwrite it"):
        write(copied)
    assert data.is_written(copied) and data.verify(copied).ids == written.ids
    (copied / "notes.txt").write_text("mine")
    write(copied, train_characters=[1], test_characters=[2], overwrite=True)
    names = ["notes.txt", "sprites.json", "test-00000-of-00001.tfrecord", "train-00000-of-00001.tfrecord"]
    assert sorted(os.listdir(copied)) == names


def test_an_interrupted_write_leaves_no_data_set_and_can_be_repeated(copied):
    def stops(character: int) -> np.ndarray:
        if character == TEST[-1]:
            raise KeyboardInterrupt
        return frames(character)

    with pytest.raises(KeyboardInterrupt):
        data.write(stops, copied, train_characters=TRAIN, test_characters=TEST, overwrite=True)
    assert not data.is_written(copied)
    with pytest.raises(data.SpriteError, match="sprites.json is missing: no data set was written there to the end"):
        data.open_set(copied)
    write(copied)
    data.verify(copied)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_characters": [1, 1]}, "must be different numbers from 0, at least one each"),
        ({"train_characters": TEST[:1]}, "must be different numbers from 0"),
        ({"train_characters": [-1]}, "must be different numbers from 0"),
        ({"test_characters": []}, "at least one each"),
        ({"poses_per_character": 73}, "poses_per_character must be from 1 to 72, got 73"),
        ({"characters_per_shard": 0}, "characters_per_shard must be at least 1"),
        ({"seed": -1}, "seed at least 0"),
    ],
)
def test_what_cannot_be_written_is_named(tmp_path, changes, message):
    with pytest.raises(data.SpriteError, match=message):
        write(tmp_path / "set", **changes)
    assert not (tmp_path / "set").exists()


def test_frames_of_another_shape_are_named(tmp_path):
    with pytest.raises(data.SpriteError, match=r"frames\(3\) must be \(72, 64, 64, 3\), uint8, got \(8, 64, 64, 3\)"):
        data.write(lambda c: frames(c)[:8], tmp_path, train_characters=[3], test_characters=[4])


def test_a_digest_tells_data_sets_apart(written, tmp_path):
    assert write(tmp_path / "same").digest() == written.digest()
    assert write(tmp_path / "other", seed=5).digest() != written.digest()


# Batches.


def read(batches: tf.data.Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    """Characters and poses of every batch, its images checked."""
    found = []
    for inputs, images in batches:
        assert all(array.dtype == tf.float32 for array in (images, *inputs.values()))
        np.testing.assert_array_equal(inputs["image"], images)
        assert_fit(inputs["character"], inputs["pose"], images.numpy() * 256.0)
        found.append((inputs["character"].numpy(), inputs["pose"].numpy()))
    return found


def test_batches_are_whole_characters_in_the_order_of_the_files(written):
    batches = data.batches(written, "train", 4)
    assert batches.cardinality() == 3
    found = read(batches)
    assert [len(characters) for characters, _ in found] == [20, 20, 15]
    np.testing.assert_array_equal(np.concatenate([c for c, _ in found]), np.repeat(TRAIN, 5))
    test = read(data.batches(written.folder, "test", 2))
    np.testing.assert_array_equal(np.concatenate([c for c, _ in test]), np.repeat(TEST, 72))


def order(batches: tf.data.Dataset) -> list[list[float]]:
    return [characters[::5].tolist() for characters, _ in read(batches)]


def test_an_epoch_has_the_same_order_wherever_training_begins(written):
    endless = order(data.batches(written, "train", 4, seed=7, repeat=True, shuffle_buffer=6).take(9))
    epochs = [sum(endless[i : i + 3], []) for i in (0, 3, 6)]
    assert all(sorted(epoch) == sorted(TRAIN) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    tf.random.set_seed(99)  # of no effect
    resumed = data.batches(written, "train", 4, seed=7, start_epoch=1, repeat=True, shuffle_buffer=6)
    assert order(resumed.take(6)) == endless[3:]
    one = data.batches(written, "train", 4, seed=7, start_epoch=2, shuffle_buffer=6)
    assert order(one) == order(one) == endless[6:]
    assert order(data.batches(written, "train", 4, seed=8, shuffle_buffer=6)) != endless[:3]
    elements = written.characters("train", shuffle_buffer=6, seed=7, epoch=1).as_numpy_iterator()
    assert [element["character"] for element in elements] == epochs[1]


def test_a_shuffle_mixes_files(written):
    """With a buffer of two files, neighbours come from either."""
    found = sum(order(data.batches(written, "train", 4, seed=0, shuffle_buffer=6)), [])
    files = [TRAIN.index(int(character)) // 3 for character in found]
    assert sum(a != b for a, b in zip(files, files[1:], strict=False)) > 4


def rewrite(folder: pathlib.Path, split: str, records: list[bytes], frames_in_all: int | None = None) -> pathlib.Path:
    """Put other records into the first file of a split, and its size into the description."""
    about = json.loads((folder / "sprites.json").read_text())
    shard = about["shards"][split][0]
    with tf.io.TFRecordWriter(str(folder / shard["file"]), tf.io.TFRecordOptions("GZIP")) as file:
        for record in records:
            file.write(record)
    shard["bytes"] = os.path.getsize(folder / shard["file"])
    shard["frames"] = shard["frames"] if frames_in_all is None else frames_in_all
    (folder / "sprites.json").write_text(json.dumps(about))
    return folder / shard["file"]


def record(character: int, chosen: list[int], shown: list[int] | None = None) -> bytes:
    return sprite_shards._record(character, np.array(chosen), frames(character)[chosen if shown is None else shown])


def test_characters_may_have_unequal_numbers_of_frames(copied):
    groups = {20: [5], 3: [1, 0, 71], 11: list(range(72))}
    rewrite(copied, "train", [record(c, chosen) for c, chosen in groups.items()], 76)
    data.verify(copied)
    found = read(data.batches(copied, "train", 2))
    assert [len(characters) for characters, _ in found] == [4, 77, 10, 10, 10, 5]
    np.testing.assert_array_equal(found[0][0], [20, 3, 3, 3])
    np.testing.assert_array_equal(found[0][1], [5, 1, 0, 71])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("valid", 4), "split must be one of train, test, got 'valid'"),
        (("train", 0), "characters_per_batch and shuffle_buffer must be at least 1"),
        (("train", 1, -1), "start_epoch at least 0"),
    ],
)
def test_batches_that_cannot_be_had_are_named(written, arguments, message):
    split, count, *start = arguments
    with pytest.raises(data.SpriteError, match=message):
        data.batches(written, split, count, start_epoch=start[0] if start else 0)


def test_keras_fit_reads_batches(written):
    import keras

    shapes = {"pose": (), "character": (), "image": (64, 64, 3)}
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs["image"]))
    model.compile("sgd", "mse")
    endless = data.batches(written, "train", 4, seed=0, repeat=True)
    history = model.fit(endless, steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(model.evaluate(data.batches(written, "test", 2), verbose=0))


# Damage.


@pytest.mark.parametrize("change", ["cut", "missing"])
def test_files_that_are_cut_short_or_missing_are_named_at_once(copied, change):
    path = copied / "train-00002-of-00004.tfrecord"
    size = path.stat().st_size
    os.truncate(path, size - 10)
    if change == "missing":
        path.unlink()
    found = "is missing" if change == "missing" else f"has {size - 10} bytes, {size} were written"
    with pytest.raises(data.SpriteError, match=f"{path} {found}; copy it or write the data set again$"):
        data.batches(copied, "train", 4)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.95])
def test_verify_finds_a_changed_byte(copied, place):
    path = copied / "train-00002-of-00004.tfrecord"
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0x55
    path.write_bytes(content)
    data.open_set(copied)
    with pytest.raises(data.SpriteError, match=f"{path} is cut short or damaged") as caught:
        data.verify(copied)
    assert "\n" not in str(caught.value)


WRONG_RECORDS = {
    "another character": record(500, [1, 2, 3, 4, 5]),
    "a pose out of range": sprite_shards._record(20, np.array([72]), frames(20)[:1]),
    "too few frames": record(20, [1, 2, 3], shown=[1, 2]),
    "no frames": record(20, []),
    "nothing": tf.train.Example().SerializeToString(),
}


@pytest.mark.parametrize("name", WRONG_RECORDS)
def test_records_that_are_no_whole_character_are_named(copied, name):
    path = rewrite(copied, "train", [WRONG_RECORDS[name], record(3, [0, 1]), record(11, [1])])
    with pytest.raises(data.SpriteError, match=f"{path} is cut short or damaged, or has a record with an unknown"):
        data.verify(copied)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"an unknown character(.|\n)*{path}"):
        list(data.batches(copied, "train", 4))


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([record(20, [1]), record(3, [1])], "2 characters with 2 images, not 3 with 15"),
        ([record(c, [1, 2, 3, 4, 5]) for c in (3, 20, 11)], "or not in that order: 3 characters with 15 images"),
        ([record(20, [1, 2, 2])], "has a pose of character 20 twice"),
    ],
)
def test_verify_counts(copied, records, message):
    path = rewrite(copied, "train", records)
    with pytest.raises(data.SpriteError, match=message) as caught:
        data.verify(copied)
    assert str(path) in str(caught.value)


def test_an_epoch_that_lacks_a_record_is_an_error(copied):
    rewrite(copied, "train", [])
    with pytest.raises(tf.errors.FailedPreconditionError, match="expected to contain"):
        list(data.batches(copied, "train", 4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda about: about.pop("shards"), "sprites.json does not describe a data set of sprites: 'shards'"),
        (lambda about: about["shards"]["test"].pop(), "sprites.json contradicts itself"),
        (lambda about: about.update(image_shape=[32, 32, 3]), "is of another version"),
        (lambda about: about["shards"]["test"][0].update(size=3), "does not describe a data set"),
    ],
)
def test_descriptions_that_do_not_fit_are_named(copied, change, message):
    path = copied / "sprites.json"
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about))
    with pytest.raises(data.SpriteError, match=message):
        data.open_set(copied)
    path.write_text(path.read_text()[:-5])
    with pytest.raises(data.SpriteError, match="sprites.json does not describe a data set of sprites"):
        data.open_set(copied)


# The command.


def test_command(tmp_path):
    output, picture = tmp_path / "drawn", tmp_path / "contact.png"
    line = ["--characters=5", "--train_characters=3", "--poses_per_character=2"]
    line += [f"--output={output}", f"--contact_sheet={picture}"]
    done = subprocess.run([sys.executable, "-m", "data_generators.sprites", *line], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{output}: 3 train characters (6 images), 2 test characters (144 images)" in done.stdout
    assert data.verify(output).ids["train"] == tuple(data.split()[0][:3])
    with Image.open(picture) as image:
        assert image.size == (24 * 64, 3 * 64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "nothing to do: give --output=FOLDER, --contact_sheet=FILE.png or both"),
        ({"output": "x", "sheets": "none"}, "none/body/0.png is missing"),
        ({"output": "x", "characters": 2000}, "there are 1296 characters, fewer than asked for"),
        ({"output": "x", "characters": 20}, "--train_characters=1000 leaves none of the 20 characters"),
        ({"contact_sheet": "none/contact.png"}, "No such file"),
    ],
)
def test_errors_of_the_command_are_one_line(monkeypatch, changes, message):
    given = {"output": None, "sheets": None, "characters": 1296, "train_characters": 1000, "contact_sheet": None}
    for name, value in (given | changes).items():  # in this process: TensorFlow takes seconds to start
        monkeypatch.setattr(data, f"_{name.upper()}", types.SimpleNamespace(value=value), raising=False)
    with pytest.raises(SystemExit, match=f"error: .*{message}") as caught:
        data._main([])
    assert "\n" not in str(caught.value)

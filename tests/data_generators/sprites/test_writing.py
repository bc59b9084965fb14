"""Writing sprites: the split, files of whole characters, their description, overwriting and interruption."""

import json
import os
import pathlib

import numpy as np
import pytest

from data_generators.commands.lock import FolderInUseError, locked
from data_generators.sprites import dataset as data
from tests.helpers.full_disk import no_room_beyond
from tests.helpers.small_sprites import TEST, TRAIN, assert_match, frames, record, write


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
        ((10, 0), "training and test need at least one character each, got 0 and 10"),
        ((10, 8, 0, -2), "training and test need at least one character each, got 8 and -2"),
    ],
)
def test_splits_that_cannot_be_had_are_named(arguments, message):
    with pytest.raises(data.SpriteError, match=message):
        data.split(*arguments)


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
            assert_match([element["character"]] * count, element["pose"], element["frames"])
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
    with pytest.raises(data.SpriteError, match="sprites.json is missing: no complete data set was written there"):
        data.open_set(copied)
    write(copied)
    data.verify(copied)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_characters": [1, 1]}, "must be distinct numbers from 0, at least one each"),
        ({"train_characters": TEST[:1]}, "must be distinct numbers from 0"),
        ({"train_characters": [-1]}, "must be distinct numbers from 0"),
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


def test_two_processes_do_not_write_one_data_set(tmp_path):
    with locked(tmp_path), pytest.raises(FolderInUseError, match="in use by process"):
        write(tmp_path)
    assert not os.listdir(tmp_path)


def test_a_full_disk_is_named_and_leaves_no_data_set(tmp_path):
    with pytest.raises(data.SpriteError, match="tfrecord cannot be written: .*File too large$"):
        with no_room_beyond(1000):
            write(tmp_path)
    with pytest.raises(data.SpriteError, match="no complete data set was written"):
        data.open_set(tmp_path)

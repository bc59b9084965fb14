"""Damaged data sets of sprites: every kind of damage is found and its file named."""

import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from data_generators.sprites import dataset as data
from data_generators.sprites import records as sprite_records
from tests.helpers.small_sprites import frames, record, rewrite


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
    with pytest.raises(data.SpriteError, match=f"{path} is truncated or damaged") as caught:
        data.verify(copied)
    assert "\n" not in str(caught.value)


WRONG_RECORDS = {
    "another character": record(500, [1, 2, 3, 4, 5]),
    "a pose out of range": sprite_records.serialize(20, np.array([72]), frames(20)[:1]),
    "too few frames": record(20, [1, 2, 3], shown=[1, 2]),
    "no frames": record(20, []),
    "nothing": tf.train.Example().SerializeToString(),
}


@pytest.mark.parametrize("name", WRONG_RECORDS)
def test_records_that_are_no_whole_character_are_named(copied, name):
    path = rewrite(copied, "train", [WRONG_RECORDS[name], record(3, [0, 1]), record(11, [1])])
    with pytest.raises(data.SpriteError, match=f"{path} is truncated or damaged, or has a record with an unknown"):
        data.verify(copied)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"an unknown character(.|\n)*{path}"):
        list(data.batches(copied, "train", 4))


def write_bomb(folder: pathlib.Path, announced: int) -> pathlib.Path:
    """A first file of the test split with a record of 30 MB of zeros, whose last bytes tell another size."""
    path = rewrite(folder, "test", [bytes(30_000_000)])
    path.write_bytes(path.read_bytes()[:-4] + announced.to_bytes(4, "little"))
    return path


def test_a_file_that_unpacks_to_more_than_its_records_is_not_opened(copied):
    path = write_bomb(copied, 30_000_016)
    with pytest.raises(data.SpriteError, match=f"{path} unpacks to 30000016 bytes, at most 2655") as caught:
        data.open_set(copied)
    assert "\n" not in str(caught.value)


def test_verify_unpacks_no_record_that_is_too_long(copied):
    path = write_bomb(copied, 100)
    message = "is truncated or damaged, it has a record of 30000000 bytes, at most 885064 are possible"
    with pytest.raises(data.SpriteError, match=f"{path} {message}"):
        data.verify(copied)


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


def shard(**changes):
    """A change of the description of one shard."""
    return lambda about: about["shards"]["test"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda about: about.pop("shards"), "it lacks an entry shards of type dict"),
        (lambda about: about["shards"]["test"].pop(), "the shards of test do not hold as many records"),
        (lambda about: about.update(image_shape=[32, 32, 3]), r"image_shape is not \[64, 64, 3\]"),
        (lambda about: about["characters"].update(test=[8, 21, 4, 6, 1e308]), "not whole numbers from 0 to 16777216"),
        (lambda about: about["characters"].update(test=[8, 21, 4, 6, True]), "not whole numbers from 0"),
        (lambda about: about["characters"].update(test=[8, 21, 4, 6, 2**24 + 1]), "not whole numbers from 0"),
        (lambda about: about["characters"].update(test=[8, 21, 4, 6, 20]), "a character or a file is listed twice"),
        (lambda about: about["shards"].update(test=about["shards"]["train"][2:]), "is listed twice"),
        (shard(size=3), "a shard is described by .*'size': 3"),
        (shard(file=True), "it lacks an entry file of type str"),
        (shard(file="../../test-00000-of-00002.tfrecord"), "a shard is described by .*'file': '../../test"),
        (shard(file="test-00000-of-00002.tfrecord\x00"), "a shard is described by"),
        (shard(bytes=1e308), "it lacks an entry bytes of type int"),
        (shard(bytes=True), "a shard is described by .*'bytes': True"),
        (shard(frames=3 * 72 + 1), "cannot have 3 records with 217 images"),
        (shard(frames=-5), "cannot have 3 records with -5 images"),
    ],
)
def test_descriptions_that_do_not_fit_are_named(copied, change, message):
    path = copied / "sprites.json"
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about))
    assert_names(path, message)


UNREADABLE = {
    "cut": b'{"image_shape": [64, 64, 3], "shards":',
    "empty": b"",
    "a list": b"[1, 2]",
    "deep": b"[" * 100_000,
    "bytes": b'{"image_shape": "\xff"}',
    "a number of 5000 digits": b"1" * 5000,
    "not finite": b"NaN",
    "large": b" " * (2**24 + 1),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_descriptions_that_cannot_be_read_are_named(copied, name):
    path = copied / "sprites.json"
    path.write_bytes(UNREADABLE[name])
    assert_names(path, "it has more than 16777216 bytes" if name == "large" else "")


def assert_names(path: pathlib.Path, message: str) -> None:
    """Assert that opening the data set raises one line with the file's name, the message and what to do."""
    pattern = f"{path} does not describe a data set of sprites of this version: .*{message}.*; write the data set again"
    with pytest.raises(data.SpriteError, match=pattern) as caught:
        data.open_set(path.parent)
    assert "\n" not in str(caught.value)

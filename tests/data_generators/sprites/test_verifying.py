"""Damaged data sets of sprites: every kind of damage is found and its file named."""

import json
import os

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
        (lambda about: about["shards"]["test"].pop(), "sprites.json is inconsistent"),
        (lambda about: about.update(image_shape=[32, 32, 3]), "is inconsistent or of another version"),
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

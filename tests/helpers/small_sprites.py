"""A small data set of sprites, and ways to damage it."""

import json
import os
import pathlib

import numpy as np
import tensorflow as tf

from data_generators.sprites import dataset as data
from data_generators.sprites import records

TRAIN, TEST = [20, 3, 11, 7, 1295, 0, 5, 9, 30, 31, 2], [8, 21, 4, 6, 1]


def frames(character: int) -> np.ndarray:
    """Noise, with the character and the pose in the first pixels."""
    images = np.random.default_rng(character).integers(0, 256, (72, 1, 1, 3), np.uint8).repeat(64, 1).repeat(64, 2)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = divmod(character, 256)
    images[:, 0, 0, 2] = np.arange(72)
    return images


def assert_match(character: np.ndarray, pose: np.ndarray, images: np.ndarray) -> None:
    """Assert that images, from 0 to 255, are those of their characters and poses."""
    first = np.asarray(images)[:, 0, 0].astype(int)
    np.testing.assert_array_equal(256 * first[:, 0] + first[:, 1], character)
    np.testing.assert_array_equal(first[:, 2], pose)


def write(folder: pathlib.Path, **changes) -> data.SpriteSet:
    arguments = {"train_characters": TRAIN, "test_characters": TEST, "poses_per_character": 5}
    return data.write(frames, folder, **arguments | {"characters_per_shard": 3, "source": "noise"} | changes)


def rewrite(folder: pathlib.Path, split: str, contents: list[bytes], frames_in_all: int | None = None) -> pathlib.Path:
    """Put other records into the first file of a split, and its size into the description."""
    about = json.loads((folder / "sprites.json").read_text())
    shard = about["shards"][split][0]
    with tf.io.TFRecordWriter(str(folder / shard["file"]), tf.io.TFRecordOptions("GZIP")) as file:
        for content in contents:
            file.write(content)
    shard["bytes"] = os.path.getsize(folder / shard["file"])
    shard["frames"] = shard["frames"] if frames_in_all is None else frames_in_all
    (folder / "sprites.json").write_text(json.dumps(about))
    return folder / shard["file"]


def record(character: int, chosen: list[int], shown: list[int] | None = None) -> bytes:
    return records.serialize(character, np.array(chosen), frames(character)[chosen if shown is None else shown])

"""Writing sprites as shards, TFRecord files of whole characters."""

import json
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from data_generators.sprites.sheets import NUM_POSES, POSE_NAMES, SHAPE, SpriteError

SPLITS = ("train", "test")
ABOUT = "sprites.json"
_SHARD_NAME = re.compile(r"(train|test)-\d{5,}-of-\d{5,}\.tfrecord")


class Shard(NamedTuple):
    """A file of whole characters."""

    file: str
    records: int
    frames: int
    bytes: int


def one_line(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())


def choose_poses(character: int, count: int, seed: int) -> np.ndarray:
    """Poses of a training character, in the order drawn: the first few of them are a fair choice too."""
    return np.random.default_rng((seed, character)).permutation(NUM_POSES)[:count]


def write_about(
    folder: str | os.PathLike, characters: dict[str, list[int]], shards: dict[str, list[Shard]], **more: Any
) -> None:
    """Write the description of a data set in one step; with it the data set is complete."""
    about = more | {
        "image_shape": SHAPE,
        "pose_names": POSE_NAMES,
        "num_frames": {name: sum(shard.frames for shard in shards[name]) for name in SPLITS},
        "num_characters": {name: len(characters[name]) for name in SPLITS},
        "shards": {name: [shard._asdict() for shard in shards[name]] for name in SPLITS},
        "characters": characters,
    }
    partial = os.path.join(folder, f"{ABOUT}.partial")
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(about, file)
    os.replace(partial, os.path.join(folder, ABOUT))


def check_characters(characters: dict[str, list[int]], poses: int, per_shard: int, seed: int) -> None:
    """Raise SpriteError for characters or numbers that cannot be written."""
    everyone = characters["train"] + characters["test"]
    if not all(characters.values()) or len(set(everyone)) < len(everyone) or min(everyone) < 0:
        raise SpriteError("train_characters and test_characters must be different numbers from 0, at least one each")
    if not 1 <= poses <= NUM_POSES:
        raise SpriteError(f"poses_per_character must be from 1 to {NUM_POSES}, got {poses}")
    if per_shard < 1 or seed < 0:
        raise SpriteError(f"characters_per_shard must be at least 1 and seed at least 0, got {per_shard} and {seed}")


def clear(folder: str | os.PathLike, overwrite: bool) -> None:
    """Make the folder, without a data set and without the shards of a write that was interrupted."""
    if is_written(folder):
        if not overwrite:
            raise SpriteError(
                f"{os.fspath(folder)} holds a data set; name another folder, or overwrite it (--overwrite)"
            )
        os.remove(os.path.join(folder, ABOUT))  # first: what is half removed is no data set
    os.makedirs(folder, exist_ok=True)
    for name in filter(_SHARD_NAME.fullmatch, os.listdir(folder)):
        os.remove(os.path.join(folder, name))


def write_shard(
    folder: str | os.PathLike, name: str, frames: Callable[[int], np.ndarray], poses: dict[int, np.ndarray]
) -> Shard:
    """Write characters, each in these poses, to a file."""
    path = os.path.join(folder, name)
    try:
        with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions("GZIP")) as file:
            for character, chosen in poses.items():
                images = frames(character)
                if images.shape != (NUM_POSES, *SHAPE) or images.dtype != np.uint8:
                    wanted = f"{(NUM_POSES, *SHAPE)}, uint8"
                    raise SpriteError(f"frames({character}) must be {wanted}, got {images.shape}, {images.dtype}")
                file.write(_record(character, chosen, images[chosen]))
    except tf.errors.OpError as error:
        raise SpriteError(f"{path} cannot be written: {one_line(error)}") from error
    return Shard(name, len(poses), sum(map(len, poses.values())), os.path.getsize(path))


def _record(character: int, poses: np.ndarray, images: np.ndarray) -> bytes:
    features = {
        "character": tf.train.Feature(int64_list=tf.train.Int64List(value=[character])),
        "poses": tf.train.Feature(int64_list=tf.train.Int64List(value=poses)),
        "frames": tf.train.Feature(bytes_list=tf.train.BytesList(value=[images.tobytes()])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)  # otherwise every process has an order of its own


def is_written(folder: str | os.PathLike) -> bool:
    """Whether `write` finished a data set in the folder."""
    return os.path.exists(os.path.join(folder, ABOUT))

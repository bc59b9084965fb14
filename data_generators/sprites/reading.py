"""Reading SPRITES: opening a data set, and batches for training that a resumed run can reproduce."""

import dataclasses
import hashlib
import json
import os
from typing import Any

import numpy as np
import tensorflow as tf

from data_generators.sprites.description import SPLITS, Shard, read_description
from data_generators.sprites.records import most_bytes, parse, pipeline_options, read_records
from data_generators.sprites.sheets import SpriteError

SHUFFLE_BUFFER = 160  # characters; 100 MB with 50 poses each


@dataclasses.dataclass(frozen=True)
class SpriteSet:
    """A data set in a folder; its dictionaries have the keys train and test."""

    folder: str
    ids: dict[str, tuple[int, ...]]
    """Numbers of the characters, in the order of the files."""
    shards: dict[str, tuple[Shard, ...]]
    about: dict[str, Any]
    """All entries of sprites.json: source, seed, pose_names and more."""

    def digest(self) -> str:
        """SHA-256 of the description (characters, poses, source, file sizes); the images are not read."""
        return hashlib.sha256(json.dumps(self.about, sort_keys=True).encode()).hexdigest()

    def num_frames(self, split: str) -> int:
        """Number of images in a split."""
        return sum(shard.frames for shard in self.shards[_checked_split(split)])

    def steps_per_epoch(self, split: str, characters_per_batch: int) -> int:
        """Number of batches in a split, including a smaller last one."""
        return -(-len(self.ids[_checked_split(split)]) // characters_per_batch)

    def paths(self, split: str) -> list[str]:
        """The files of a split, in order."""
        return [os.path.join(self.folder, shard.file) for shard in self.shards[_checked_split(split)]]

    def characters(
        self, split: str, shuffle_buffer: int = SHUFFLE_BUFFER, seed: int | None = None, epoch: int | tf.Tensor = 0
    ) -> tf.data.Dataset:
        """Elements of one character each: character (), pose (n,), both int64, and frames (n, 64, 64, 3), uint8.

        They come in the order of the files, or, given a seed, shuffled as by `batches`.
        """
        ids = self.ids[_checked_split(split)]

        def to_arrays(*records: tf.Tensor) -> dict[str, tf.Tensor]:
            parsed = parse(ids, *records)
            return {"character": parsed.character[0], "pose": parsed.poses, "frames": parsed.frames}

        records = read_records(self.paths(split), shuffle_buffer, seed, epoch)
        return records.batch(1).map(to_arrays).prefetch(2).with_options(pipeline_options())


def _checked_split(split: str) -> str:
    if split not in SPLITS:
        raise SpriteError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    return split


def open_set(folder: str | os.PathLike) -> SpriteSet:
    """Open a data set written by `write`, checking its description and the files' sizes; `verify` reads all records.

    Raises:
        SpriteError: naming the file that is missing, unreadable or of another size than written.
    """
    description = read_description(folder)
    data = SpriteSet(os.fspath(folder), description.ids, description.shards, description.entries)
    for name in SPLITS:
        for shard, path in zip(data.shards[name], data.paths(name), strict=True):
            size = os.path.getsize(path) if os.path.isfile(path) else None
            if size != shard.bytes:
                found = "is missing" if size is None else f"has {size} bytes, {shard.bytes} were written"
                raise SpriteError(f"{path} {found}; copy it or write the data set again")
            unpacked, most = _unpacked_bytes(path), most_bytes(shard.records, shard.frames)
            if unpacked > most:
                raise SpriteError(f"{path} unpacks to {unpacked} bytes, at most {most} are possible; write it again")
    return data


def _unpacked_bytes(path: str) -> int:
    """The size, modulo 2^32, of what a gzip file holds, which its last four bytes tell."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 4))
        return int.from_bytes(file.read(4), "little")


def scaled(frames: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Pixels as the models take them, float32: divided by 256 as published, so from 0 to 255 / 256."""
    return tf.cast(frames, tf.float32) / 256.0


def batches(
    data: SpriteSet | str | os.PathLike,
    split: str,
    characters_per_batch: int,
    *,
    seed: int | None = None,
    start_epoch: int = 0,
    repeat: bool = False,
    shuffle_buffer: int = SHUFFLE_BUFFER,
) -> tf.data.Dataset:
    """Pairs of inputs and images for `fit`: {"pose": (b,), "character": (b,), "image": (b, 64, 64, 3)} and the image.

    All arrays are float32, and images are `scaled`. A batch holds whole characters, one after the other.

    Args:
        data: a data set or its folder.
        split: train or test.
        characters_per_batch: number of characters in a batch; the last batch of an epoch may be smaller.
        seed: shuffles the characters, differently in every epoch; an epoch has the same batches in every run.
        start_epoch: the first epoch, counted from 0.
        repeat: whether to go on with further epochs without end, for `fit` with steps_per_epoch.
        shuffle_buffer: number of characters in a block whose records are shuffled, after the files have been.

    Raises:
        SpriteError: naming the argument or the file that is wrong.
    """
    data = data if isinstance(data, SpriteSet) else open_set(data)
    if characters_per_batch < 1 or shuffle_buffer < 1 or start_epoch < 0:
        raise SpriteError("characters_per_batch and shuffle_buffer must be at least 1 and start_epoch at least 0")
    steps, paths, ids = data.steps_per_epoch(split, characters_per_batch), data.paths(split), data.ids[split]

    def to_arrays(*records: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        parsed = parse(ids, *records)
        character = tf.repeat(parsed.character, parsed.counts)
        image = scaled(parsed.frames)
        aux = {"pose": tf.cast(parsed.poses, tf.float32), "character": tf.cast(character, tf.float32)}
        return aux | {"image": image}, image

    epochs = tf.data.Dataset.range(start_epoch, np.iinfo(np.int64).max if repeat else start_epoch + 1)
    records = epochs.flat_map(lambda e: read_records(paths, shuffle_buffer, seed, e).batch(characters_per_batch))
    # Keras takes the number of steps from the cardinality, and an epoch with a record missing becomes an error
    sized = records.map(to_arrays).apply(
        tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY if repeat else steps)
    )
    return sized.prefetch(2).with_options(pipeline_options())

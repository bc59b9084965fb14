"""Verifying SPRITES: reading every record of a data set."""

import gzip
import os
import zlib

import numpy as np
import tensorflow as tf

from data_generators.sprites.description import DESCRIPTION_FILE, SPLITS, Shard
from data_generators.sprites.reading import SpriteSet, open_set
from data_generators.sprites.records import INVALID_RECORD, most_bytes, parse_in_graph, pipeline_options
from data_generators.sprites.sheets import NUM_POSES, SpriteError


def verify(folder: str | os.PathLike) -> SpriteSet:
    """Read every record of a data set and its checksum.

    Returns:
        The data set.

    Raises:
        SpriteError: naming the first file that is damaged or does not hold what sprites.json lists.
    """
    data = open_set(folder)
    for name in SPLITS:
        start = 0
        for shard, path in zip(data.shards[name], data.paths(name), strict=True):
            expected = data.ids[name][start : start + shard.records]
            _verify_shard(path, shard, expected)
            start += shard.records
    return data


def _verify_shard(path: str, shard: Shard, expected: tuple[int, ...]) -> None:
    found: list[int] = []
    frames = 0
    problem = f"is truncated or damaged, or {INVALID_RECORD}"
    try:
        _check_lengths(path)
        for record in tf.data.TFRecordDataset(path, "GZIP").with_options(pipeline_options()):
            parsed = parse_in_graph(tf.constant(expected, tf.int64), tf.constant([path]), record[None])
            found.append(int(parsed.character[0]))
            frames += len(parsed.poses)
            if len(np.unique(parsed.poses)) < len(parsed.poses):
                raise SpriteError(f"{path} has a pose of character {found[-1]} twice; write the data set again")
    except (tf.errors.OpError, OSError, EOFError, zlib.error) as error:
        raise SpriteError(f"{path} {problem}, after {len(found)} characters; write the data set again") from error
    if (tuple(found), frames) != (expected, shard.frames):
        counts = f"{len(found)} characters with {frames} images, not {shard.records} with {shard.frames}"
        raise SpriteError(f"{path} does not hold what {DESCRIPTION_FILE} lists, or not in that order: {counts}")


def _check_lengths(path: str) -> None:
    """Raise SpriteError if a record is longer than one can be, because TensorFlow would take the memory for it."""
    most = most_bytes(1, NUM_POSES)
    with gzip.open(path) as file:
        while header := file.read(12):  # the length and its checksum
            length = int.from_bytes(header[:8], "little")
            if length > most:
                found = f"a record of {length} bytes, at most {most} are possible"
                raise SpriteError(f"{path} is truncated or damaged, it has {found}; write the data set again")
            file.read(length + 4)

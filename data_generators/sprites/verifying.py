"""Verifying SPRITES: reading every record of a data set."""

import os

import numpy as np
import tensorflow as tf

from data_generators.sprites.description import DESCRIPTION_FILE, SPLITS, Shard
from data_generators.sprites.reading import SpriteSet, open_set
from data_generators.sprites.records import INVALID_RECORD, parse_in_graph, pipeline_options
from data_generators.sprites.sheets import SpriteError


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
    try:
        for record in tf.data.TFRecordDataset(path, "GZIP").with_options(pipeline_options()):
            parsed = parse_in_graph(tf.constant(expected, tf.int64), tf.constant([path]), record[None])
            found.append(int(parsed.character[0]))
            frames += len(parsed.poses)
            if len(np.unique(parsed.poses)) < len(parsed.poses):
                raise SpriteError(f"{path} has a pose of character {found[-1]} twice; write the data set again")
    except tf.errors.OpError as error:
        problem = f"is truncated or damaged, or {INVALID_RECORD}, after {len(found)} characters"
        raise SpriteError(f"{path} {problem}") from error
    if (tuple(found), frames) != (expected, shard.frames):
        counts = f"{len(found)} characters with {frames} images, not {shard.records} with {shard.frames}"
        raise SpriteError(f"{path} does not hold what {DESCRIPTION_FILE} lists, or not in that order: {counts}")

"""The records of SPRITES, each a whole character in some poses: serialising, reading in shuffled order, parsing."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from data_generators.sprites.sheets import NUM_POSES, SHAPE

INVALID_RECORD = "has a record with an unknown character, a pose out of range, or poses and frames that do not match"

_RECORD_BYTES = 256  # more than a record has besides its frames and poses


def most_bytes(records: int, frames: int) -> int:
    """The largest size, unpacked, that this many records with this many frames in all can have."""
    return records * _RECORD_BYTES + frames * (int(np.prod(SHAPE)) + 1)  # a pose takes one byte


class Parsed(NamedTuple):
    """The contents of some records, with their frames concatenated."""

    character: tf.Tensor
    """(records,), int64."""
    counts: tf.Tensor
    """Number of frames of each record, (records,), int64."""
    poses: tf.Tensor
    """(frames,), int64."""
    frames: tf.Tensor
    """(frames, 64, 64, 3), uint8."""


def pipeline_options() -> tf.data.Options:
    """Options of all pipelines: the same order in every run, and no autotuning."""
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False  # its thread delays the end of fit
    return options


def serialize(character: int, poses: np.ndarray, images: np.ndarray) -> bytes:
    """A record as bytes, the same bytes for the same arguments in every process.

    Args:
        character: number of the character.
        poses: (n,), integers.
        images: (n, 64, 64, 3), uint8.
    """
    features = {
        "character": tf.train.Feature(int64_list=tf.train.Int64List(value=[character])),
        "poses": tf.train.Feature(int64_list=tf.train.Int64List(value=poses)),
        "frames": tf.train.Feature(bytes_list=tf.train.BytesList(value=[images.tobytes()])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)  # Protobuf's default order differs between processes


def read_records(paths: list[str], shuffle_buffer: int, seed: int | None, epoch: int | tf.Tensor) -> tf.data.Dataset:
    """Pairs of a file's path and a serialised record.

    With a seed, the files are shuffled first, and then the records within each block of ``shuffle_buffer``. Both orders
    depend only on (seed, epoch); those of `Dataset.shuffle` would also depend on the global seed and on how often the
    data set has been iterated.
    """
    files = tf.constant(paths) if seed is None else _shuffled(tf.constant(paths), (seed, epoch))

    def read(path: tf.Tensor) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(path, "GZIP").map(lambda record: (path, record))

    def shuffle_block(block: tf.Tensor, records: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        key = tf.random.fold_in(tf.cast((seed, epoch), tf.int64), block)
        order = _shuffled(tf.range(tf.size(records[0])), key)
        return tf.gather(records[0], order), tf.gather(records[1], order)

    records = tf.data.Dataset.from_tensor_slices(files).flat_map(read)
    return records if seed is None else records.batch(shuffle_buffer).enumerate().map(shuffle_block).unbatch()


def _shuffled(values: tf.Tensor, seed: Any) -> tf.Tensor:
    return tf.random.experimental.stateless_shuffle(values, tf.cast(seed, tf.int64), alg="philox")


def parse(ids: Sequence[int], paths: tf.Tensor, records: tf.Tensor) -> Parsed:
    """Parse serialised records.

    Args:
        ids: numbers of the characters that may occur.
        paths: the file of each record, (records,), strings.
        records: (records,), strings.

    Raises:
        InvalidArgumentError: from TensorFlow, naming the files of records that are not whole characters of ``ids``.
    """
    features = {  # defaults that the checks below reject
        "character": tf.io.FixedLenFeature([], tf.int64, -1),
        "poses": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
        "frames": tf.io.FixedLenFeature([], tf.string, ""),
    }
    parsed = tf.io.parse_example(records, features)
    character, poses, frames = (parsed[name] for name in features)
    counts = poses.row_lengths()
    known = tf.reduce_any(character[:, None] == tf.convert_to_tensor(ids, tf.int64), axis=1)
    in_range = tf.reduce_all((poses >= 0) & (poses < NUM_POSES), axis=1)
    whole = (counts > 0) & (tf.cast(tf.strings.length(frames), tf.int64) == counts * int(np.prod(SHAPE)))
    invalid = tf.boolean_mask(paths, ~(known & in_range & whole))
    with tf.control_dependencies([tf.debugging.Assert(tf.size(invalid) == 0, ["a file", INVALID_RECORD, invalid])]):
        pixels = tf.io.decode_raw(tf.strings.reduce_join(frames), tf.uint8)
    return Parsed(character, counts, poses.flat_values, tf.reshape(pixels, (-1, *SHAPE)))


# for `verify`, which would spend most of its time here if it parsed eagerly
parse_in_graph = tf.function(
    parse, [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.string)]
)

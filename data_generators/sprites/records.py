"""The records of SPRITES: reading, shuffling and parsing files of whole characters in `tf.data`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from data_generators.sprites.sheets import NUM_POSES, SHAPE

WRONG = "has a record with an unknown character, a pose out of range, or poses and frames that do not fit"


def options() -> tf.data.Options:
    """The same order in every run, and nothing that tunes itself."""
    chosen = tf.data.Options()
    chosen.deterministic = True
    chosen.autotune.enabled = False  # its thread holds up the end of fit
    return chosen


def _shuffled(values: tf.Tensor, seed: Any) -> tf.Tensor:
    return tf.random.experimental.stateless_shuffle(values, tf.cast(seed, tf.int64), alg="philox")


def records_of(paths: list[str], buffer: int, seed: int | None, epoch: int | tf.Tensor) -> tf.data.Dataset:
    """Pairs of a file's path and a record.

    With a seed the files are shuffled, and then every `buffer` records among themselves. Both depend on (seed, epoch)
    alone; Dataset.shuffle would also depend on the global seed and on how often it was iterated.
    """
    files = tf.constant(paths) if seed is None else _shuffled(tf.constant(paths), (seed, epoch))

    def read(path: tf.Tensor) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(path, "GZIP").map(lambda record: (path, record))

    def mix(block: tf.Tensor, records: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        key = tf.random.fold_in(tf.cast((seed, epoch), tf.int64), block)
        order = _shuffled(tf.range(tf.size(records[0])), key)
        return tf.gather(records[0], order), tf.gather(records[1], order)

    records = tf.data.Dataset.from_tensor_slices(files).flat_map(read)
    return records if seed is None else records.batch(buffer).enumerate().map(mix).unbatch()


class Parsed(NamedTuple):
    """Some records, and all their frames one after the other."""

    character: tf.Tensor
    """(records,), int64."""
    counts: tf.Tensor
    """Frames of each record, (records,), int64."""
    poses: tf.Tensor
    """(frames,), int64."""
    frames: tf.Tensor
    """(frames, 64, 64, 3), uint8."""


def parse(ids: Sequence[int], paths: tf.Tensor, records: tf.Tensor) -> Parsed:
    """Parse serialized records, (records,), each with the path of its file.

    Raises:
        InvalidArgumentError: in the graph, naming the files of records that are no whole characters of ``ids``.
    """
    features = {  # what a record lacks becomes something that the checks refuse
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
    wrong = tf.boolean_mask(paths, ~(known & in_range & whole))
    with tf.control_dependencies([tf.debugging.Assert(tf.size(wrong) == 0, ["a file", WRONG, wrong])]):
        pixels = tf.io.decode_raw(tf.strings.reduce_join(frames), tf.uint8)
    return Parsed(character, counts, poses.flat_values, tf.reshape(pixels, (-1, *SHAPE)))


# for `verify`, which would spend most of its time here if it parsed eagerly
parse_in_graph = tf.function(
    parse, [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.string)]
)

"""SPRITES: game characters in 72 poses (Li and Mandt 2018), as TFRecord files of whole characters.

A character is a body with trousers, a shirt and hair, six of each: 1,296 characters. A pose is one frame of one
action seen from one direction, pose = 8 * (3 * action + direction) + frame. The images come from the sheets of the
Liberated Pixel Cup, or from any function of a character's number that gives (72, 64, 64, 3), uint8.

Every record is one whole character, so no order of files or records can mix two characters in a block.

As a command it writes a data set, of drawn characters if it is given no sheets:

    python -m data_generators.sprites --sheets=lpc_sprites --output=sprites
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from data_generators.sprites.records import WRONG, options, parse, parse_in_graph, records_of
from data_generators.sprites.shards import (
    ABOUT,
    SPLITS,
    Shard,
    check_characters,
    choose_poses,
    clear,
    is_written,
    one_line,
    write_about,
    write_shard,
)
from data_generators.sprites.sheets import NUM_CHARACTERS, NUM_POSES, POSE_NAMES, SHAPE, SpriteError, SpriteSheets

__all__ = [
    "NUM_CHARACTERS", "NUM_POSES", "POSE_NAMES", "SHAPE", "Shard", "SpriteError", "SpriteSet", "SpriteSheets",
    "batches", "contact_sheet", "is_written", "open_set", "scaled", "source", "split", "verify", "write",
]  # fmt: skip

SHUFFLE_BUFFER = 160  # characters; 100 MB with 50 poses each


def split(
    num_characters: int = NUM_CHARACTERS, num_train: int = 1000, seed: int = 423, num_test: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training and of the test characters; the defaults are the published split.

    Args:
        num_characters: there are in all.
        num_train: the first of a permutation.
        seed: of the permutation, NumPy's legacy one.
        num_test: the next of it; all that are left if None.

    Raises:
        SpriteError: if there are fewer characters than asked for.
    """
    num_test = max(num_characters - num_train, 1) if num_test is None else num_test
    if num_train < 1 or num_test < 1:
        raise SpriteError(f"training and test need a character each, got {num_train} and {num_test}")
    if num_train + num_test > num_characters:
        asked = f"{num_train} for training and {num_test} for test"
        raise SpriteError(f"there are {num_characters} characters, fewer than asked for: {asked}")
    order = np.random.RandomState(seed).permutation(num_characters)
    return order[:num_train], order[num_train : num_train + num_test]


def write(
    frames: Callable[[int], np.ndarray],
    folder: str | os.PathLike,
    *,
    train_characters: Sequence[int] | np.ndarray,
    test_characters: Sequence[int] | np.ndarray,
    poses_per_character: int = 50,
    characters_per_shard: int = 40,
    seed: int = 0,
    source: str = "unknown",
    overwrite: bool = False,
    progress: Callable[[str], Any] | None = None,
) -> "SpriteSet":
    """Write a data set: shards of whole characters, and sprites.json when all of them are complete.

    Args:
        frames: all poses of a character, (72, 64, 64, 3), uint8.
        train_characters, test_characters: numbers from 0, in the order in which they are written.
        poses_per_character: of a training character, drawn by (seed, character); test characters have all in order.
        seed: of the draws.
        source: where the images come from, in a few words; kept.
        overwrite: whether a data set in the folder may be replaced.
        progress: called with a line for every shard.

    Raises:
        SpriteError: if the folder holds a data set, or naming what cannot be written.
    """
    characters = {"train": [int(c) for c in train_characters], "test": [int(c) for c in test_characters]}
    check_characters(characters, poses_per_character, characters_per_shard, seed)
    clear(folder, overwrite)
    shards: dict[str, list[Shard]] = {name: [] for name in SPLITS}
    for name, ids in characters.items():
        groups = [ids[i : i + characters_per_shard] for i in range(0, len(ids), characters_per_shard)]
        for i, group in enumerate(groups):
            poses = {
                c: choose_poses(c, poses_per_character, seed) if name == "train" else np.arange(NUM_POSES)
                for c in group
            }
            shard = write_shard(folder, f"{name}-{i:05d}-of-{len(groups):05d}.tfrecord", frames, poses)
            shards[name].append(shard)
            if progress is not None:
                progress(f"{shard.file}: {shard.records} characters, {shard.frames} images")
    write_about(folder, characters, shards, source=source, seed=seed, poses_per_character=poses_per_character)
    return open_set(folder)


@dataclasses.dataclass(frozen=True)
class SpriteSet:
    """A data set in a folder; its dictionaries have the keys train and test."""

    folder: str
    ids: dict[str, tuple[int, ...]]
    """Numbers of the characters, in the order of the files."""
    shards: dict[str, tuple[Shard, ...]]
    about: dict[str, Any]
    """All that sprites.json says: source, seed, pose_names and more."""

    def digest(self) -> str:
        """Of the description: characters, poses, source, the size of each compressed file. The files are not read."""
        return hashlib.sha256(json.dumps(self.about, sort_keys=True).encode()).hexdigest()

    def num_frames(self, split: str) -> int:
        """Images of a split."""
        return sum(shard.frames for shard in self.shards[_known(split)])

    def steps_per_epoch(self, split: str, characters_per_batch: int) -> int:
        """Batches of a split, the last of them perhaps smaller."""
        return -(-len(self.ids[_known(split)]) // characters_per_batch)

    def paths(self, split: str) -> list[str]:
        """The files of a split, in order."""
        return [os.path.join(self.folder, shard.file) for shard in self.shards[_known(split)]]

    def characters(
        self, split: str, shuffle_buffer: int = SHUFFLE_BUFFER, seed: int | None = None, epoch: int | tf.Tensor = 0
    ) -> tf.data.Dataset:
        """One character an element: character (), pose (n,), both int64, and frames (n, 64, 64, 3), uint8.

        In the order of the files, or shuffled as `batches` does if there is a seed.
        """
        ids = self.ids[_known(split)]

        def arrays(*records: tf.Tensor) -> dict[str, tf.Tensor]:
            parsed = parse(ids, *records)
            return {"character": parsed.character[0], "pose": parsed.poses, "frames": parsed.frames}

        records = records_of(self.paths(split), shuffle_buffer, seed, epoch)
        return records.batch(1).map(arrays).prefetch(2).with_options(options())


def _known(split: str) -> str:
    if split not in SPLITS:
        raise SpriteError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    return split


def open_set(folder: str | os.PathLike) -> SpriteSet:
    """A data set that `write` wrote, after a look at its description and the sizes of its files; `verify` reads all.

    Raises:
        SpriteError: naming the file that is missing, unreadable or not as it was written.
    """
    path = os.path.join(folder, ABOUT)
    if not os.path.isfile(path):
        raise SpriteError(f"{path} is missing: no data set was written there to the end; write it (again)")
    try:
        with open(path, encoding="utf-8") as file:
            about = json.load(file)
        shards = {name: tuple(Shard(**shard) for shard in about["shards"][name]) for name in SPLITS}
        ids = {name: tuple(int(c) for c in about["characters"][name]) for name in SPLITS}
        agree = all(sum(shard.records for shard in shards[name]) == len(ids[name]) > 0 for name in SPLITS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpriteError(f"{path} does not describe a data set of sprites: {one_line(error)}") from error
    if not agree or about.get("image_shape") != list(SHAPE):
        raise SpriteError(f"{path} contradicts itself or is of another version; write the data set again")
    data = SpriteSet(os.fspath(folder), ids, shards, about)
    for name in SPLITS:
        for shard, file_path in zip(shards[name], data.paths(name), strict=True):
            size = os.path.getsize(file_path) if os.path.isfile(file_path) else None
            if size != shard.bytes:
                found = "is missing" if size is None else f"has {size} bytes, {shard.bytes} were written"
                raise SpriteError(f"{file_path} {found}; copy it or write the data set again")
    return data


def scaled(frames: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Pixels as the models see them: divided by 256, as published, so from 0 to 255 / 256; float32."""
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

    All are float32, and images are `scaled`. A batch is whole characters, one after the other.

    Args:
        data: a data set or its folder.
        split: train or test.
        characters_per_batch: the last batch of an epoch may be smaller.
        seed: shuffles characters, in every epoch anew; epoch e has the same batches whenever and wherever it begins.
        start_epoch: the first epoch, counted from 0.
        repeat: epoch after epoch without an end, for `fit` with steps_per_epoch; otherwise one epoch.
        shuffle_buffer: characters that are shuffled among themselves, after the files.

    Raises:
        SpriteError: naming the argument or the file that is wrong.
    """
    data = data if isinstance(data, SpriteSet) else open_set(data)
    if characters_per_batch < 1 or shuffle_buffer < 1 or start_epoch < 0:
        raise SpriteError("characters_per_batch and shuffle_buffer must be at least 1 and start_epoch at least 0")
    steps, paths, ids = data.steps_per_epoch(split, characters_per_batch), data.paths(split), data.ids[split]

    def arrays(*records: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        parsed = parse(ids, *records)
        character = tf.repeat(parsed.character, parsed.counts)
        image = scaled(parsed.frames)
        aux = {"pose": tf.cast(parsed.poses, tf.float32), "character": tf.cast(character, tf.float32)}
        return aux | {"image": image}, image

    epochs = tf.data.Dataset.range(start_epoch, np.iinfo(np.int64).max if repeat else start_epoch + 1)
    records = epochs.flat_map(lambda e: records_of(paths, shuffle_buffer, seed, e).batch(characters_per_batch))
    # Keras reads the number of steps from it, and an epoch that lacks a record is an error
    sized = records.map(arrays).apply(
        tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY if repeat else steps)
    )
    return sized.prefetch(2).with_options(options())


def verify(folder: str | os.PathLike) -> SpriteSet:
    """Read every record of a data set, checksums included.

    Raises:
        SpriteError: naming the first file that is damaged or does not hold what sprites.json says.
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
        for record in tf.data.TFRecordDataset(path, "GZIP").with_options(options()):
            parsed = parse_in_graph(tf.constant(expected, tf.int64), tf.constant([path]), record[None])
            found.append(int(parsed.character[0]))
            frames += len(parsed.poses)
            if len(np.unique(parsed.poses)) < len(parsed.poses):
                raise SpriteError(f"{path} has a pose of character {found[-1]} twice; write the data set again")
    except tf.errors.OpError as error:
        raise SpriteError(f"{path} is cut short or damaged, or {WRONG}, after {len(found)} characters") from error
    if (tuple(found), frames) != (expected, shard.frames):
        counts = f"{len(found)} characters with {frames} images, not {shard.records} with {shard.frames}"
        raise SpriteError(f"{path} does not hold what {ABOUT} lists, or not in that order: {counts}")


def contact_sheet(frames: Callable[[int], np.ndarray], characters: Sequence[int], path: str) -> None:
    """Write a picture: a row for every character, with every third pose."""
    from matplotlib import image  # takes a while; only here

    rows = [np.concatenate(frames(int(character))[::3], axis=1) for character in characters]
    image.imsave(path, np.concatenate(rows))


def source(sheets: str | None = None) -> tuple[Callable[[int], np.ndarray], str]:
    """A function from a character's number to its frames, and its name: of a folder of sheets, or the drawn one."""
    if sheets is not None:
        return SpriteSheets(sheets).frames, "LPC sheets"
    from data_generators.sprites.drawn import characters as drawn_sprites

    return drawn_sprites.frames, "drawn by this project"

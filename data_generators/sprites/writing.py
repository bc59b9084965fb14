"""Writing SPRITES: the split into training and test characters, and TFRecord files (shards) of whole characters."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from data_generators.commands.lock import locked
from data_generators.messages import one_line
from data_generators.sprites.description import (
    DESCRIPTION_FILE,
    MAX_CHARACTER,
    SHARD_NAME,
    SPLITS,
    Shard,
    is_written,
    write_description,
)
from data_generators.sprites.reading import SpriteSet, open_set
from data_generators.sprites.records import serialize
from data_generators.sprites.sheets import NUM_CHARACTERS, NUM_POSES, SHAPE, SpriteError

Frames = Callable[[int], np.ndarray]
"""A function from the number of a character to all its poses, (72, 64, 64, 3), uint8."""


def split(
    num_characters: int = NUM_CHARACTERS, num_train: int = 1000, seed: int = 423, num_test: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training and of the test characters; the defaults give the published split.

    Args:
        num_characters: number of characters in total.
        num_train: number of training characters, the first of a random permutation.
        seed: seed of the permutation, for NumPy's legacy generator.
        num_test: number of test characters, the next of the permutation; all that are left if None.

    Returns:
        Two arrays of integers, (num_train,) and (num_test,).

    Raises:
        SpriteError: if there are fewer characters than requested.
    """
    num_test = max(num_characters - num_train, 1) if num_test is None else num_test
    if num_train < 1 or num_test < 1:
        raise SpriteError(f"training and test need at least one character each, got {num_train} and {num_test}")
    if num_train + num_test > num_characters:
        requested = f"{num_train} for training and {num_test} for test"
        raise SpriteError(f"there are {num_characters} characters, fewer than asked for: {requested}")
    order = np.random.RandomState(seed).permutation(num_characters)
    return order[:num_train], order[num_train : num_train + num_test]


def write(
    frames: Frames,
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
) -> SpriteSet:
    """Write a data set: shards of whole characters, and sprites.json when all of them are complete.

    Args:
        frames: function from the number of a character to all its poses, (72, 64, 64, 3), uint8.
        folder: where to write; created if necessary.
        train_characters, test_characters: numbers of the characters from 0, in the order in which they are written.
        poses_per_character: number of poses of a training character, drawn at random given (seed, character); test
            characters have all 72 in order.
        characters_per_shard: number of characters in a file.
        seed: seed of the choice of poses.
        source: a short description of where the images come from, kept in sprites.json.
        overwrite: whether to replace a data set in the folder.
        progress: called with one line of text for every shard.

    Returns:
        The data set that was written.

    Raises:
        SpriteError: if the folder already holds a data set, for arguments out of range, or if a file cannot be written.
        FolderInUseError: if another process is writing there.
    """
    characters = {"train": [int(c) for c in train_characters], "test": [int(c) for c in test_characters]}
    _check_arguments(characters, poses_per_character, characters_per_shard, seed)
    with locked(folder):
        _prepare_folder(folder, overwrite)
        shards: dict[str, list[Shard]] = {name: [] for name in SPLITS}
        for name, ids in characters.items():
            groups = [ids[i : i + characters_per_shard] for i in range(0, len(ids), characters_per_shard)]
            for i, group in enumerate(groups):
                poses = {
                    c: _choose_poses(c, poses_per_character, seed) if name == "train" else np.arange(NUM_POSES)
                    for c in group
                }
                shard = _write_shard(folder, f"{name}-{i:05d}-of-{len(groups):05d}.tfrecord", frames, poses)
                shards[name].append(shard)
                if progress is not None:
                    progress(f"{shard.file}: {shard.records} characters, {shard.frames} images")
        write_description(folder, characters, shards, source=source, seed=seed, poses_per_character=poses_per_character)
    return open_set(folder)


def _check_arguments(characters: dict[str, list[int]], poses: int, per_shard: int, seed: int) -> None:
    everyone = characters["train"] + characters["test"]
    in_range = all(0 <= character <= MAX_CHARACTER for character in everyone)
    if not all(characters.values()) or len(set(everyone)) < len(everyone) or not in_range:
        raise SpriteError(
            "train_characters and test_characters must be distinct numbers from 0, at least one each, "
            f"and at most {MAX_CHARACTER}"
        )
    if not 1 <= poses <= NUM_POSES:
        raise SpriteError(f"poses_per_character must be from 1 to {NUM_POSES}, got {poses}")
    if per_shard < 1 or seed < 0:
        raise SpriteError(f"characters_per_shard must be at least 1 and seed at least 0, got {per_shard} and {seed}")


def _prepare_folder(folder: str | os.PathLike, overwrite: bool) -> None:
    """Create the folder, or remove a data set and the shards of an interrupted write from it."""
    if is_written(folder):
        if not overwrite:
            raise SpriteError(
                f"{os.fspath(folder)} holds a data set; name another folder, or overwrite it (--overwrite)"
            )
        os.remove(os.path.join(folder, DESCRIPTION_FILE))  # first, so that a partly removed set is not taken for one
    os.makedirs(folder, exist_ok=True)
    for name in filter(SHARD_NAME.fullmatch, os.listdir(folder)):
        os.remove(os.path.join(folder, name))


def _choose_poses(character: int, count: int, seed: int) -> np.ndarray:
    """Poses of a training character in the order drawn, so that the first few of them are a random choice too."""
    return np.random.default_rng((seed, character)).permutation(NUM_POSES)[:count]


def _write_shard(folder: str | os.PathLike, name: str, frames: Frames, poses: dict[int, np.ndarray]) -> Shard:
    """Write the characters in ``poses``, each in its poses, to one file."""
    path = os.path.join(folder, name)
    try:
        with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions("GZIP")) as file:
            for character, chosen in poses.items():
                images = frames(character)
                if images.shape != (NUM_POSES, *SHAPE) or images.dtype != np.uint8:
                    expected = f"{(NUM_POSES, *SHAPE)}, uint8"
                    raise SpriteError(f"frames({character}) must be {expected}, got {images.shape}, {images.dtype}")
                file.write(serialize(character, chosen, images[chosen]))
    except tf.errors.OpError as error:
        raise SpriteError(f"{path} cannot be written: {one_line(error)}") from error
    return Shard(name, len(poses), sum(map(len, poses.values())), os.path.getsize(path))

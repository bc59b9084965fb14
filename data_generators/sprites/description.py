"""The description of a data set of sprites, sprites.json: written last, so a data set that has one is complete."""

import json
import os
from typing import Any, NamedTuple

from data_generators.files import replacing
from data_generators.messages import one_line
from data_generators.sprites.sheets import POSE_NAMES, SHAPE, SpriteError

SPLITS = ("train", "test")
DESCRIPTION_FILE = "sprites.json"


class Shard(NamedTuple):
    """A file of whole characters: its name, and how many records, frames and bytes it holds."""

    file: str
    records: int
    frames: int
    bytes: int


class Description(NamedTuple):
    """The content of sprites.json; the dictionaries have the keys train and test."""

    ids: dict[str, tuple[int, ...]]
    """Numbers of the characters, in the order of the files."""
    shards: dict[str, tuple[Shard, ...]]
    entries: dict[str, Any]
    """All entries of the file: source, seed, pose_names and more."""


def is_written(folder: str | os.PathLike) -> bool:
    """Whether the folder holds a complete data set."""
    return os.path.exists(os.path.join(folder, DESCRIPTION_FILE))


def write_description(
    folder: str | os.PathLike, characters: dict[str, list[int]], shards: dict[str, list[Shard]], **more: Any
) -> None:
    """Write the description atomically, which completes the data set.

    Args:
        folder: the folder with the shards.
        characters: numbers of the characters of each split, in the order of the files.
        shards: the files of each split.
        more: further entries.
    """
    entries = more | {
        "image_shape": SHAPE,
        "pose_names": POSE_NAMES,
        "num_frames": {name: sum(shard.frames for shard in shards[name]) for name in SPLITS},
        "num_characters": {name: len(characters[name]) for name in SPLITS},
        "shards": {name: [shard._asdict() for shard in shards[name]] for name in SPLITS},
        "characters": characters,
    }
    with replacing(os.path.join(folder, DESCRIPTION_FILE)) as file:
        file.write(json.dumps(entries).encode())


def read_description(folder: str | os.PathLike) -> Description:
    """Read the description of a data set.

    Raises:
        SpriteError: if it is missing, unreadable, inconsistent or of another version.
    """
    path = os.path.join(folder, DESCRIPTION_FILE)
    if not os.path.isfile(path):
        raise SpriteError(f"{path} is missing: no complete data set was written there; write it (again)")
    try:
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)
        shards = {name: tuple(Shard(**shard) for shard in entries["shards"][name]) for name in SPLITS}
        ids = {name: tuple(int(c) for c in entries["characters"][name]) for name in SPLITS}
        consistent = all(sum(shard.records for shard in shards[name]) == len(ids[name]) > 0 for name in SPLITS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpriteError(f"{path} does not describe a data set of sprites: {one_line(error)}") from error
    if not consistent or entries.get("image_shape") != list(SHAPE):
        raise SpriteError(f"{path} is inconsistent or of another version; write the data set again")
    return Description(ids, shards, entries)

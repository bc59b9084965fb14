"""The description of a data set of sprites, sprites.json: written last, so a data set that has one is complete."""

import json
import os
import re
from typing import Any, NamedTuple

from data_generators.files import replacing
from data_generators.messages import one_line
from data_generators.sprites.sheets import NUM_POSES, POSE_NAMES, SHAPE, SpriteError

SPLITS = ("train", "test")
DESCRIPTION_FILE = "sprites.json"
SHARD_NAME = re.compile(r"(train|test)-\d{5,}-of-\d{5,}\.tfrecord")
MAX_CHARACTER = 2**24  # single precision, in which models take them, holds all whole numbers up to there
_MOST_BYTES = 2**24  # of the file: a million characters and more


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
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES} bytes")
        description = _checked(json.loads(content.decode("utf-8")))
    except Exception as error:  # json raises many kinds, among them RecursionError
        problem = f"{path} does not describe a data set of sprites of this version: {one_line(error)}"
        raise SpriteError(f"{problem}; write the data set again") from error
    return description


def _checked(entries: Any) -> Description:
    """The description in the content of a file, or a ValueError."""
    if _entry(entries, "image_shape", list) != list(SHAPE):
        raise ValueError(f"image_shape is not {list(SHAPE)}")
    ids, shards = {}, {}
    for name in SPLITS:
        listed = _entry(_entry(entries, "shards", dict), name, list)
        shards[name] = tuple(_shard(shard) for shard in listed)
        ids[name] = tuple(_entry(_entry(entries, "characters", dict), name, list))
        if not all(type(c) is int and 0 <= c <= MAX_CHARACTER for c in ids[name]):
            raise ValueError(f"characters of {name} are not whole numbers from 0 to {MAX_CHARACTER}")
        if not sum(shard.records for shard in shards[name]) == len(ids[name]) > 0:
            raise ValueError(f"the shards of {name} do not hold as many records as there are characters")
    everyone, files = ids["train"] + ids["test"], [shard.file for name in SPLITS for shard in shards[name]]
    if len(set(everyone)) < len(everyone) or len(set(files)) < len(files):
        raise ValueError("a character or a file is listed twice")
    return Description(ids, shards, entries)


def _entry(entries: Any, name: str, kind: type) -> Any:
    """An entry of a JSON object, which must be of the given type."""
    if not isinstance(entries, dict) or not isinstance(entries.get(name), kind):
        raise ValueError(f"it lacks an entry {name} of type {kind.__name__}")
    return entries[name]


def _shard(entries: Any) -> Shard:
    shard = Shard(_entry(entries, "file", str), *(_entry(entries, name, int) for name in Shard._fields[1:]))
    counts = shard[1:]
    if not SHARD_NAME.fullmatch(shard.file) or bool in map(type, counts) or len(entries) > len(shard):
        raise ValueError(f"a shard is described by {entries}")
    if not 1 <= shard.records <= shard.frames <= shard.records * NUM_POSES or shard.bytes < 1:
        raise ValueError(f"{shard.file} cannot have {shard.records} records with {shard.frames} images")
    return shard

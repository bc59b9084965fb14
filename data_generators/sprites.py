"""SPRITES: game characters in 72 poses (Li and Mandt 2018), as TFRecord files of whole characters.

A character is a body with trousers, a shirt and hair, six of each: 1,296 characters. A pose is one frame of one
action seen from one direction, pose = 8 * (3 * action + direction) + frame. The images come from the sheets of the
Liberated Pixel Cup, or from any function of a character's number that gives (72, 64, 64, 3), uint8.

Every record is one whole character, so no order of files or records can mix two characters in a block.

As a command it writes a data set, of drawn characters if it is given no sheets:

    python -m data_generators.sprites --sheets=lpc_sprites --output=sprites
"""

import dataclasses
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from absl import app, flags

SIZE = 64
SHAPE = (SIZE, SIZE, 3)
ACTIONS = ("walk", "spellcard", "slash")
DIRECTIONS = ("front", "left", "right")
FRAMES = 8  # of an action
POSE_NAMES = tuple(f"{a} {d} {frame}" for a in ACTIONS for d in DIRECTIONS for frame in range(FRAMES))
NUM_POSES = len(POSE_NAMES)
CHOICES = 6  # of every part
PARTS = ("body", "bottomwear", "topwear", "hair")  # drawn in this order; the number of a character has these digits
NUM_CHARACTERS = CHOICES ** len(PARTS)
SPLITS = ("train", "test")
SHUFFLE_BUFFER = 160  # characters; 100 MB with 50 poses each
_SHOES = 1
_GRID = (21, 13)  # cells of a sheet
_ROWS = ((10, 9, 11), (2, 1, 3), (14, 13, 15))  # of each action, by direction
_COLUMNS = ((8, 1, 2, 3, 4, 5, 6, 7), (0, 1, 2, 3, 4, 5, 4, 6), (0, 1, 2, 3, 4, 5, 4, 0))  # of each action, by frame
_ABOUT = "sprites.json"
_WRONG = "has a record with an unknown character, a pose out of range, or poses and frames that do not fit"
_SHARD_NAME = re.compile(r"(train|test)-\d{5,}-of-\d{5,}\.tfrecord")


class SpriteError(ValueError):
    """A sheet or a data set is not what it should be."""


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


class _Layer(NamedTuple):
    """The pixels of a sheet that are not transparent, of the 72 cells in use."""

    places: np.ndarray
    """Places among 72 * 64 * 64 pixels, (k,)."""
    colours: np.ndarray
    """Colour times alpha, (k, 3), uint32."""
    rest: np.ndarray
    """255 - alpha, (k, 1), uint32."""


class SpriteSheets:
    """Characters of the Liberated Pixel Cup's sheets.

    Args:
        folder: with body/, bottomwear/, topwear/ and hair/, each with 0.png to 5.png, and shoes/1.png.

    Raises:
        SpriteError: naming the first sheet that is missing, unreadable or of another size.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self._parts = [[_read_layer(os.path.join(folder, part, f"{n}.png")) for n in range(CHOICES)] for part in PARTS]
        self._shoes = _read_layer(os.path.join(folder, "shoes", f"{_SHOES}.png"))

    def frames(self, character: int) -> np.ndarray:
        """All poses of a character, (72, 64, 64, 3), uint8, on black."""
        if not 0 <= character < NUM_CHARACTERS:
            raise SpriteError(f"character must be from 0 to {NUM_CHARACTERS - 1}, got {character}")
        digits = np.unravel_index(character, (CHOICES,) * len(PARTS))
        layers = [part[digit] for part, digit in zip(self._parts, digits, strict=True)]
        canvas = np.zeros((NUM_POSES * SIZE * SIZE, 3), np.uint32)
        for places, colours, rest in (*layers, self._shoes):
            # Pillow's alpha_composite to the bit: seven more bits, then a division by 255 out of shifts
            blend = (colours + canvas[places] * rest + 128) << 7
            canvas[places] = (blend + (blend >> 8)) >> 15
        return canvas.astype(np.uint8).reshape(NUM_POSES, *SHAPE)


def _read_layer(path: str) -> _Layer:
    if not os.path.isfile(path):
        parts = ", ".join(PARTS[:-1])
        raise SpriteError(
            f"{path} is missing: sheets are {parts} and {PARTS[-1]} 0 to {CHOICES - 1}, and shoes {_SHOES}"
        )
    try:  # TensorFlow's decoder because it turns palettes with transparency into RGBA and is a requirement anyway
        sheet = tf.io.decode_png(tf.io.read_file(path), channels=4).numpy()
    except tf.errors.OpError as error:
        raise SpriteError(f"{path} is not a readable PNG image; fetch it again") from error
    height, width = (cells * SIZE for cells in _GRID)
    if sheet.shape != (height, width, 4):
        raise SpriteError(f"{path} is {sheet.shape[1]} x {sheet.shape[0]} pixels, a sheet is {width} x {height}")
    cells = sheet.reshape(_GRID[0], SIZE, _GRID[1], SIZE, 4).swapaxes(1, 2)
    used = cells[np.asarray(_ROWS)[:, :, None], np.asarray(_COLUMNS)[:, None, :]].reshape(-1, 4).astype(np.uint32)
    places = np.flatnonzero(used[:, 3])
    alpha = used[places, 3:]
    return _Layer(places, used[places, :3] * alpha, 255 - alpha)


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


class Shard(NamedTuple):
    """A file of whole characters."""

    file: str
    records: int
    frames: int
    bytes: int


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
    _check_characters(characters, poses_per_character, characters_per_shard, seed)
    _clear(folder, overwrite)
    shards: dict[str, list[Shard]] = {name: [] for name in SPLITS}
    for name, ids in characters.items():
        groups = [ids[i : i + characters_per_shard] for i in range(0, len(ids), characters_per_shard)]
        for i, group in enumerate(groups):
            poses = {
                c: _choose(c, poses_per_character, seed) if name == "train" else np.arange(NUM_POSES) for c in group
            }
            shard = _write_shard(folder, f"{name}-{i:05d}-of-{len(groups):05d}.tfrecord", frames, poses)
            shards[name].append(shard)
            if progress is not None:
                progress(f"{shard.file}: {shard.records} characters, {shard.frames} images")
    _write_about(folder, characters, shards, source=source, seed=seed, poses_per_character=poses_per_character)
    return open_set(folder)


def _choose(character: int, count: int, seed: int) -> np.ndarray:
    """Poses of a training character, in the order drawn: the first few of them are a fair choice too."""
    return np.random.default_rng((seed, character)).permutation(NUM_POSES)[:count]


def _write_about(
    folder: str | os.PathLike, characters: dict[str, list[int]], shards: dict[str, list[Shard]], **more: Any
) -> None:
    about = more | {
        "image_shape": SHAPE,
        "pose_names": POSE_NAMES,
        "num_frames": {name: sum(shard.frames for shard in shards[name]) for name in SPLITS},
        "num_characters": {name: len(characters[name]) for name in SPLITS},
        "shards": {name: [shard._asdict() for shard in shards[name]] for name in SPLITS},
        "characters": characters,
    }
    partial = os.path.join(folder, f"{_ABOUT}.partial")
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(about, file)
    os.replace(partial, os.path.join(folder, _ABOUT))


def _check_characters(characters: dict[str, list[int]], poses: int, per_shard: int, seed: int) -> None:
    everyone = characters["train"] + characters["test"]
    if not all(characters.values()) or len(set(everyone)) < len(everyone) or min(everyone) < 0:
        raise SpriteError("train_characters and test_characters must be different numbers from 0, at least one each")
    if not 1 <= poses <= NUM_POSES:
        raise SpriteError(f"poses_per_character must be from 1 to {NUM_POSES}, got {poses}")
    if per_shard < 1 or seed < 0:
        raise SpriteError(f"characters_per_shard must be at least 1 and seed at least 0, got {per_shard} and {seed}")


def _clear(folder: str | os.PathLike, overwrite: bool) -> None:
    """Make the folder, without a data set and without the shards of a write that was interrupted."""
    if is_written(folder):
        if not overwrite:
            raise SpriteError(f"{os.fspath(folder)} holds a data set; name another folder, or ask to overwrite it")
        os.remove(os.path.join(folder, _ABOUT))  # first: what is half removed is no data set
    os.makedirs(folder, exist_ok=True)
    for name in filter(_SHARD_NAME.fullmatch, os.listdir(folder)):
        os.remove(os.path.join(folder, name))


def _write_shard(
    folder: str | os.PathLike, name: str, frames: Callable[[int], np.ndarray], poses: dict[int, np.ndarray]
) -> Shard:
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
        raise SpriteError(f"{path} cannot be written: {_line(error)}") from error
    return Shard(name, len(poses), sum(map(len, poses.values())), os.path.getsize(path))


def _record(character: int, poses: np.ndarray, images: np.ndarray) -> bytes:
    features = {
        "character": tf.train.Feature(int64_list=tf.train.Int64List(value=[character])),
        "poses": tf.train.Feature(int64_list=tf.train.Int64List(value=poses)),
        "frames": tf.train.Feature(bytes_list=tf.train.BytesList(value=[images.tobytes()])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)  # otherwise every process has an order of its own


@dataclasses.dataclass(frozen=True)
class SpriteSet:
    """A data set in a folder; its dictionaries have the keys train and test."""

    folder: str
    ids: dict[str, tuple[int, ...]]
    """Numbers of the characters, in the order of the files."""
    shards: dict[str, tuple[Shard, ...]]
    about: dict[str, Any]
    """All that sprites.json says: source, seed, pose_names and more."""

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
        self, split: str, shuffle_buffer: int = SHUFFLE_BUFFER, seed: int | None = None, epoch: int = 0
    ) -> tf.data.Dataset:
        """One character an element: character (), pose (n,), both int64, and frames (n, 64, 64, 3), uint8.

        In the order of the files, or shuffled as `batches` does if there is a seed.
        """
        ids = self.ids[_known(split)]

        def arrays(*records: tf.Tensor) -> dict[str, tf.Tensor]:
            parsed = _parse(ids, *records)
            return {"character": parsed.character[0], "pose": parsed.poses, "frames": parsed.frames}

        records = _records(self.paths(split), shuffle_buffer, seed, epoch)
        return records.batch(1).map(arrays).prefetch(2).with_options(_options())


def _known(split: str) -> str:
    if split not in SPLITS:
        raise SpriteError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    return split


def is_written(folder: str | os.PathLike) -> bool:
    """Whether `write` finished a data set in the folder."""
    return os.path.exists(os.path.join(folder, _ABOUT))


def open_set(folder: str | os.PathLike) -> SpriteSet:
    """A data set that `write` wrote, after a look at its description and the sizes of its files; `verify` reads all.

    Raises:
        SpriteError: naming the file that is missing, unreadable or not as it was written.
    """
    path = os.path.join(folder, _ABOUT)
    if not os.path.isfile(path):
        raise SpriteError(f"{path} is missing: no data set was written there to the end; write it (again)")
    try:
        with open(path, encoding="utf-8") as file:
            about = json.load(file)
        shards = {name: tuple(Shard(**shard) for shard in about["shards"][name]) for name in SPLITS}
        ids = {name: tuple(int(c) for c in about["characters"][name]) for name in SPLITS}
        agree = all(sum(shard.records for shard in shards[name]) == len(ids[name]) > 0 for name in SPLITS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpriteError(f"{path} does not describe a data set of sprites: {_line(error)}") from error
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


def _options() -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False  # its thread holds up the end of fit
    return options


def _shuffled(values: tf.Tensor, seed: Any) -> tf.Tensor:
    return tf.random.experimental.stateless_shuffle(values, tf.cast(seed, tf.int64), alg="philox")


def _records(paths: list[str], buffer: int, seed: int | None, epoch: int | tf.Tensor) -> tf.data.Dataset:
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


class _Parsed(NamedTuple):
    """Some records, and all their frames one after the other."""

    character: tf.Tensor
    """(records,), int64."""
    counts: tf.Tensor
    """Frames of each record, (records,), int64."""
    poses: tf.Tensor
    """(frames,), int64."""
    frames: tf.Tensor
    """(frames, 64, 64, 3), uint8."""


def _parse(ids: Sequence[int], paths: tf.Tensor, records: tf.Tensor) -> _Parsed:
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
    with tf.control_dependencies([tf.debugging.Assert(tf.size(wrong) == 0, ["a file", _WRONG, wrong])]):
        pixels = tf.io.decode_raw(tf.strings.reduce_join(frames), tf.uint8)
    return _Parsed(character, counts, poses.flat_values, tf.reshape(pixels, (-1, *SHAPE)))


# for `verify`, which would spend most of its time here if it parsed eagerly
_parse_in_graph = tf.function(
    _parse, [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.string)]
)


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
        parsed = _parse(ids, *records)
        character = tf.repeat(parsed.character, parsed.counts)
        image = scaled(parsed.frames)
        aux = {"pose": tf.cast(parsed.poses, tf.float32), "character": tf.cast(character, tf.float32)}
        return aux | {"image": image}, image

    epochs = tf.data.Dataset.range(start_epoch, np.iinfo(np.int64).max if repeat else start_epoch + 1)
    records = epochs.flat_map(lambda e: _records(paths, shuffle_buffer, seed, e).batch(characters_per_batch))
    # Keras reads the number of steps from it, and an epoch that lacks a record is an error
    sized = records.map(arrays).apply(
        tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY if repeat else steps)
    )
    return sized.prefetch(2).with_options(_options())


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
        for record in tf.data.TFRecordDataset(path, "GZIP").with_options(_options()):
            parsed = _parse_in_graph(tf.constant(expected, tf.int64), tf.constant([path]), record[None])
            found.append(int(parsed.character[0]))
            frames += len(parsed.poses)
            if len(np.unique(parsed.poses)) < len(parsed.poses):
                raise SpriteError(f"{path} has a pose of character {found[-1]} twice; write the data set again")
    except tf.errors.OpError as error:
        raise SpriteError(f"{path} is cut short or damaged, or {_WRONG}, after {len(found)} characters") from error
    if (tuple(found), frames) != (expected, shard.frames):
        counts = f"{len(found)} characters with {frames} images, not {shard.records} with {shard.frames}"
        raise SpriteError(f"{path} does not hold what {_ABOUT} lists, or not in that order: {counts}")


def contact_sheet(frames: Callable[[int], np.ndarray], characters: Sequence[int], path: str) -> None:
    """Write a picture: a row for every character, with every third pose."""
    from matplotlib import image  # takes a while; only here

    rows = [np.concatenate(frames(int(character))[::3], axis=1) for character in characters]
    image.imsave(path, np.concatenate(rows))


def source(sheets: str | None = None) -> tuple[Callable[[int], np.ndarray], str]:
    """A function from a character's number to its frames, and its name: of a folder of sheets, or the drawn one."""
    if sheets is not None:
        return SpriteSheets(sheets).frames, "LPC sheets"
    from data_generators import drawn_sprites

    return drawn_sprites.frames, "drawn by this project"


def _command() -> None:
    if _OUTPUT.value is None and _CONTACT_SHEET.value is None:
        raise SpriteError("nothing to do: give --output=FOLDER, --contact_sheet=FILE.png or both")
    train, test = split(num_train=_TRAIN_CHARACTERS.value, num_test=_CHARACTERS.value - _TRAIN_CHARACTERS.value)
    frames, origin = source(_SHEETS.value)
    if _CONTACT_SHEET.value is not None:
        contact_sheet(frames, train[:6].tolist(), _CONTACT_SHEET.value)
        print(f"{_CONTACT_SHEET.value}: {len(train[:6])} characters")
    if _OUTPUT.value is not None:
        data = write(
            frames, _OUTPUT.value, train_characters=train, test_characters=test, seed=_SEED.value, source=origin,
            poses_per_character=_POSES.value, overwrite=_OVERWRITE.value,
            progress=print if sys.stdout.isatty() else None,
        )  # fmt: skip
        sizes = ", ".join(
            f"{len(data.ids[name])} {name} characters ({data.num_frames(name)} images)" for name in SPLITS
        )
        print(f"{_OUTPUT.value}: {sizes}")


def _main(_: list[str]) -> None:
    try:
        _command()
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {_line(error)}") from error


if __name__ == "__main__":
    _OUTPUT = flags.DEFINE_string("output", None, "The folder to write a data set to.")
    _SHEETS = flags.DEFINE_string("sheets", None, "The folder of the LPC sheets; without it characters are drawn.")
    _CHARACTERS = flags.DEFINE_integer("characters", NUM_CHARACTERS, "Characters in all.", lower_bound=2)
    _TRAIN_CHARACTERS = flags.DEFINE_integer("train_characters", 1000, "Characters for training.", lower_bound=1)
    _POSES = flags.DEFINE_integer("poses_per_character", 50, "Poses of a training character.", 1, NUM_POSES)
    _SEED = flags.DEFINE_integer("seed", 0, "Of the choice of poses.", lower_bound=0)
    _OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace a data set in the output folder.")
    _CONTACT_SHEET = flags.DEFINE_string("contact_sheet", None, "A picture to write, of 6 characters in 24 poses.")
    app.run(_main)

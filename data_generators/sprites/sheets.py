"""Characters composed from the sheets of the Liberated Pixel Cup; attributes and poses of all sprites."""

import os
import struct
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data_generators.messages import one_line

SIZE = 64
SHAPE = (SIZE, SIZE, 3)
ACTIONS = ("walk", "spellcard", "slash")
DIRECTIONS = ("front", "left", "right")
FRAMES = 8  # per action
POSE_NAMES = tuple(f"{a} {d} {frame}" for a in ACTIONS for d in DIRECTIONS for frame in range(FRAMES))
NUM_POSES = len(POSE_NAMES)
CHOICES = 6  # styles of every part
PARTS = ("body", "bottomwear", "topwear", "hair")  # in drawing order; the styles are the base-6 digits of the number
NUM_CHARACTERS = CHOICES ** len(PARTS)
_SHOES = 1  # the style that all characters wear
_MOST_BYTES = 2**24  # of the file of a sheet; its pixels have 4.5 MB
_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"  # followed by width and height
_GRID = (21, 13)  # rows and columns of cells in a sheet
_ROWS = ((10, 9, 11), (2, 1, 3), (14, 13, 15))  # by action and direction
_COLUMNS = ((8, 1, 2, 3, 4, 5, 6, 7), (0, 1, 2, 3, 4, 5, 4, 6), (0, 1, 2, 3, 4, 5, 4, 0))  # by action and frame


class SpriteError(ValueError):
    """A sheet, a data set or an argument is invalid."""


def choices_of(character: int) -> tuple[int, ...]:
    """The styles of a character's body, bottomwear, topwear and hair, 0 to 5 each.

    Raises:
        SpriteError: for a character that is not from 0 to 1295.

    >>> choices_of(5 * 216 + 2 * 36 + 3 * 6 + 4)
    (5, 2, 3, 4)
    """
    if not 0 <= character < NUM_CHARACTERS:
        raise SpriteError(f"character must be from 0 to {NUM_CHARACTERS - 1}, got {character}")
    return tuple(int(choice) for choice in np.unravel_index(character, (CHOICES,) * len(PARTS)))


class _Layer(NamedTuple):
    """The pixels of a sheet that are not transparent, in the 72 cells that are used."""

    places: np.ndarray
    """Flat indices into the 72 * 64 * 64 pixels, (k,)."""
    colours: np.ndarray
    """Colour times alpha, (k, 3), uint32."""
    transparency: np.ndarray
    """255 - alpha, (k, 1), uint32."""


class SpriteSheets:
    """Characters composed from the sprite sheets of the Liberated Pixel Cup.

    Args:
        folder: a folder with body/, bottomwear/, topwear/ and hair/, each with 0.png to 5.png, and shoes/1.png.

    Raises:
        SpriteError: naming the first sheet that is missing, unreadable or of another size.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self._parts = [[_read_layer(os.path.join(folder, part, f"{n}.png")) for n in range(CHOICES)] for part in PARTS]
        self._shoes = _read_layer(os.path.join(folder, "shoes", f"{_SHOES}.png"))

    def frames(self, character: int) -> np.ndarray:
        """All poses of a character on a black background, (72, 64, 64, 3), uint8."""
        layers = [part[choice] for part, choice in zip(self._parts, choices_of(character), strict=True)]
        canvas = np.zeros((NUM_POSES * SIZE * SIZE, 3), np.uint32)
        for places, colours, transparency in (*layers, self._shoes):
            # bit-exact like Pillow's alpha_composite: seven extra bits, then a division by 255 made of shifts
            blend = (colours + canvas[places] * transparency + 128) << 7
            canvas[places] = (blend + (blend >> 8)) >> 15
        return canvas.astype(np.uint8).reshape(NUM_POSES, *SHAPE)


def _read_layer(path: str) -> _Layer:
    if not os.path.isfile(path):
        parts = ", ".join(PARTS[:-1])
        raise SpriteError(
            f"{path} is missing: sheets are {parts} and {PARTS[-1]} 0 to {CHOICES - 1}, and shoes {_SHOES}"
        )
    height, width = (cells * SIZE for cells in _GRID)
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SpriteError(f"{path} cannot be read: {one_line(error)}") from error
    if not content.startswith(_PNG_START) or len(content) < 24 or len(content) > _MOST_BYTES:
        raise SpriteError(f"{path} is not a readable PNG image; fetch it again")
    announced = struct.unpack_from(">2I", content, len(_PNG_START))
    if announced != (width, height):  # before it is decoded, because a small file may unpack to gigabytes
        found = f"{announced[0]} x {announced[1]} pixels"
        raise SpriteError(f"{path} is {found}, a sheet is {width} x {height}; fetch it again")
    try:  # TensorFlow's decoder converts palettes with transparency to RGBA, and TensorFlow is required anyway
        sheet = tf.io.decode_png(content, channels=4).numpy()
    except tf.errors.OpError as error:
        raise SpriteError(f"{path} is not a readable PNG image; fetch it again") from error
    cells = sheet.reshape(_GRID[0], SIZE, _GRID[1], SIZE, 4).swapaxes(1, 2)
    used = cells[np.asarray(_ROWS)[:, :, None], np.asarray(_COLUMNS)[:, None, :]].reshape(-1, 4).astype(np.uint32)
    places = np.flatnonzero(used[:, 3])
    alpha = used[places, 3:]
    return _Layer(places, used[places, :3] * alpha, 255 - alpha)

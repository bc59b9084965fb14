"""SPRITES: game characters in 72 poses (Li and Mandt, 2018), as TFRecord files of whole characters.

A character is a body with trousers, a shirt and hair, six styles of each: 1,296 characters. A pose is one frame of one
action seen from one direction, pose = 8 * (3 * action + direction) + frame. The images come from the sprite sheets of
the Liberated Pixel Cup, or from any function of a character's number that gives (72, 64, 64, 3), uint8.

Every record is one whole character, so every block of records holds whole characters, whatever their order.

This module gathers the functions that other code uses. Run as a program, the package writes a data set, of drawn
characters if it is given no sheets:

    python -m data_generators.sprites --sheets=lpc_sprites --output=sprites
"""

import os
from collections.abc import Sequence

import numpy as np

from data_generators.files import replacing
from data_generators.sprites.description import Shard, is_written
from data_generators.sprites.reading import SpriteSet, batches, open_set, scaled
from data_generators.sprites.sheets import NUM_CHARACTERS, NUM_POSES, POSE_NAMES, SHAPE, SpriteError, SpriteSheets
from data_generators.sprites.verifying import verify
from data_generators.sprites.writing import Frames, split, write

__all__ = [
    "NUM_CHARACTERS", "NUM_POSES", "POSE_NAMES", "SHAPE", "Frames", "Shard", "SpriteError", "SpriteSet", "SpriteSheets",
    "batches", "contact_sheet", "is_written", "open_set", "scaled", "source", "split", "verify", "write",
]  # fmt: skip


def source(sheets: str | None = None) -> tuple[Frames, str]:
    """A source of images.

    Args:
        sheets: folder of the LPC sprite sheets; None for the characters that `data_generators.sprites.drawn` draws.

    Returns:
        A function from a character's number to its frames, and a short description of the source.

    Raises:
        SpriteError: naming the first sheet that is missing, unreadable or of another size.
    """
    if sheets is not None:
        return SpriteSheets(sheets).frames, "LPC sheets"
    from data_generators.sprites.drawn import characters

    return characters.frames, "drawn by this project"


def contact_sheet(frames: Frames, characters: Sequence[int], path: str) -> None:
    """Write a picture with a row for every character, showing every third pose."""
    from matplotlib import image  # slow to import, and needed only here

    rows = [np.concatenate(frames(int(character))[::3], axis=1) for character in characters]
    with replacing(path) as file:
        image.imsave(file, np.concatenate(rows), format=os.path.splitext(path)[1][1:] or "png")

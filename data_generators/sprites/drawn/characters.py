"""Drawn sprites: 64 x 64 colour characters in motion, computed from geometric shapes without any files.

Attributes and poses are those of the Sprites data: four attributes (body, bottomwear, topwear, hair) of six styles each
make 1296 characters, and three actions in three directions of eight frames make 72 poses. Every style is drawn once, as
transparent layers in all poses; a character is composed of the layers of its four styles.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from data_generators.sprites.drawn.shapes import view
from data_generators.sprites.drawn.styles import draw_body, draw_bottomwear, draw_hair, draw_topwear
from data_generators.sprites.sheets import ACTIONS, DIRECTIONS, FRAMES, NUM_POSES, SIZE, choices_of

_DRAW = (draw_body, draw_bottomwear, draw_topwear, draw_hair)
_ORDER = (
    (3, "back"),
    (0, "far"),
    (1, "far"),
    (2, "far"),
    (0, "middle"),
    (1, "middle"),
    (2, "middle"),
    (0, "head"),
    (3, "front"),
    (0, "near"),
    (2, "near"),
    (0, "held"),
)
"""Attribute and name of each layer, from back to front."""


class _Layer(NamedTuple):
    """The M pixels of a layer that are not transparent, in all 72 poses."""

    pixels: np.ndarray
    """Flat indices into the 72 * 64 * 64 pixels, (M,)."""
    rgb: np.ndarray
    """Colour times alpha, (M, 3), float32 in 0..255."""
    transparency: np.ndarray
    """1 - alpha, (M, 1)."""


@cache
def _layers(attribute: int, style: int) -> dict[str, _Layer]:
    drawn = [_DRAW[attribute](view(direction), style) for direction in range(len(DIRECTIONS))]
    layers = {}
    for name in drawn[0]:
        views = [canvases[name].pixels.reshape(len(ACTIONS), FRAMES, SIZE, SIZE, 4) for canvases in drawn]
        rgba = np.stack(views, axis=1).reshape(-1, 4)
        pixels = np.flatnonzero(rgba[:, 3])
        layers[name] = _Layer(pixels, rgba[pixels, :3], 1 - rgba[pixels, 3:])
    return layers


def frames(character: int) -> np.ndarray:
    """All poses of a character, (72, 64, 64, 3), uint8; pose = 8 * (3 * action + direction) + frame.

    Raises:
        SpriteError: for a character that is not from 0 to 1295.
    """
    styles = choices_of(character)
    image = np.zeros((NUM_POSES * SIZE * SIZE, 3), np.float32)
    for attribute, name in _ORDER:
        layer = _layers(attribute, styles[attribute])[name]
        image[layer.pixels] = image.take(layer.pixels, axis=0) * layer.transparency + layer.rgb
    return np.rint(image).astype(np.uint8).reshape(NUM_POSES, SIZE, SIZE, 3)

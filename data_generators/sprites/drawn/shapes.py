"""Shapes, a canvas and a stick figure, with which the characters are drawn.

A shape is a signed distance in pixels, negative inside, at the pixel centres of a batch of N frames: (N, 64, 64).
Points are (N, 2), float32: x to the right, y down. The union of two shapes is `np.minimum`, the intersection
`np.maximum` and the difference `np.maximum(one, -other)`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_generators.sprites.sheets import FRAMES, SIZE

MIDDLE = SIZE / 2
BLADE_LENGTH = 13.0
OFF_FRAME = -99.0  # a coordinate that keeps a shape outside the frame

Colour = tuple[int, int, int]

_COLUMNS = np.arange(SIZE, dtype=np.float32)[None, None, :] + 0.5
_ROWS = np.arange(SIZE, dtype=np.float32)[None, :, None] + 0.5


def _per_frame(values: np.ndarray | float) -> np.ndarray:
    return np.reshape(np.asarray(values, np.float32), (-1, 1, 1))


def ellipse(centre: np.ndarray, radii: tuple[float, float]) -> np.ndarray:
    """Ellipses with semi-axes ``radii`` along x and y; the distance is exact only on the edge."""
    x = (_COLUMNS - _per_frame(centre[:, 0])) / np.float32(radii[0])
    y = (_ROWS - _per_frame(centre[:, 1])) / np.float32(radii[1])
    return (np.sqrt(x * x + y * y) - 1) * np.float32(min(radii))


def capsule(
    start: np.ndarray, end: np.ndarray, radius: np.ndarray | float, end_radius: float | None = None
) -> np.ndarray:
    """Thick segments, whose ``radius`` (a number or one per frame) changes linearly to ``end_radius``, if given."""
    x, y = _COLUMNS - _per_frame(start[:, 0]), _ROWS - _per_frame(start[:, 1])
    dx, dy = _per_frame(end[:, 0] - start[:, 0]), _per_frame(end[:, 1] - start[:, 1])
    scale = 1 / (dx * dx + dy * dy + np.float32(1e-6))
    along = np.clip(x * (dx * scale) + y * (dy * scale), 0, 1)
    thickness = _per_frame(radius)
    if end_radius is not None:
        thickness = thickness + along * (np.float32(end_radius) - thickness)
    squares = np.square(x - along * dx)
    squares += np.square(y - along * dy)
    return np.sqrt(squares, out=squares) - thickness


def polygon(corners: np.ndarray, rounding: float = 0.0) -> np.ndarray:
    """Convex polygons with corners (N, K, 2) in either orientation, grown by ``rounding``; empty if without area."""
    following = np.roll(corners, -1, axis=1)
    cross = corners[..., 0] * following[..., 1] - corners[..., 1] * following[..., 0]
    area = cross.sum(axis=1)
    edges = (following - corners) * np.sign(area)[:, None, None]
    normals = np.stack([edges[..., 1], -edges[..., 0]], axis=-1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-6
    offsets = (normals * corners).sum(axis=-1)
    sides = [
        _per_frame(normals[:, k, 0]) * _COLUMNS + _per_frame(normals[:, k, 1]) * _ROWS - _per_frame(offsets[:, k])
        for k in range(corners.shape[1])
    ]
    return np.max(sides, axis=0) + _per_frame(np.where(np.abs(area) < 1e-3, SIZE, -rounding))


def stripes(origin: np.ndarray, axis: int, period: float, width: float) -> np.ndarray:
    """Stripes of ``width``, one centred on ``origin``, that repeat along ``axis`` (0 is x, 1 is y) with a period."""
    offset = (_ROWS if axis else _COLUMNS) - _per_frame(origin[:, axis])
    distance = np.abs((offset + period / 2) % period - period / 2) - np.float32(width / 2)
    return np.broadcast_to(distance, (len(origin), SIZE, SIZE))


class Canvas:
    """N transparent frames: ``pixels`` (N, 64, 64, 4), RGB times alpha in 0..255 and alpha in 0..1."""

    def __init__(self, num_frames: int) -> None:
        self.pixels = np.zeros((num_frames, SIZE, SIZE, 4), np.float32)

    def paint(
        self,
        shape: np.ndarray,
        colour: Colour,
        within: np.ndarray | None = None,
        outline: float = 1.0,
        dim: float = 1.0,
        opacity: float = 1.0,
    ) -> None:
        """Paint a shape in three tones, lit from the upper left, inside a dark outline.

        Args:
            shape: signed distances, (N, 64, 64).
            colour: RGB in 0..255.
            within: if given, the shape is a pattern on this other shape: clipped to it, lit like it, not outlined.
            outline: width of the outline in pixels.
            dim: factor on the colour, below 1 for what is further away.
            opacity: factor on alpha.
        """
        lit = shape if within is None else within
        if within is not None:
            shape, outline = np.maximum(shape, within), 0.0
        where = np.flatnonzero(shape < outline + 0.5)
        inside = shape.take(where)
        shadow = np.clip(lit.take(where + 2 * SIZE + 2, mode="clip"), 0, 1)
        light = np.clip(lit.take(where - 2 * SIZE - 1, mode="clip"), 0, 1) * (1 - shadow)
        fill = np.clip(0.5 - inside, 0, 1)
        tone = 0.25 + fill * (0.75 + 0.2 * light - 0.28 * shadow)
        alpha = np.clip(outline + 0.5 - inside, 0, 1)[:, None] * np.float32(opacity)
        rgb = np.minimum(tone[:, None] * np.array(colour, np.float32) * np.float32(dim), 255)
        pixels = self.pixels.reshape(-1, 4)
        pixels[where] = pixels.take(where, axis=0) * (1 - alpha) + np.concatenate([alpha * rgb, alpha], axis=1)


class Limb(NamedTuple):
    """Three points of an arm or a leg, each (N, 2)."""

    root: np.ndarray
    joint: np.ndarray
    end: np.ndarray


class View(NamedTuple):
    """The stick figure seen from one direction in its N = 24 poses, pose 8 * action + frame."""

    facing: int
    """0 to the front, -1 to the left, 1 to the right."""
    head: np.ndarray
    chest: np.ndarray
    hip: np.ndarray
    near_arm: Limb
    far_arm: Limb
    near_leg: Limb
    far_leg: Limb
    blades: np.ndarray
    """Hilt and tip of the sword at 5 instants up to the frame's, (N, 5, 2, 2); outside the frame unless slashing."""
    glow: np.ndarray
    """Radius of the light in the hands when casting a spell, (N,)."""

    def place(self, anchor: np.ndarray, offsets: Sequence[tuple[float, float]]) -> np.ndarray:
        """Points at offsets from an anchor, (N, K, 2); the offsets are given for a figure that faces right."""
        turn = np.array([-1 if self.facing < 0 else 1, 1], np.float32)
        return anchor[:, None] + np.array(offsets, np.float32) * turn

    def at(self, anchor: np.ndarray, x: float, y: float) -> np.ndarray:
        """The point at one offset from an anchor, (N, 2); see `place`."""
        return self.place(anchor, [(x, y)])[:, 0]


class _Stance(NamedTuple):
    """One action: the shift of the upper body and the positions of hands and feet, (8, 2) each.

    In a profile, x points forward from the middle. Seen from the front, it points outward from the middle on either
    side, and for the shift to the right of the picture. y is that of the picture.
    """

    shift: np.ndarray
    right_hand: np.ndarray
    left_hand: np.ndarray
    right_foot: np.ndarray
    left_foot: np.ndarray


def _walk(profile: bool) -> _Stance:
    phase = 2 * np.pi * np.arange(FRAMES) / FRAMES
    right, left = (np.sin(phase), np.cos(phase)), (-np.sin(phase), -np.cos(phase))

    def foot(sine: np.ndarray, cosine: np.ndarray) -> np.ndarray:
        lift = 5 * np.maximum(cosine, 0)
        return np.stack([7.5 * sine, 57 - lift] if profile else [3.9 + 0 * sine, 57 + 1.3 * sine - lift], axis=1)

    def hand(sine: np.ndarray) -> np.ndarray:
        swing = [-9 * sine, 43 - 2 * np.abs(sine)] if profile else [10 + 2 * sine, 43 + 3 * sine]
        return np.stack(swing, axis=1)

    shift = np.stack([0.8 + 0 * phase if profile else np.cos(phase), np.abs(np.sin(phase))], axis=1)
    return _Stance(shift, hand(right[0]), hand(left[0]), foot(*right), foot(*left))


def _cast(profile: bool) -> _Stance:
    front = [(10.5, 44.5), (6, 41), (3.5, 35), (9, 27), (10, 18), (15, 19), (19.5, 29), (16, 38)]
    side = [(1, 44), (7, 40), (8, 37), (10, 31), (12.5, 23), (2, 17), (14, 28), (10, 36)]
    rise = np.array([0, 1, 1, 0, -1, -1, 0, 0.5])
    hand = np.array(side if profile else front, float)
    foot = np.full((FRAMES, 2), (-2.5 if profile else 4, 57))
    apart = np.array([4.0, -1.5]) if profile else np.zeros(2)  # otherwise one arm would hide the other
    return _Stance(np.stack([0 * rise, rise], axis=1), hand, hand + apart, foot, foot * [-1 if profile else 1, 1])


def _swing(profile: bool) -> np.ndarray:
    """Sword hand as in `_Stance`, and the angle of the sword in degrees from forward (front: right) to down, (8, 3)."""
    if profile:
        back, forth = [(4, 43, 60), (-7, 40, 150), (-10, 31, 200), (-8, 19, 235)], [(8, 21, 312), (13, 29, 352)]
        return np.array([*back, *forth, (11, 38, 400), (6, 43, 440)], float)
    back, forth = [(10, 44, 125), (14, 35, 215), (13, 25, 255), (8, 19, 290)], [(-1, 29, 325), (-4, 37, 372)]
    return np.array([*back, *forth, (-2, 41, 415), (4, 43, 450)], float)


def _slash(profile: bool) -> _Stance:
    step = np.array([0, -1, -1.5, -1, 1, 2, 2, 1])
    crouch = np.array([0, 0, -1, -1, 0, 1, 1.5, 1])
    shift, ground = np.stack([step, crouch], axis=1), np.full(FRAMES, 57.0)
    hand = _swing(profile)[:, :2]
    if profile:
        free = np.stack([-2 - 2.5 * step, 42 - np.abs(step)], axis=1)
        return _Stance(shift, hand, free, np.stack([0 * step - 4, ground], 1), np.stack([3 + 1.5 * step, ground], 1))
    free = np.stack([10.5 + np.abs(step), 44.5 - 1.5 * np.abs(step)], axis=1)
    foot = np.stack([0 * step + 5, ground], axis=1)
    return _Stance(shift, hand, free, foot, foot)


def _limb(root: np.ndarray, end: np.ndarray, length: float, hint: tuple[float, float], bend: float) -> Limb:
    """Two segments of the same length from root towards end, bent towards the hint.

    ``bend`` is the share of the bend that lies in the plane of the picture.
    """
    reach = end - root
    distance = np.maximum(np.linalg.norm(reach, axis=1, keepdims=True), 1e-6)
    direction = reach / distance
    distance = np.minimum(distance, 1.98 * length)
    across = np.stack([direction[:, 1], -direction[:, 0]], axis=1)
    across *= np.where(across @ np.array(hint) < 0, -1, 1)[:, None]
    joint = root + direction * distance / 2 + across * bend * np.sqrt(length**2 - distance**2 / 4)
    return Limb(root, joint, root + direction * distance)


def _blades(hand: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Hilt and tip at five instants, from the previous frame on where the sword moves fast: (8, 5, 2, 2)."""
    fast = np.isin(np.arange(FRAMES), (4, 5, 6))
    before = np.where(fast, np.arange(FRAMES) - 1, np.arange(FRAMES))
    share = np.linspace(0, 1, 5)
    radians = np.deg2rad(angle[before, None] * (1 - share) + angle[:, None] * share)
    hilt = hand[before, None] * (1 - share[:, None]) + hand[:, None] * share[:, None]
    return np.stack([hilt, hilt + BLADE_LENGTH * np.stack([np.cos(radians), np.sin(radians)], axis=-1)], axis=2)


def view(direction: int) -> View:
    """The figure seen from ``DIRECTIONS[direction]``."""
    facing = (0, -1, 1)[direction]
    stances = [action(facing != 0) for action in (_walk, _cast, _slash)]
    shift, *ends = (np.concatenate(parts) for parts in zip(*stances, strict=True))

    def picture(points: np.ndarray, sign: int) -> np.ndarray:
        return (points * [sign, 1] + [MIDDLE, 0]).astype(np.float32)

    def limb(side: int, end: np.ndarray, arm: bool) -> Limb:
        sign = facing or side
        own_shift = shift * [1 if facing else side, 1]
        if arm:
            hint = (-1.0, 0.6) if facing else (1.0, 0.8)
            local = _limb(own_shift + [0 if facing else 7, 31.5], end + own_shift, 7.2, hint, 0.7)
        else:
            root = own_shift * [0.5, 1] + [0 if facing else 3.4, 42.5]
            local = _limb(root, end, 8.0, (1.0, 0.0), 0.7 if facing else 0.2)
        return Limb(*(picture(points, sign) for points in local))

    right_arm, left_arm, right_leg, left_leg = (limb((-1, 1)[i % 2], ends[i], i < 2) for i in range(4))
    near_is_right = facing >= 0
    degrees = _swing(facing != 0)[:, 2]
    blades = np.full((24, 5, 2, 2), OFF_FRAME, np.float32)
    blades[-FRAMES:] = _blades(right_arm.end[-FRAMES:], 180 - degrees if facing < 0 else degrees)
    glow = np.full(24, OFF_FRAME, np.float32)
    glow[FRAMES : 2 * FRAMES] = [OFF_FRAME, OFF_FRAME, 0.8, 1.6, 2.4, 3.4, 2.6, 1.2]
    upper = facing or 1
    return View(
        facing=facing,
        head=np.round(picture(shift + [facing * facing, 19], upper)),
        chest=picture(shift + [0, 31], upper),
        hip=picture(shift * [0.5, 1] + [0, 42], upper),
        near_arm=right_arm if near_is_right else left_arm,
        far_arm=left_arm if near_is_right else right_arm,
        near_leg=right_leg if near_is_right else left_leg,
        far_leg=left_leg if near_is_right else right_leg,
        blades=blades,
        glow=glow,
    )

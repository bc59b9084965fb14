"""The 24 styles: how bodies, bottomwear, topwear and hair are drawn on the stick figure.

Each ``draw_*(figure, style)`` gives named layers, which `characters` stacks from back to front.
"""

from typing import NamedTuple

import numpy as np

from data_generators.sprites.drawn.shapes import Canvas, Colour, Limb, View, capsule, ellipse, polygon, stripes

Canvases = dict[str, Canvas]

FAR_BRIGHTNESS = 0.7  # of the arm and the leg on the far side of a profile
SINGLE = 99.0  # a period so long that one stripe is in the frame
WHITE, DARK, STEEL, GOLD = (245, 245, 245), (40, 32, 40), (205, 215, 230), (245, 200, 70)
SHOE, GLOW = (150, 90, 50), (110, 230, 255)


class _Body(NamedTuple):
    skin: Colour
    eyes: Colour
    ear: float
    """Distance of the tip of the ear from the head."""
    build: float
    """Factor on the width of head and limbs."""


_BODIES = (
    _Body((252, 214, 182), (50, 100, 200), 1.0, 0.96),  # light
    _Body((224, 166, 110), (90, 50, 20), 1.0, 1.04),  # tan
    _Body((140, 86, 54), (30, 20, 20), 1.0, 1.0),  # dark
    _Body((122, 186, 74), (190, 30, 30), 5.0, 1.1),  # green, with long ears
    _Body((118, 158, 232), (20, 40, 90), 4.0, 0.9),  # blue
    _Body((222, 84, 72), (120, 60, 0), 2.5, 1.12),  # red
)


class _Bottom(NamedTuple):
    colour: Colour
    trim: Colour
    covered: float
    """Share of the lower leg that the trousers cover."""
    width: float
    """Half the width of a trouser leg, in pixels."""
    skirt: float = 0.0
    """Length of a skirt from the hip, instead of trousers."""


_BOTTOMS = (
    _Bottom((64, 98, 200), (110, 145, 235), 0.85, 3.2),  # jeans
    _Bottom((70, 170, 75), WHITE, 0.0, 3.8),  # shorts
    _Bottom((225, 50, 90), WHITE, 0.0, 3.5, skirt=8.0),  # short skirt
    _Bottom((228, 228, 228), (95, 95, 115), 0.85, 3.4),  # striped trousers
    _Bottom((150, 85, 205), GOLD, 0.0, 3.5, skirt=14.0),  # long skirt
    _Bottom((240, 165, 45), (120, 60, 20), 0.45, 4.6),  # baggy breeches
)


class _Top(NamedTuple):
    colour: Colour
    trim: Colour
    upper: float
    """Share of the upper arm that the sleeve covers; 0 for no sleeve."""
    lower: float
    """Share of the lower arm that the sleeve covers."""
    cuff: float
    """Half the width of the sleeve at its end, in pixels."""
    hem: float = 0.0
    """Length below the hip, in pixels."""
    flare: float = 0.0
    """Additional half width at the hem, in pixels."""


_TOPS = (
    _Top((240, 240, 240), (235, 60, 60), 0.8, 0.0, 3.2, 0.5),  # T-shirt with a badge
    _Top((205, 50, 45), GOLD, 1.0, 0.6, 2.7, 1.0),  # buttoned shirt
    _Top((50, 150, 85), (205, 230, 120), 0.0, 0.0, 0.0),  # open vest
    _Top((235, 235, 245), (40, 75, 185), 1.0, 0.6, 2.8),  # sailor's stripes
    _Top((125, 65, 180), GOLD, 1.0, 0.5, 4.2, 6.0, 2.5),  # robe with a belt
    _Top((165, 178, 195), (85, 95, 120), 0.5, 0.0, 4.4, 1.0, 0.5),  # armour
)

_HAIR = ((250, 215, 80), (125, 70, 35), (240, 95, 35), (40, 150, 250), (60, 190, 150), (235, 105, 185))


def _canvases(figure: View, *names: str) -> Canvases:
    return {name: Canvas(len(figure.head)) for name in names}


def _arms(figure: View) -> list[tuple[str, Limb, float]]:
    """Layer, arm and brightness of both arms: in front of the body, or in a profile one of them behind it."""
    behind = ("far", figure.far_arm, FAR_BRIGHTNESS) if figure.facing else ("near", figure.far_arm, 1.0)
    return [behind, ("near", figure.near_arm, 1.0)]


def _legs(figure: View) -> list[tuple[str, Limb, float]]:
    return [("far", figure.far_leg, FAR_BRIGHTNESS if figure.facing else 1.0), ("middle", figure.near_leg, 1.0)]


def _along(limb: Limb, share: float) -> np.ndarray:
    """The point at a share of the way from the joint of a limb to its end."""
    return limb.joint + np.float32(share) * (limb.end - limb.joint)


def _bent(limb: Limb, radii: tuple[float, float, float], share: float = 1.0) -> np.ndarray:
    """A limb up to a share of its lower half, with the radii at its root, its joint and its end."""
    upper = capsule(limb.root, limb.joint, radii[0], radii[1])
    return np.minimum(upper, capsule(limb.joint, _along(limb, share), radii[1], radii[2]))


def _torso(figure: View, hem: float = 0.0, flare: float = 0.0) -> np.ndarray:
    top, bottom = (3.2, 3.4) if figure.facing else (6.0, 5.2)
    upper = figure.place(figure.chest, [(-top, -0.5), (top, -0.5)])
    lower = figure.place(figure.hip, [(bottom + flare, hem), (-bottom - flare, hem)])
    return polygon(np.concatenate([upper, lower], axis=1), rounding=1.5)


def draw_body(figure: View, style: int) -> Canvases:
    """Layers far, middle, head, near and held: legs with shoes, torso, head, arms, and hands with sword or light."""
    body, build = _BODIES[style], _BODIES[style].build
    canvases = _canvases(figure, "far", "middle", "head", "near", "held")
    for layer, leg, dim in _legs(figure):
        canvases[layer].paint(_bent(leg, (3.0 * build, 2.7 * build, 2.2)), body.skin, dim=dim)
        forward, sole = (1.4, (4.2, 2.4)) if figure.facing else (0.0, (3.4, 2.8))
        canvases[layer].paint(ellipse(figure.at(leg.end, forward, 0.6), sole), SHOE, dim=dim)
    canvases["middle"].paint(_torso(figure), body.skin)
    _draw_head(canvases["head"], figure, body)
    for layer, arm, dim in _arms(figure):
        canvases[layer].paint(_bent(arm, (2.4 * build, 2.2 * build, 2.0)), body.skin, dim=dim)
        held = canvases["far" if layer == "far" else "held"]
        if arm is (figure.far_arm if figure.facing < 0 else figure.near_arm):  # the right arm
            _draw_sword(held, figure.blades)
        held.paint(ellipse(arm.end, (2.5 * build, 2.5 * build)), body.skin, dim=dim)
        held.paint(capsule(arm.end, arm.end, figure.glow), GLOW, outline=2.0, opacity=0.85)
        held.paint(capsule(arm.end, arm.end, figure.glow - 1.4), WHITE, outline=0.0)
    return canvases


def _draw_head(canvas: Canvas, figure: View, body: _Body) -> None:
    profile, wide = figure.facing != 0, 8.6 * body.build
    shape = ellipse(figure.head, (wide, 9.0))
    if profile:
        shape = np.minimum(shape, ellipse(figure.at(figure.head, wide - 0.4, 2.8), (2.0, 1.7)))  # the nose

    def ear(x: float, out: float) -> np.ndarray:
        tip = figure.at(figure.head, x + out, 2.0 - abs(out) / 2)
        return capsule(figure.at(figure.head, x, 2.0), tip, 1.8, 2.0 - 0.3 * body.ear)

    if not profile:
        canvas.paint(np.minimum(ear(-wide, -body.ear), ear(wide, body.ear)), body.skin)
    canvas.paint(shape, body.skin)

    def line(x: float, y: float, width: float) -> None:
        ends = figure.at(figure.head, x - width / 2, y), figure.at(figure.head, x + width / 2, y)
        canvas.paint(capsule(*ends, 0.6), DARK, within=shape)

    for x in (4.5,) if profile else (-3.5, 3.5):
        canvas.paint(ellipse(figure.at(figure.head, x, 2.0), (2.0, 2.3)), WHITE, within=shape)
        canvas.paint(ellipse(figure.at(figure.head, x + 0.7 * profile, 2.3), (1.2, 1.7)), body.eyes, within=shape)
        line(x, -1.2, 3.2)
    line(6.0 if profile else 0.0, 6.3, 3.0 if profile else 4.0)
    if profile:
        canvas.paint(ear(-2.0, -body.ear), body.skin)


def _draw_sword(canvas: Canvas, blades: np.ndarray) -> None:
    """The sword and, as a pale arc, its path since the previous frame."""
    middles, tips = blades.mean(axis=2), blades[:, :, 1]
    swept = [
        polygon(np.stack([middles[:, i], tips[:, i], tips[:, i + 1], middles[:, i + 1]], axis=1), rounding=0.3)
        for i in range(blades.shape[1] - 1)
    ]
    canvas.paint(np.min(swept, axis=0), WHITE, outline=0.0, opacity=0.5)
    hilt, tip = blades[:, -1, 0], blades[:, -1, 1]
    along = (tip - hilt) / np.maximum(np.linalg.norm(tip - hilt, axis=1, keepdims=True), 1)
    across = np.stack([along[:, 1], -along[:, 0]], axis=1)
    guard = hilt + 2.8 * along
    canvas.paint(capsule(hilt, tip, 1.3, 0.6), STEEL)
    canvas.paint(capsule(guard - 2 * across, guard + 2 * across, 0.8), GOLD)


def draw_bottomwear(figure: View, style: int) -> Canvases:
    """Layers far and middle: a trouser leg each, or a skirt in the middle layer."""
    bottom = _BOTTOMS[style]
    canvases = _canvases(figure, "far", "middle")
    if bottom.skirt:
        _draw_skirt(canvases["middle"], figure, bottom)
        return canvases
    for layer, leg, dim in _legs(figure):
        shape = _bent(leg, (bottom.width, bottom.width, bottom.width - 0.3), bottom.covered)
        canvases[layer].paint(shape, bottom.colour, dim=dim)
        seam = stripes(figure.at(_along(leg, bottom.covered), 0.0, 2.2), 1, SINGLE, 2.2)
        trim = stripes(leg.joint, 1, 4.0, 1.6) if style == 3 else seam
        canvases[layer].paint(trim, bottom.trim, within=shape, dim=dim)
    wide = 3.6 if figure.facing else 5.5
    belt = figure.place(figure.hip, [(-wide, -1), (wide, -1), (wide, 2), (-wide, 2)])
    canvases["middle"].paint(polygon(belt, rounding=1.0), bottom.colour)
    return canvases


def _draw_skirt(canvas: Canvas, figure: View, bottom: _Bottom) -> None:
    """A skirt whose hem is as wide as the stance of the legs, so that no knee sticks out."""
    points = [limb[:3] if bottom.skirt > 10 else limb[:2] for limb in (figure.near_leg, figure.far_leg)]
    across = np.stack([point[:, 0] for limb in points for point in limb])
    hem = figure.hip[:, 1] + np.float32(bottom.skirt)
    left, right = across.min(axis=0) - bottom.width, across.max(axis=0) + bottom.width
    wide = 3.4 if figure.facing else 5.2
    upper = figure.place(figure.hip, [(-wide, -1), (wide, -1)][:: -1 if figure.facing < 0 else 1])
    lower = np.stack([np.stack([right, hem], axis=1), np.stack([left, hem], axis=1)], axis=1)
    skirt = polygon(np.concatenate([upper, lower], axis=1), rounding=0.8)
    canvas.paint(skirt, bottom.colour)
    canvas.paint(stripes(lower[:, 0] - np.float32(1), 1, SINGLE, 1.8), bottom.trim, within=skirt)


def draw_topwear(figure: View, style: int) -> Canvases:
    """Layers far, middle and near: the far sleeve, the garment, and the near sleeve or both."""
    top = _TOPS[style]
    canvases = _canvases(figure, "far", "middle", "near")
    torso = _torso(figure, top.hem, top.flare)
    if style == 2:  # an open vest
        opening = [(x + (2.5 if figure.facing else 0), y) for x, y in ((-2.0, -9), (2.0, -9), (3.0, 20), (-3.0, 20))]
        torso = np.maximum(torso, -polygon(figure.place(figure.chest, opening)))
    canvases["middle"].paint(torso, top.colour)
    canvases["middle"].paint(_pattern(figure, style), top.trim, within=torso)
    for layer, arm, dim in _arms(figure) if top.upper else []:
        elbow = arm.root + np.float32(top.upper) * (arm.joint - arm.root)
        limb = Limb(arm.root, elbow, _along(Limb(arm.root, elbow, arm.end), top.lower))
        sleeve = _bent(limb, (3.3, 3.0 if top.lower else top.cuff, top.cuff))
        canvases[layer].paint(sleeve, top.colour, dim=dim)
        if style == 3:
            canvases[layer].paint(stripes(arm.root, 1, 4.0, 1.8), top.trim, within=sleeve, dim=dim)
        if style == 4:
            lower = capsule(limb.joint, limb.end, 3.0, top.cuff)
            canvases[layer].paint(-ellipse(limb.joint, (5.0, 5.0)), top.trim, within=lower, dim=dim)
    return canvases


def _pattern(figure: View, style: int) -> np.ndarray:
    """The pattern on a garment, drawn in its second colour."""
    chest, hip, middle = figure.chest, figure.hip, 3.0 if figure.facing else 0.0
    if style == 0:  # a badge
        return ellipse(figure.at(chest, middle, 5.0), (2.6, 2.6))
    if style == 1:  # a row of buttons
        return np.maximum(stripes(figure.at(chest, middle, 0), 0, SINGLE, 1.6), stripes(chest, 1, 3.0, 1.6))
    if style == 2:
        return stripes(figure.at(chest, 0, 8.0), 1, SINGLE, 2.0)
    if style == 3:
        return stripes(chest, 1, 4.0, 1.8)
    if style == 4:  # belt and hem
        return np.minimum(stripes(hip, 1, SINGLE, 2.2), stripes(figure.at(hip, 0, 6.6), 1, SINGLE, 1.8))
    return np.minimum(stripes(figure.at(chest, 0, 6.0), 1, 4.0, 1.0), stripes(figure.at(chest, 0, -1.0), 1, SINGLE, 3))


def draw_hair(figure: View, style: int) -> Canvases:
    """Layers back (behind the body) and front (on the head)."""
    canvases = _canvases(figure, "back", "front")
    front, back = _hair_shapes(figure, style)
    if back is not None:
        canvases["back"].paint(back, _HAIR[style], dim=0.8)
    canvases["front"].paint(front, _HAIR[style])
    return canvases


def _hair_shapes(figure: View, style: int) -> tuple[np.ndarray, np.ndarray | None]:
    def oval(x: float, y: float, rx: float, ry: float) -> np.ndarray:
        return ellipse(figure.at(figure.head, x, y), (rx, ry))

    def strand(x: float, y: float, x_end: float, y_end: float, radius: float, end_radius: float) -> np.ndarray:
        return capsule(figure.at(figure.head, x, y), figure.at(figure.head, x_end, y_end), radius, end_radius)

    profile = figure.facing != 0
    cap = oval(-0.8 if profile else 0, -1.5, 10.2, 9.6)
    face = oval(6.5, 5.5, 9.5, 8.0) if profile else np.minimum(oval(-4.5, 6.5, 7.0, 9.0), oval(6, 6.5, 6, 8.5))
    cap = np.maximum(cap, -face)
    if style == 0:  # spikes
        for degrees in range(-80, 81, 40) if not profile else range(-125, 36, 40):
            x, y = np.sin(np.deg2rad(degrees)), -np.cos(np.deg2rad(degrees))
            cap = np.minimum(cap, strand(7 * x, 7 * y, 14.5 * x, 13 * y - 1, 4.0, 0.2))
        return np.maximum(cap, -face), None
    if style == 1:  # long
        if profile:
            return np.minimum(cap, strand(-6.0, -1.0, -7.5, 16.0, 4.5, 3.5)), None
        sides = np.minimum(strand(-9.2, -1, -9.0, 12, 2.4, 2.0), strand(9.2, -1, 9.0, 12, 2.4, 2.0))
        return np.minimum(cap, sides), oval(0, 4, 10.5, 15)
    if style == 2:  # pigtails
        tails = [(-9.5, -4.0, -13.0, 7.0)] if profile else [(-10.0, -4.0, -14.0, 7.0), (10.0, -4.0, 14.0, 7.0)]
        return cap, np.min([strand(*tail, 1.0, 3.8) for tail in tails], axis=0)
    if style == 3:  # a crest on a shaved head
        turns = [np.deg2rad(degrees) for degrees in (range(-115, 26, 28) if profile else (0,))]
        spikes = [(np.sin(turn), -np.cos(turn)) for turn in turns]
        return np.min([strand(7 * x, 7 * y, 14 * x, 14 * y, 2.8, 1.0) for x, y in spikes], axis=0), None
    if style == 4:  # a bob with a slanting fringe
        above = stripes(figure.at(figure.head, 0, -2), 1, SINGLE, 18)
        bob = np.maximum(oval(-0.8 if profile else 0, 0, 11.0, 11.0), above)
        corners = [(0.0, 0.0), (14, -5.5), (14, 14), (2.0, 14)] if profile else [(-7, 0), (7, -5), (6, 14), (-6, 14)]
        return np.maximum(bob, -polygon(figure.place(figure.head, corners))), None
    ball = oval(-1.5 if profile else 0, -2.0, 13.0, 11.5)  # curls
    return np.maximum(ball, -(oval(6.5, 5.0, 8.5, 8.0) if profile else oval(0, 5.0, 8.0, 8.0))), None

"""Characters composed from sprite sheets, as published; Pillow is the oracle."""

import os
import pathlib
import shutil
import struct

import numpy as np
import pytest
from PIL import Image  # matplotlib brings it; the oracle of what the program composes without it

from data_generators.sprites import dataset as data
from data_generators.sprites import sheets as sprite_sheets

SHEETS = pathlib.Path(__file__).parents[4] / "shared" / "data" / "lpc_sprites"  # extra: beside a checkout, not in it


def draw_sheet(path: pathlib.Path, seed: int) -> None:
    """Blocks of random colours and transparency; some are palette images, as most of the real ones are."""
    draws = np.random.default_rng(seed)
    blocks = draws.integers(0, 256, (21 * 8, 13 * 8, 4), np.uint8)
    blocks[..., 3] = draws.choice([0, 255, 128, blocks[0, 0, 3]], blocks.shape[:2])
    blocks[:8, :8, 3] = draws.integers(0, 256)
    image = Image.fromarray(blocks.repeat(8, axis=0).repeat(8, axis=1))
    path.parent.mkdir(exist_ok=True)
    (image.quantize(200) if seed % 3 == 0 else image).save(path, compress_level=1)


@pytest.fixture(scope="module")
def sheets(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("sheets")
    names = [f"{part}/{n}.png" for part in ("body", "bottomwear", "topwear", "hair") for n in range(6)]
    for seed, name in enumerate([*names, "shoes/1.png"]):
        draw_sheet(folder / name, seed)
    return folder


def with_pillow(folder: pathlib.Path, character: int) -> np.ndarray:
    """The published recipe, frame by frame."""
    body, bottom, top, hair = character // 216, character % 216 // 36, character % 36 // 6, character % 6
    names = (f"body/{body}", f"bottomwear/{bottom}", f"topwear/{top}", f"hair/{hair}", "shoes/1")
    canvas = Image.new("RGBA", (832, 1344), (0, 0, 0, 255))
    for name in names:
        canvas = Image.alpha_composite(canvas, Image.open(folder / f"{name}.png").convert("RGBA"))
    rows = {"walk": (10, 9, 11), "spellcard": (2, 1, 3), "slash": (14, 13, 15)}  # front, left, right
    columns = {
        "walk": (8, 1, 2, 3, 4, 5, 6, 7),
        "spellcard": (0, 1, 2, 3, 4, 5, 4, 6),
        "slash": (0, 1, 2, 3, 4, 5, 4, 0),
    }
    cells = [(row, column) for action in rows for row in rows[action] for column in columns[action]]
    boxes = [(64 * column, 64 * row, 64 * column + 64, 64 * row + 64) for row, column in cells]
    return np.stack([np.asarray(canvas.crop(box))[..., :3] for box in boxes])


def test_characters_are_composed_as_pillow_composes_them(sheets):
    made = data.SpriteSheets(sheets)
    for character in (0, 1295, 216 * 1 + 36 * 2 + 6 * 3 + 4):
        images = made.frames(character)
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, with_pillow(sheets, character))


def test_pillows_rounding_at_every_alpha():
    """Random colours, and all pairs of an alpha and a red value."""
    below, above = np.random.default_rng(0).integers(0, 256, (2, 72 * 64 * 64, 4), np.uint8)
    above[:65536, 3], above[:65536, 0] = np.divmod(np.arange(65536), 256)
    below[:, 3] = 255
    parts = [[opaque] * 6 for opaque in (layer(below), layer(above), layer(above[:0]), layer(above[:0]))]
    made = data.SpriteSheets.__new__(data.SpriteSheets)
    made._parts, made._shoes = parts, layer(above[:0])
    images = [Image.fromarray(pixels.reshape(-1, 64, 4)) for pixels in (below, above)]
    expected = np.asarray(Image.alpha_composite(*images))[..., :3]
    np.testing.assert_array_equal(made.frames(0).reshape(-1, 64, 3), expected)


def layer(pixels: np.ndarray) -> sprite_sheets._Layer:
    pixels = pixels.astype(np.uint32)
    return sprite_sheets._Layer(np.arange(len(pixels)), pixels[:, :3] * pixels[:, 3:], 255 - pixels[:, 3:])


def test_poses_are_numbered_as_published():
    assert (data.NUM_POSES, data.NUM_CHARACTERS) == (72, 1296)
    for action, direction, frame in ((0, 0, 0), (1, 2, 3), (2, 1, 7)):
        name = f"{('walk', 'spellcard', 'slash')[action]} {('front', 'left', 'right')[direction]} {frame}"
        assert data.POSE_NAMES[8 * (3 * action + direction) + frame] == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("missing", r"hair/3.png is missing: sheets are body, bottomwear, topwear and hair 0 to 5, and shoes 1"),
        ("text", "hair/3.png is not a readable PNG image"),
        ("cut", "hair/3.png is not a readable PNG image"),
        ("photo", "hair/3.png is not a readable PNG image"),
        ("short", "hair/3.png is not a readable PNG image"),
        ("long", "hair/3.png is not a readable PNG image"),
        ("folder", "hair/3.png is missing"),
        ("bomb", "hair/3.png is 30000 x 30000 pixels, a sheet is 832 x 1344; fetch it again"),
        ("size", "hair/3.png is 832 x 64 pixels, a sheet is 832 x 1344"),
    ],
)
def test_sheets_that_cannot_be_used_are_named(sheets, tmp_path, change, message):
    folder = tmp_path / "sheets"
    shutil.copytree(sheets, folder, copy_function=os.link)
    path = folder / "hair" / "3.png"
    content = path.read_bytes()
    path.unlink()
    if change == "folder":
        path.mkdir()
    elif change in ("size", "photo"):
        image = Image.new("RGB", (832, 64) if change == "size" else (832, 1344))
        image.save(path, "PNG" if change == "size" else "JPEG")
    elif change != "missing":
        damaged = {
            "text": b"not a picture",
            "cut": content[: len(content) // 2],
            "short": content[:20],
            "long": content + bytes(2**24),
            "bomb": content[:16] + struct.pack(">2I", 30_000, 30_000) + content[24:],
        }
        path.write_bytes(damaged[change])
    with pytest.raises(data.SpriteError, match=message) as caught:
        data.SpriteSheets(folder)
    assert "\n" not in str(caught.value)


def test_characters_that_do_not_exist_are_named(sheets):
    made = data.SpriteSheets(sheets)
    for character in (-1, 1296):
        with pytest.raises(data.SpriteError, match=f"from 0 to 1295, got {character}"):
            made.frames(character)


@pytest.fixture(scope="module")
def published() -> data.SpriteSheets:
    if not SHEETS.exists():
        pytest.skip("needs the LPC sheets")
    return data.SpriteSheets(SHEETS)


def test_published_sheets_are_composed_as_pillow_composes_them(published):
    for character in (0, 423, 1295):
        np.testing.assert_array_equal(published.frames(character), with_pillow(SHEETS, character))


def test_published_sheets_repeat_frames(published):
    """Every direction of a slash has 6 images in 8 frames, of a spell 7; a step repeats none."""
    sequences = published.frames(700).reshape(3, 3, 8, -1)
    counts = [[len(np.unique(sequence, axis=0)) for sequence in action] for action in sequences]
    assert counts == [[8] * 3, [7] * 3, [6] * 3]


def test_published_characters_all_differ(published):
    seen = {published.frames(character)[0].tobytes() for character in range(1, 1296, 13)}
    assert len(seen) == 100
    values = data.scaled(published.frames(1295)).numpy()
    assert values.dtype == np.float32 and values.min() == 0.0 and 0.9 < values.max() <= 255 / 256

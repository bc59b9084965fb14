"""Drawn sprites: factors, and pictures that tell every character and every pose apart."""

import numpy as np
import pytest

from data_generators.sprites import sheets as factors
from data_generators.sprites.drawn import characters as data

STANDING = 8 * 3  # spellcard to the front, first frame
SOME = 1 * 216 + 0 * 36 + 3 * 6 + 4


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pixels that differ by more than a nuance in one of the colours, without the axis of colours."""
    differ = np.abs(np.subtract(one, other, dtype=np.int16)) > 16
    return differ[..., 0] | differ[..., 1] | differ[..., 2]


def with_style(attribute: int, style: int) -> int:
    own = list(factors.choices_of(SOME))
    own[attribute] = style
    return int(np.ravel_multi_index(own, (6, 6, 6, 6)))


def test_the_factors():
    assert factors.PARTS == ("body", "bottomwear", "topwear", "hair") and factors.CHOICES == 6
    assert factors.ACTIONS == ("walk", "spellcard", "slash") and factors.DIRECTIONS == ("front", "left", "right")
    assert (factors.FRAMES, factors.NUM_POSES, factors.NUM_CHARACTERS) == (8, 72, 1296)
    assert factors.choices_of(1 * 216 + 2 * 36 + 3 * 6 + 4) == (1, 2, 3, 4)
    assert len({factors.choices_of(character) for character in range(1296)}) == 1296


@pytest.mark.parametrize("character", [-1, 1296])
@pytest.mark.parametrize("function", [factors.choices_of, data.frames])
def test_a_character_outside(function, character):
    with pytest.raises(ValueError, match=rf"^character must be from 0 to 1295, got {character}$"):
        function(character)


def test_frames_are_bytes_and_repeat():
    frames = data.frames(SOME)
    assert frames.shape == (72, 64, 64, 3) and frames.dtype == np.uint8
    assert frames.min() == 0 and frames.max() > 230
    kept = frames.copy()
    frames[:] = 0  # a caller's array is its own
    data._layers.cache_clear()
    np.testing.assert_array_equal(data.frames(SOME), kept)


@pytest.mark.parametrize("character", [0, SOME, 1295])
def test_a_figure_on_a_black_background(character):
    frames = data.frames(character)
    visible = frames.max(axis=-1) > 40
    assert not visible[:, [0, -1]].any() and not visible[:, :, [0, -1]].any()
    assert np.all((visible.mean(axis=(1, 2)) > 0.12) & (visible.mean(axis=(1, 2)) < 0.4))
    rows, columns = np.nonzero(visible[STANDING].any(axis=1))[0], np.nonzero(visible[STANDING].any(axis=0))[0]
    assert 45 <= np.ptp(rows) + 1 <= 58 and 22 <= np.ptp(columns) + 1 <= 36


@pytest.mark.parametrize("character", [0, SOME, 1295])
def test_all_poses_differ(character):
    frames = data.frames(character)
    assert min(changed(frames[i], frames[i + 1 :]).sum(axis=(1, 2)).min() for i in range(71)) > 40


def test_the_order_of_the_poses():
    """Seen in the pictures: where the face is, how far apart the feet are, and where hands and sword reach."""
    frames = data.frames(SOME).reshape(3, 3, 8, 64, 64, 3)
    visible = frames.max(axis=-1) > 40
    skin = ~changed(frames[0, :, 0, 16:28], np.array((224, 166, 110), np.uint8))
    front, left, right = ((skin[i] * np.arange(64)).sum() / skin[i].sum() for i in range(3))
    assert left < front - 2 and right > front + 2
    stride = [[np.ptp(np.nonzero(feet)[0]) for feet in visible[0, side, :, 54:].any(axis=1)] for side in (1, 2)]
    assert all(of[frame] > of[other] + 6 for of in stride for frame in (2, 6) for other in (0, 4))
    for column in (slice(10, 20), slice(44, 54)):
        assert visible[1, 0, 5, 12:24, column].sum() > visible[1, 0, 0, 12:24, column].sum() + 20
    assert visible[2, 1, 5, :, :14].any() and not visible[2, 1, 5, :, -14:].any()
    assert visible[2, 2, 5, :, -14:].any() and not visible[2, 2, 5, :, :14].any()


def test_left_and_right_differ_and_neither_mirrors_the_other():
    left, right = data.frames(SOME).reshape(3, 3, 8, 64, 64, 3)[:, 1:].swapaxes(0, 1)
    assert changed(left, right).sum(axis=(2, 3)).min() > 200
    assert changed(left[2], right[2, :, :, ::-1]).sum(axis=(1, 2)).min() > 40  # the sword stays in the right hand


@pytest.mark.parametrize(
    ("attribute", "rows", "share"), [(0, (0, 64), 0.15), (1, (36, 62), 0.12), (2, (24, 54), 0.15), (3, (0, 52), 0.2)]
)
def test_styles_change_their_part_of_the_picture(attribute, rows, share):
    frames = [data.frames(with_style(attribute, style)) for style in range(6)]
    standing = [each[STANDING] for each in frames]
    for i in range(6):
        for j in range(i):
            assert np.all(changed(frames[i], frames[j]).sum(axis=(1, 2)) > 15)
            difference = changed(standing[i], standing[j])
            assert difference.sum() > 40 and difference.mean() < share
            assert not difference[: rows[0]].any() and not difference[rows[1] :].any()


def test_a_sample_of_characters_differs():
    characters = range(0, 1296, 79)
    standing = [data.frames(character)[STANDING] for character in characters]
    assert min(changed(standing[i], standing[j]).sum() for i in range(len(standing)) for j in range(i)) > 40


@pytest.mark.slow
def test_all_characters_differ_in_all_poses():
    seen = {hash(frame.tobytes()) for character in range(1296) for frame in data.frames(character)[:, ::2, ::2]}
    assert len(seen) == 1296 * 72

"""Moving-ball videos: rendering, random paths, files, the command."""

import os

import numpy as np
import pytest

from data_generators import moving_ball as data
from tests.helpers.command_line import run_module


def frame_by_pixels(row_coordinate: float, column_coordinate: float) -> np.ndarray:
    frame = np.zeros((32, 32))
    for row in range(32):
        for column in range(32):
            centre = 16 + 6.4 * row_coordinate, 16 + 6.4 * column_coordinate
            if (row - centre[0]) ** 2 + (column - centre[1]) ** 2 < 9.0:
                frame[row, column] = 1.0
    return frame


def test_rendering_against_a_loop_over_pixels():
    paths = np.random.default_rng(0).normal(size=(2, 6, 2)) * 1.5
    frames = data.render(paths).numpy()
    assert frames.shape == (2, 6, 32, 32) and frames.dtype == np.float32
    for video in range(2):
        for time in range(6):
            np.testing.assert_array_equal(frames[video, time], frame_by_pixels(*paths[video, time]))


def test_pixels_at_a_distance_of_three_are_outside():
    """25 places of a lattice are closer than 3 to one of them, and four are at 3."""
    frame = data.render(np.zeros(2)).numpy()
    assert frame.sum() == 25
    np.testing.assert_array_equal(frame[16, 11:22], [0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0])


def test_coordinate_0_goes_down_the_rows_and_coordinate_1_along_the_columns():
    frame = data.render(np.array([1.0, -2.0])).numpy()
    assert (np.argwhere(frame).mean(axis=0) == pytest.approx([16 + 6.4, 16 - 12.8], abs=0.3)) and frame.sum() > 20


@pytest.mark.parametrize(("centre", "visible"), [((0.0, 0.0), True), ((0.0, 2.7), True), ((0.0, 2.9), False)])
def test_a_ball_leaves_the_frame(centre, visible):
    assert bool(np.any(data.render(np.array(centre)))) is visible


def test_a_fixed_set_repeats_with_its_seed():
    one, same, other = data.videos(3, 5, seed=1), data.videos(3, 5, seed=1), data.videos(3, 5, seed=2)
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(one.paths - other.paths).min() > 0
    assert one.times.shape == (3, 5) and one.times.dtype == np.float32
    np.testing.assert_array_equal(one.times, [[0, 1, 2, 3, 4]] * 3)
    np.testing.assert_array_equal(one.frames, data.render(one.paths))


def batches(count: int, **kwargs) -> list[np.ndarray]:
    return [frames for _, frames in data.stream(4, 6, **kwargs).take(count).as_numpy_iterator()]


def test_a_stream_depends_on_seed_and_index_alone():
    stream = batches(5, seed=3)
    np.testing.assert_array_equal(stream, batches(5, seed=3))
    np.testing.assert_array_equal(stream[2:], batches(3, seed=3, start=2))
    assert len({frames.tobytes() for frames in stream + batches(5, seed=4)}) == 10


def test_batches_of_a_stream_are_videos():
    times, frames = next(data.stream(4, 6).as_numpy_iterator())
    np.testing.assert_array_equal(times, [np.arange(6.0)] * 4)
    assert frames.shape == (4, 6, 32, 32) and set(np.unique(frames)) == {0.0, 1.0}
    assert len({video.tobytes() for video in frames}) == 4
    specification = data.stream(4, 6).element_spec
    assert specification[1].shape == (4, 6, 32, 32)


def centres(frames: np.ndarray) -> np.ndarray:
    """Centres of balls that are wholly in the frame, in world units, (..., 2); NaN for others."""
    grid = np.arange(32.0)
    mass = frames.sum(axis=(-2, -1))
    rows = (frames.sum(axis=-1) * grid).sum(axis=-1) / np.maximum(mass, 1.0)
    columns = (frames.sum(axis=-2) * grid).sum(axis=-1) / np.maximum(mass, 1.0)
    return np.stack([np.where(mass > 22, axis, np.nan) for axis in (rows, columns)], axis=-1) / 6.4 - 2.5


@pytest.mark.parametrize("length_scale", [1.0, 4.0])
def test_paths_have_the_covariance_of_their_kernel(length_scale):
    paths = data.videos(4000, 5, length_scale, seed=7).paths
    gaps = np.subtract.outer(np.arange(5), np.arange(5))
    expected = np.exp(-0.5 * (gaps / length_scale) ** 2)
    for coordinate in range(2):
        empirical = paths[..., coordinate].T @ paths[..., coordinate] / len(paths)
        np.testing.assert_allclose(empirical, expected, atol=0.1)
    np.testing.assert_allclose(np.einsum("vi,vj->ij", paths[..., 0], paths[..., 1]) / len(paths), 0.0, atol=0.1)
    np.testing.assert_allclose(paths.mean(axis=(0, 1)), 0.0, atol=0.1)


def test_streamed_paths_have_the_same_covariance():
    """Seen through the frames: neighbouring centres are correlated as the kernel says, rows and columns are not."""
    _, frames = next(data.stream(1500, 4, length_scale=2.0).as_numpy_iterator())
    found = centres(frames)
    whole = found[np.isfinite(found).all(axis=(1, 2))]
    assert len(whole) > 800
    for coordinate in range(2):
        correlation = np.corrcoef(whole[..., coordinate].T)
        np.testing.assert_allclose(correlation[0], np.exp(-0.5 * (np.arange(4) / 2.0) ** 2), atol=0.12)
    assert np.abs(np.corrcoef(whole[:, 0].T)[0, 1]) < 0.12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "must be at least 1, got 0 and 30"),
        ((3, 0), "must be at least 1, got 3 and 0"),
        ((3, 5, 0.0), "length_scale must be positive and finite, got 0.0"),
        ((3, 5, np.nan), "length_scale must be positive"),
    ],
)
@pytest.mark.parametrize("make", [data.videos, data.stream])
def test_bad_arguments(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(*arguments)


# Files.


def test_saving_and_loading(tmp_path):
    path, videos = str(tmp_path / "videos.npz"), data.videos(2, 4)
    data.save(path, videos)
    for a, b in zip(videos, data.load(path), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


def test_files_are_written_whole_or_not_at_all(tmp_path):
    videos = data.videos(2, 4)
    with pytest.raises(ValueError, match="paths needs numbers from -1000 to 1000, but has values from nan to nan"):
        data.save(str(tmp_path / "videos.npz"), videos._replace(paths=videos.paths * np.nan))
    with pytest.raises(OSError, match="No such file"):
        data.save(str(tmp_path / "none" / "videos.npz"), videos)
    data.save(str(tmp_path / "videos.npz"), videos)
    assert os.listdir(tmp_path) == ["videos.npz"]


TIMES, FRAMES, PATHS = data.videos(2, 4)
WRONG_ARRAYS = {
    "a number": ({"times": TIMES[0, 0]}, r"times has shape \(\), not \(videos, frames\)"),
    "no series": ({"times": TIMES[0]}, r"times has shape \(4\), not \(videos, frames\)"),
    "no videos": ({"times": TIMES[:0]}, r"times has shape \(0, 4\), not \(videos, frames\)"),
    "other shapes": ({"frames": FRAMES[:, :3]}, r"frames has shape \(2, 3, 32, 32\), not \(2, 4, 32, 32\)"),
    "NaN": ({"times": TIMES * np.nan}, "times needs numbers from .*, but has values from nan to nan"),
    "infinity": ({"paths": PATHS + np.inf}, "paths needs numbers from -1000 to 1000, but has values from inf to inf"),
    "large": ({"times": TIMES.astype(float) + 1e308}, "times needs numbers from"),
    "grey": ({"frames": FRAMES * 0.5}, "frames needs whole numbers from 0 to 1, but has values from 0 to 0.5"),
    "up to 255": ({"frames": FRAMES * 255}, "frames needs whole numbers from 0 to 1, but has values from 0 to 255"),
    "text": ({"times": TIMES.astype(str)}, "times holds values of type <U32, not real numbers"),
    "complex": ({"paths": PATHS * 1j}, "paths holds values of type complex128, not real numbers"),
    "dates": ({"times": TIMES.astype("datetime64[s]")}, r"times holds values of type datetime64\[s\]"),
    "objects": ({"paths": PATHS.astype(object)}, "paths holds values of type object, not real numbers"),
}


@pytest.mark.parametrize("name", WRONG_ARRAYS)
def test_arrays_that_are_no_videos_are_named(name, tmp_path):
    changes, message = WRONG_ARRAYS[name]
    path = str(tmp_path / "videos.npz")
    np.savez(path, **{"times": TIMES, "frames": FRAMES, "paths": PATHS} | changes)
    with pytest.raises(ValueError, match=f"{path} is not a readable file of moving-ball videos: {message}.*; make it"):
        data.load(path)


def test_other_types_are_read_as_the_documented_ones(tmp_path):
    path = str(tmp_path / "videos.npz")
    np.savez(path, times=TIMES.astype(np.int64), frames=np.asfortranarray(FRAMES.astype(">f8")), paths=PATHS)
    for read, made in zip(data.load(path), (TIMES, FRAMES, PATHS), strict=True):
        np.testing.assert_array_equal(read, made)
        assert read.dtype == made.dtype


def test_a_single_array_is_no_file_of_videos(tmp_path):
    path = str(tmp_path / "videos.npy")
    np.save(path, np.zeros(3))
    with pytest.raises(ValueError, match="is not a readable file of moving-ball videos"):
        data.load(path)


# The command.


def test_command(tmp_path):
    path = str(tmp_path / "videos.npz")
    lines = {
        "works": [f"--output={path}", "--num_videos=2", "--num_frames=3", "--seed=5"],
        "unwritable": [f"--output={tmp_path}/nowhere/videos.npz", "--num_videos=1"],
        "bad value": ["--output=videos.npz", "--num_videos=0"],
        "help": ["--help"],
    }
    done = {name: run_module("data_generators.moving_ball", *line) for name, line in lines.items()}
    assert done["works"] == (0, f"{path}: 2 videos of 3 frames\n")
    np.testing.assert_array_equal(data.load(path).frames, data.videos(2, 3, seed=5).frames)
    for name, message in {"unwritable": "No such file", "bad value": "num_videos"}.items():
        assert done[name][0] != 0 and message in done[name][1], name
    assert done["unwritable"][1] == f"error: {tmp_path}/nowhere/videos.npz: No such file or directory\n"
    assert "The .npz file to write." in done["help"][1] and "--length_scale" in done["help"][1]

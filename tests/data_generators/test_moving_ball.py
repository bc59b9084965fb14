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


def damaged(name: str, path: str) -> None:
    times, frames, paths = data.videos(2, 4)
    if name == "missing":
        return
    if name == "other fields":
        np.savez(path, times=times)
    elif name == "other shapes":
        np.savez(path, times=times, frames=frames[:, :3], paths=paths)
    elif name == "no series":
        np.savez(path, times=times[0], frames=frames, paths=paths)
    elif name == "pickled":
        np.savez(path, times=times, frames=frames, paths=np.array([None, "x"], dtype=object))
    elif name == "text":
        with open(path, "w") as file:
            file.write("not\nvideos\n")
    else:
        data.save(path, data.videos(2, 4))
        with open(path, "r+b") as file:
            if name == "flipped bytes":
                file.seek(os.path.getsize(path) // 2)
                file.write(b"\xff\x00\xff\x00")
            else:
                file.truncate(0 if name == "empty" else os.path.getsize(path) // 2)


@pytest.mark.parametrize(
    "name",
    ["missing", "other fields", "other shapes", "no series", "pickled", "text", "cut", "empty", "flipped bytes"],
)
def test_damaged_files_are_named_in_one_line(name, tmp_path):
    path = str(tmp_path / "videos.npz")
    damaged(name, path)
    with pytest.raises(ValueError, match=path) as caught:
        data.load(path)
    assert "\n" not in str(caught.value)


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

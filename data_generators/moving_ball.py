"""Videos of a ball whose path is drawn from a Gaussian process (Pearce, 2020).

Each coordinate of a path is GP(0, exp(-(t - t')^2 / (2 l^2))) at times t = 0, 1, ..., T - 1. In a frame, the pixels
closer than 3 pixels to the ball's centre at (row, column) = (16 + 6.4 x_0, 16 + 6.4 x_1) are 1, all others 0. The
centre leaves the frame when a coordinate exceeds 2.5 in absolute value.

Run as a program, it writes a fixed set of videos to a file:

    python -m data_generators.moving_ball --output=videos.npz --num_videos=350 --seed=1
"""

from typing import NamedTuple

import numpy as np
from absl import flags

from data_generators import array_files
from data_generators.array_files import Expected
from data_generators.commands import program
from data_generators.commands.quiet import tensorflow as tf

SIZE = 32
RADIUS = 3.0
PIXELS_PER_UNIT = 6.4
PATH_JITTER = 1e-5  # added to the diagonal of the path covariance for its Cholesky factorisation
MOST_BYTES = 2**29  # of an array in a file: 17,000 videos of 30 frames as bytes
_EXPECTED = {
    "times": Expected(("videos", "frames"), -(2**24), 2**24),  # single precision holds all whole numbers up to there
    "paths": Expected(("videos", "frames", 2), -1000.0, 1000.0),
    "frames": Expected(("videos", "frames", SIZE, SIZE), 0, 1, whole=True),
}


class Videos(NamedTuple):
    """Videos with the paths that they were drawn from."""

    times: np.ndarray
    """Frame times, (videos, frames), float32."""
    frames: np.ndarray
    """Pixels 0 or 1, (videos, frames, 32, 32), float32."""
    paths: np.ndarray
    """Centres in world units, (videos, frames, 2), float64: row and column coordinate."""


def _path_factor(num_frames: int, length_scale: float) -> np.ndarray:
    times = np.arange(num_frames, dtype=np.float64)
    covariance = np.exp(-0.5 * np.square((times[:, None] - times[None, :]) / length_scale))
    return np.linalg.cholesky(covariance + PATH_JITTER * np.eye(num_frames))


def _check(num_videos: int, num_frames: int, length_scale: float) -> None:
    if num_videos < 1 or num_frames < 1:
        raise ValueError(f"num_videos and num_frames must be at least 1, got {num_videos} and {num_frames}")
    if not 0.0 < length_scale < np.inf:
        raise ValueError(f"length_scale must be positive and finite, got {length_scale}")


def render(paths: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Draw the frames of paths.

    Args:
        paths: centres in world units, (..., 2).

    Returns:
        Frames of zeros and ones, (..., 32, 32), float32.
    """
    centres = tf.cast(paths, tf.float32) * PIXELS_PER_UNIT + SIZE / 2
    grid = tf.range(SIZE, dtype=tf.float32)
    rows = tf.square(grid - centres[..., 0:1])[..., :, tf.newaxis]
    columns = tf.square(grid - centres[..., 1:2])[..., tf.newaxis, :]
    return tf.cast(rows + columns < RADIUS**2, tf.float32)


def videos(num_videos: int, num_frames: int = 30, length_scale: float = 2.0, seed: int = 0) -> Videos:
    """Draw a fixed set of videos; the same arguments always give the same set.

    Args:
        num_videos: number of videos.
        num_frames: frames per video.
        length_scale: length scale of the paths, in frames.
        seed: seed of the paths.

    Raises:
        ValueError: for counts below 1 or a length scale that is not positive.
    """
    _check(num_videos, num_frames, length_scale)
    noise = np.random.default_rng(seed).standard_normal((num_videos, num_frames, 2))
    paths = _path_factor(num_frames, length_scale) @ noise
    times = np.broadcast_to(np.arange(num_frames, dtype=np.float32), (num_videos, num_frames)).copy()
    return Videos(times, render(paths).numpy(), paths)


def stream(
    num_videos: int = 35, num_frames: int = 30, length_scale: float = 2.0, seed: int = 0, start: int = 0
) -> tf.data.Dataset:
    """An endless stream of new batches (times, frames) for `fit`, with shapes as in `Videos`.

    Batch i depends only on the seed and i, so a run that was interrupted after ``start`` batches continues with
    ``stream(..., start=start)`` exactly as if it had not been.

    Args:
        num_videos: videos per batch.
        num_frames, length_scale, seed: see `videos`.
        start: index of the first batch.

    Raises:
        ValueError: for counts below 1 or a length scale that is not positive.
    """
    _check(num_videos, num_frames, length_scale)
    factor = tf.constant(_path_factor(num_frames, length_scale), tf.float32)
    times = tf.tile(tf.range(num_frames, dtype=tf.float32)[tf.newaxis], [num_videos, 1])

    def batch(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        noise = tf.random.stateless_normal(
            (num_frames, num_videos * 2), seed=tf.stack([tf.cast(seed, tf.int64), index])
        )
        paths = tf.reshape(tf.matmul(factor, noise), (num_frames, num_videos, 2))
        return times, render(tf.transpose(paths, (1, 0, 2)))

    options = tf.data.Options()
    options.autotune.enabled = False  # nothing to tune here, and its thread delays the end of `fit` by seconds
    return tf.data.Dataset.counter(start=start).map(batch, num_parallel_calls=1).prefetch(2).with_options(options)


def save(path: str, data: Videos) -> None:
    """Write videos to a compressed ``.npz`` file with the fields of `Videos`; frames are stored as bytes.

    The file appears under its name only when it is complete.

    Raises:
        ValueError: naming the array that `load` would refuse.
    """
    arrays = data._replace(frames=data.frames.astype(np.uint8))._asdict()
    array_files.write(path, arrays, _EXPECTED, most_bytes=MOST_BYTES)


def load(path: str) -> Videos:
    """Read videos written by `save`.

    Raises:
        ValueError: if the file cannot be read as videos: shapes or types as of other data, pixels other than 0 and 1,
            values that are not finite.
    """
    arrays = array_files.read(path, _EXPECTED, content="moving-ball videos", most_bytes=MOST_BYTES)
    return Videos(
        arrays["times"].astype(np.float32), arrays["frames"].astype(np.float32), arrays["paths"].astype(np.float64)
    )


def _main() -> None:
    options = flags.FLAGS
    data = videos(options.num_videos, options.num_frames, options.length_scale, options.seed)
    save(options.output, data)
    print(f"{options.output}: {options.num_videos} videos of {options.num_frames} frames")


def _define_flags() -> None:
    flags.DEFINE_string("output", None, "The .npz file to write.", required=True)
    flags.DEFINE_integer("num_videos", 350, "Number of videos.", lower_bound=1)
    flags.DEFINE_integer("num_frames", 30, "Frames per video.", lower_bound=1)
    flags.DEFINE_float("length_scale", 2.0, "Length scale of the paths, in frames.", lower_bound=1e-6)
    flags.DEFINE_integer("seed", 0, "Seed of the paths.")


if __name__ == "__main__":
    _define_flags()
    program.run(_main)

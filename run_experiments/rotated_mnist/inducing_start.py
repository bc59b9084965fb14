"""Initial inducing points of rotated MNIST: object vectors at each angle."""

import numpy as np
from scipy import stats


def kde_per_angle(scores: np.ndarray, angles: np.ndarray, m: int) -> np.ndarray:
    """Points (angle, vector), m / A for each angle, with vectors drawn from a kernel density of the object scores.

    Each axis is drawn from its own one-dimensional density, but with the same seed for all axes: a draw is a row of
    the data plus one noise variable scaled for each axis, which keeps the dependence between axes that independent
    draws would lose. The seed is the index of the angle. If A does not divide m, the angles with one more vector are
    spread evenly.

    Args:
        scores: vectors of the data, (n, M).
        angles: distinct angles in ascending order, (A,).
        m: number of points.

    Returns:
        The points, (m, 1 + M), float64, ordered by angle.

    Raises:
        ValueError: if m is not a positive integer, or the data have no density.
    """
    scores, angles = np.asarray(scores, np.float64), np.asarray(angles, np.float64)
    if m < 1 or m != int(m):
        raise ValueError(f"the number of inducing points must be whole and at least 1, got {m}")
    if scores.ndim != 2 or len(scores) < 2 or scores.shape[1] == 0 or not np.isfinite(scores).all():
        raise ValueError(f"scores need shape (n, M) with n >= 2 and finite values, got {scores.shape}")
    if (np.ptp(scores, axis=0) == 0).any():
        raise ValueError(f"scores need columns that vary, column {np.ptp(scores, axis=0).argmin()} is constant")
    if angles.ndim != 1 or len(angles) == 0:
        raise ValueError(f"angles need shape (A,) with A >= 1, got {angles.shape}")
    if not (np.isfinite(angles).all() and (np.diff(angles) > 0).all()):
        raise ValueError("angles must be finite, distinct and ascending")
    densities = [stats.gaussian_kde(axis) for axis in scores.T]
    counts = np.full(len(angles), m // len(angles))
    extra = m % len(angles)
    counts[np.arange(extra) * len(angles) // max(extra, 1)] += 1
    points = []
    for i, (angle, count) in enumerate(zip(angles, counts, strict=True)):
        if count:
            vectors = np.column_stack([density.resample(count, seed=i)[0] for density in densities])
            points.append(np.column_stack([np.full(count, angle), vectors]))
    return np.concatenate(points)

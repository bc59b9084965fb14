"""Where inducing points start: each function returns points (m, D) in feature space, float64.

Numbers of points that cannot be honoured, and bad arrays, are a ValueError.
"""

from collections.abc import Sequence

import numpy as np

from svgp_vae_tf.kernels import Kernel

_BLOCK = 2**22  # distances held at once
_ROUNDING = 1e-12  # conditional variances this far below the largest variance are rounding errors


def k_means(features: np.ndarray, m: int, seed: int = 0) -> np.ndarray:
    """Centres of m clusters of the features, found by Lloyd's algorithm from a k-means++ start.

    Columns are divided by their standard deviation for clustering; the centres are in the original unit. A cluster
    that loses its last point restarts at the point furthest from its centre, so that all m centres are distinct.

    Source: Arthur and Vassilvitskii (2007), "k-means++: The Advantages of Careful Seeding".

    Args:
        features: (n, D).
        m: number of points, at most the number of distinct rows.
        seed: of the start; the same seed gives the same centres.

    Returns:
        (m, D).

    Raises:
        ValueError: if there are fewer than m distinct rows, or the features are no finite (n, D).
    """
    features = _as_table(features, "features")
    _check_count(m)
    distinct = np.unique(features, axis=0)
    if m > len(distinct):
        raise ValueError(f"{m} inducing points were asked for, but the features have {len(distinct)} distinct row(s)")
    if m == len(distinct):
        return distinct
    scale = np.where(np.ptp(features, axis=0) > 0, features.std(axis=0), 1.0)
    scaled = (features - features.mean(axis=0)) / scale
    centres = _spread_rows(scaled, m, np.random.default_rng(seed))
    labels = _nonempty_labels(scaled, centres)
    for _ in range(300):
        previous, labels = labels, _nonempty_labels(scaled, _means(scaled, labels, m))
        if np.array_equal(labels, previous):
            break
    return _means(features, labels, m)


def _spread_rows(rows: np.ndarray, m: int, generator: np.random.Generator) -> np.ndarray:
    """The k-means++ start: m rows, each drawn in proportion to its squared distance from those before."""
    chosen = [int(generator.integers(len(rows)))]
    distances = np.sum((rows - rows[chosen[0]]) ** 2, axis=1)
    while len(chosen) < m:
        chosen.append(int(generator.choice(len(rows), p=distances / distances.sum())))
        distances = np.minimum(distances, np.sum((rows - rows[chosen[-1]]) ** 2, axis=1))
    return rows[chosen]


def _nonempty_labels(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The nearest centre of each row, (n,), after centres without rows have moved to the worst served rows."""
    centres = centres.copy()
    while True:
        labels, distances = _nearest(rows, centres)
        empty = np.flatnonzero(np.bincount(labels, minlength=len(centres)) == 0)
        if not len(empty):
            return labels
        centres[empty[0]] = rows[np.argmax(distances)]


def _nearest(rows: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.spatial.distance import cdist

    labels, distances = np.empty(len(rows), np.int64), np.empty(len(rows))
    step = max(1, _BLOCK // len(centres))
    for start in range(0, len(rows), step):
        block = cdist(rows[start : start + step], centres, "sqeuclidean")
        labels[start : start + step] = block.argmin(axis=1)
        distances[start : start + step] = block.min(axis=1)
    return labels, distances


def _means(rows: np.ndarray, labels: np.ndarray, m: int) -> np.ndarray:
    origin = rows.mean(axis=0)  # sums of large numbers, such as time stamps, would lose digits
    sums = np.column_stack([np.bincount(labels, column, m) for column in (rows - origin).T])
    return origin + sums / np.bincount(labels, minlength=m)[:, np.newaxis]


def grid(low: float | Sequence[float], high: float | Sequence[float], counts: int | Sequence[int]) -> np.ndarray:
    """A regular grid from ``low`` to ``high``, both included; the only point of an axis lies in its middle.

    >>> grid([0.0, 5.0], [1.0, 7.0], [2, 3]).tolist()
    [[0.0, 5.0], [0.0, 6.0], [0.0, 7.0], [1.0, 5.0], [1.0, 6.0], [1.0, 7.0]]

    Args:
        low, high: (D,), or numbers for a single axis.
        counts: (D,), the number of points along each axis.

    Returns:
        (product of counts, D), with the last axis fastest.

    Raises:
        ValueError: if the lengths differ, a count is below 1, or an axis of several points has no length.
    """
    starts, ends = np.atleast_1d(np.asarray(low, np.float64)), np.atleast_1d(np.asarray(high, np.float64))
    numbers = np.atleast_1d(np.asarray(counts))
    if starts.ndim != 1 or len(starts) == 0 or not starts.shape == ends.shape == numbers.shape:
        raise ValueError(f"low, high and counts need one shape (D,), got {starts.shape}, {ends.shape}, {numbers.shape}")
    for count in numbers:
        _check_count(count)
    if not (np.isfinite(starts).all() and np.isfinite(ends).all()):
        raise ValueError(f"low and high must be finite, got {low} and {high}")
    if ((starts > ends) | ((starts == ends) & (numbers > 1))).any():
        raise ValueError(f"low must be below high on each axis, got {low} and {high}")
    axes = [
        np.linspace(a, b, int(count)) if count > 1 else np.array([a + (b - a) / 2])
        for a, b, count in zip(starts, ends, numbers, strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def greedy_variance(features: np.ndarray, m: int, kernel: Kernel, threshold: float = 0.0) -> np.ndarray:
    """The m rows found by taking, again and again, the row with the largest variance given the rows taken before.

    This is the Cholesky factorisation of the kernel matrix with pivoting, stopped after m columns: O(n m^2) time and
    O(n m) memory. Of equal variances the first is taken.

    Source: Burt, Rasmussen and van der Wilk (2019), "Rates of Convergence for Sparse Variational Gaussian Process
    Regression".

    Args:
        features: (n, D).
        m: number of points.
        kernel: with one set of parameters (``num_latents=None``).
        threshold: conditional variances up to this value, or rounding error, count as zero.

    Returns:
        (m, D), in the order they were taken.

    Raises:
        ValueError: if m exceeds n, or fewer than m points leave no variance: the kernel then has a lower rank.
    """
    features = _as_table(features, "features")
    _check_count(m)
    if m > len(features):
        raise ValueError(f"{m} inducing points were asked for, but the features have {len(features)} row(s)")
    if not threshold >= 0:
        raise ValueError(f"threshold must be at least 0, got {threshold}")
    variances = np.array(kernel.diagonal(features))
    if variances.shape != (len(features),):
        raise ValueError(f"the kernel must have one set of parameters, but its variances have shape {variances.shape}")
    if not np.isfinite(variances).all():
        raise ValueError("the kernel has variances that are not finite")
    smallest = max(threshold, _ROUNDING * variances.max())
    factor, taken = np.empty((m, len(features))), np.empty(m, np.int64)
    for i in range(m):
        taken[i] = pivot = np.argmax(variances)
        if variances[pivot] <= smallest:
            raise ValueError(f"{m} inducing points were asked for, but {i} suffice: they leave no variance")
        column = np.asarray(kernel.matrix(features, features[pivot : pivot + 1]))[:, 0]
        factor[i] = (column - factor[:i, pivot] @ factor[:i]) / np.sqrt(variances[pivot])
        variances -= factor[i] ** 2
        variances[pivot] = 0.0
    return features[taken]


def _check_count(m: int) -> None:
    if not m >= 1:
        raise ValueError(f"the number of inducing points must be at least 1, got {m}")
    if m != int(m):
        raise ValueError(f"the number of inducing points must be whole, got {m}")


def _as_table(values: np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"{name} need shape (n, D) with finite values, got {values.shape}")
    return values

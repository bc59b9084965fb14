"""Initial inducing points: each function returns points (m, D) in the space of features, float64.

All functions raise ValueError for arrays of another shape or with values that are not finite, and for numbers of points
that are not possible.
"""

from collections.abc import Sequence

import numpy as np

from svgp_vae_tf.arguments import finite_array, instance_of, non_negative_number, random_seed, whole_number
from svgp_vae_tf.kernels import Kernel

_BLOCK = 2**22  # number of distances in memory at a time
_ROUNDING = 1e-12  # conditional variances below this share of the largest variance are rounding errors


def k_means(features: np.ndarray, m: int, seed: int = 0) -> np.ndarray:
    """Centres of m clusters of the features, from Lloyd's algorithm with k-means++ initialisation.

    Columns are divided by their standard deviations for clustering; the centres are in the original units. A cluster
    that loses its last row restarts at the row furthest from its own centre, so all m centres are distinct.

    Source: Arthur and Vassilvitskii (2007), "k-means++: The Advantages of Careful Seeding".

    Args:
        features: (n, D).
        m: number of points, at most the number of distinct rows.
        seed: seed of the initialisation; the same seed gives the same centres.

    Returns:
        (m, D), float64.

    Raises:
        ValueError: if there are fewer than m distinct rows, or the features are not finite or not of shape (n, D).

    >>> sorted(k_means(np.array([[0.0], [1.0], [10.0], [11.0]]), 2).tolist())
    [[0.5], [10.5]]
    """
    features, m = _as_table(features, "features"), _checked_count(m)
    distinct = np.unique(features, axis=0)
    if m > len(distinct):
        raise ValueError(f"{m} inducing points were requested, but the features have {len(distinct)} distinct row(s)")
    if m == len(distinct):
        return distinct
    scale = np.where(np.ptp(features, axis=0) > 0, features.std(axis=0), 1.0)
    scaled = (features - features.mean(axis=0)) / scale
    centres = _spread_rows(scaled, m, np.random.default_rng(random_seed("seed", seed)))
    labels = _nonempty_labels(scaled, centres)
    for _ in range(300):
        previous, labels = labels, _nonempty_labels(scaled, _means(scaled, labels, m))
        if np.array_equal(labels, previous):
            break
    return _means(features, labels, m)


def _spread_rows(rows: np.ndarray, m: int, generator: np.random.Generator) -> np.ndarray:
    """The k-means++ initialisation: m rows, drawn in proportion to the squared distance to the nearest one so far."""
    chosen = [int(generator.integers(len(rows)))]
    distances = np.sum((rows - rows[chosen[0]]) ** 2, axis=1)
    while len(chosen) < m:
        chosen.append(int(generator.choice(len(rows), p=distances / distances.sum())))
        distances = np.minimum(distances, np.sum((rows - rows[chosen[-1]]) ** 2, axis=1))
    return rows[chosen]


def _nonempty_labels(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index of the nearest centre of each row, (n,), after moving centres without rows to the furthest rows."""
    centres = centres.copy()
    while True:
        labels, distances = _nearest(rows, centres)
        empty = np.flatnonzero(np.bincount(labels, minlength=len(centres)) == 0)
        if not len(empty):
            return labels
        centres[empty[0]] = rows[np.argmax(distances)]


def _nearest(rows: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest centre of each row, and the squared distance to it, (n,) each."""
    from scipy.spatial.distance import cdist

    labels, distances = np.empty(len(rows), np.int64), np.empty(len(rows))
    step = max(1, _BLOCK // len(centres))
    for start in range(0, len(rows), step):
        block = cdist(rows[start : start + step], centres, "sqeuclidean")
        labels[start : start + step] = block.argmin(axis=1)
        distances[start : start + step] = block.min(axis=1)
    return labels, distances


def _means(rows: np.ndarray, labels: np.ndarray, m: int) -> np.ndarray:
    """The mean of the rows of each cluster, (m, D)."""
    origin = rows.mean(axis=0)  # sums of large numbers, such as time stamps, would lose digits
    sums = np.column_stack([np.bincount(labels, column, m) for column in (rows - origin).T])
    return origin + sums / np.bincount(labels, minlength=m)[:, np.newaxis]


def grid(low: float | Sequence[float], high: float | Sequence[float], counts: int | Sequence[int]) -> np.ndarray:
    """A regular grid from ``low`` to ``high``, both included; an axis with one point has it in the middle.

    >>> grid([0.0, 5.0], [1.0, 7.0], [2, 3]).tolist()
    [[0.0, 5.0], [0.0, 6.0], [0.0, 7.0], [1.0, 5.0], [1.0, 6.0], [1.0, 7.0]]

    Args:
        low, high: ends of each axis, (D,), or numbers for a single axis.
        counts: number of points along each axis, (D,).

    Returns:
        (product of counts, D), float64; the last axis varies fastest.

    Raises:
        ValueError: if the lengths differ, a count is below 1, or an axis with several points has no length.
    """
    starts, ends = np.atleast_1d(finite_array("low", low)), np.atleast_1d(finite_array("high", high))
    numbers = np.atleast_1d(finite_array("counts", counts))
    if starts.ndim != 1 or len(starts) == 0 or not starts.shape == ends.shape == numbers.shape:
        raise ValueError(f"low, high and counts need one shape (D,), got {starts.shape}, {ends.shape}, {numbers.shape}")
    numbers = np.array([_checked_count(count) for count in numbers])
    if ((starts > ends) | ((starts == ends) & (numbers > 1))).any():
        raise ValueError(f"low must be below high on each axis, got {low} and {high}")
    axes = [
        np.linspace(a, b, int(count)) if count > 1 else np.array([a + (b - a) / 2])
        for a, b, count in zip(starts, ends, numbers, strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def greedy_variance(features: np.ndarray, m: int, kernel: Kernel, threshold: float = 0.0) -> np.ndarray:
    """m rows, each of which has the largest conditional variance given those selected before.

    This is a pivoted Cholesky factorisation of the kernel matrix, stopped after m columns: O(n m^2) time and O(n m)
    memory. Of equal variances, the first is selected.

    Source: Burt, Rasmussen and van der Wilk (2019), "Rates of Convergence for Sparse Variational Gaussian Process
    Regression".

    Args:
        features: (n, D).
        m: number of points.
        kernel: a kernel with one set of parameters (``num_latents=None``).
        threshold: conditional variances up to this value count as zero; rounding errors always do.

    Returns:
        (m, D), float64, in the order of selection.

    Raises:
        ValueError: if m exceeds n, or if fewer than m points leave no variance, as with a kernel of lower rank.
    """
    features, m = _as_table(features, "features"), _checked_count(m)
    if m > len(features):
        raise ValueError(f"{m} inducing points were requested, but the features have {len(features)} row(s)")
    threshold = non_negative_number("threshold", threshold)
    variances = np.array(instance_of("kernel", kernel, Kernel).diagonal(features))
    if variances.shape != (len(features),):
        raise ValueError(f"the kernel must have one set of parameters, but its variances have shape {variances.shape}")
    if not np.isfinite(variances).all():
        raise ValueError("the kernel has variances that are not finite")
    smallest = max(threshold, _ROUNDING * variances.max())
    factor, selected = np.empty((m, len(features))), np.empty(m, np.int64)
    for i in range(m):
        selected[i] = pivot = np.argmax(variances)
        if variances[pivot] <= smallest:
            raise ValueError(f"{m} inducing points were requested, but {i} suffice: they leave no variance")
        column = np.asarray(kernel.matrix(features, features[pivot : pivot + 1]))[:, 0]
        factor[i] = (column - factor[:i, pivot] @ factor[:i]) / np.sqrt(variances[pivot])
        variances -= factor[i] ** 2
        variances[pivot] = 0.0
    return features[selected]


def _checked_count(m: int) -> int:
    return whole_number("the number of inducing points", m)


def _as_table(values: np.ndarray, name: str) -> np.ndarray:
    values = finite_array(name, values)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"{name} need shape (n, D), got {values.shape}")
    return values

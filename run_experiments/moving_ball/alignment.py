"""Comparison of latents, which are identified only up to an affine map, with a known truth."""

import itertools
from typing import NamedTuple

import numpy as np


class Alignment(NamedTuple):
    """The least-squares affine map from latents (..., L) to truth (..., d), the same for all series, and its error."""

    matrix: np.ndarray
    """Matrix of the map, (L, d)."""
    offset: np.ndarray
    """Offset of the map, (d,)."""
    rmse: float
    """RMSE per coordinate, sqrt(sum of squared residuals / (points * d))."""
    rmse_per_point: float
    """RMSE of the distance, sqrt(sum of squared residuals / points)."""

    def __call__(self, latents: np.ndarray) -> np.ndarray:
        """Map latents (..., L) into the space of the truth (..., d)."""
        return latents @ self.matrix + self.offset

    def covariances(self, variances: np.ndarray) -> np.ndarray:
        """Covariances (..., d, d) of mapped latents with independent variances (..., L)."""
        return np.einsum("ld,...l,le->...de", self.matrix, variances, self.matrix)


def align(latents: np.ndarray, truth: np.ndarray) -> Alignment:
    """Fit latents (..., L) to truth (..., d) by an affine map.

    Raises:
        ValueError: if the leading axes differ, or there are too few points.
    """
    if latents.shape[:-1] != truth.shape[:-1]:
        raise ValueError(f"latents {latents.shape} and truth {truth.shape} differ in their leading axes")
    x = latents.reshape(-1, latents.shape[-1]).astype(np.float64)
    y = truth.reshape(-1, truth.shape[-1]).astype(np.float64)
    if len(x) <= x.shape[1]:
        raise ValueError(f"{len(x)} points cannot determine an affine map of {x.shape[1]} latents")
    design = np.column_stack([x, np.ones(len(x))])
    solution, *_ = np.linalg.lstsq(design, y, rcond=None)
    squares = float(np.sum(np.square(design @ solution - y)))
    return Alignment(solution[:-1], solution[-1], float(np.sqrt(squares / y.size)), float(np.sqrt(squares / len(y))))


def polynomial_rmse(latents: np.ndarray, truth: np.ndarray, degree: int) -> float:
    """RMSE per coordinate after the least-squares polynomial map of a degree; degree 1 is `align`.

    The part of the error that vanishes with growing degree is curvature of the latent space; the rest is inference
    error.
    """
    x = latents.reshape(-1, latents.shape[-1]).astype(np.float64)
    y = truth.reshape(-1, truth.shape[-1]).astype(np.float64)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    powers = itertools.product(range(degree + 1), repeat=x.shape[1])
    design = np.stack([np.prod(x**exponents, axis=1) for exponents in powers if sum(exponents) <= degree], axis=1)
    solution, *_ = np.linalg.lstsq(design, y, rcond=None)
    return float(np.sqrt(np.mean(np.square(design @ solution - y))))

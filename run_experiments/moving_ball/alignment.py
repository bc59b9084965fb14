"""Latents are known up to an affine map; compare them with a known truth after the best one."""

import itertools
from typing import NamedTuple

import numpy as np


class Alignment(NamedTuple):
    """The least-squares affine map from latents to truth, one for all series, and what is left."""

    matrix: np.ndarray
    """(L, d)."""
    offset: np.ndarray
    """(d,)."""
    rmse: float
    """Per coordinate: sqrt(sum of squared residuals / (points * d))."""
    rmse_per_point: float
    """sqrt(sum of squared residuals / points)."""

    def __call__(self, latents: np.ndarray) -> np.ndarray:
        """Map latents (..., L) into the truth's space (..., d)."""
        return latents @ self.matrix + self.offset

    def covariances(self, variances: np.ndarray) -> np.ndarray:
        """Covariances (..., d, d) of mapped latents with independent variances (..., L)."""
        return np.einsum("ld,...l,le->...de", self.matrix, variances, self.matrix)


def align(latents: np.ndarray, truth: np.ndarray) -> Alignment:
    """Fit latents (..., L) to truth (..., d) by rotation, scale, shear and shift.

    Raises:
        ValueError: if the leading shapes differ or there are fewer points than unknowns.
    """
    if latents.shape[:-1] != truth.shape[:-1]:
        raise ValueError(f"latents {latents.shape} and truth {truth.shape} differ in their leading axes")
    x = latents.reshape(-1, latents.shape[-1]).astype(np.float64)
    y = truth.reshape(-1, truth.shape[-1]).astype(np.float64)
    if len(x) <= x.shape[1]:
        raise ValueError(f"{len(x)} points cannot fix an affine map of {x.shape[1]} latents")
    design = np.column_stack([x, np.ones(len(x))])
    solution, *_ = np.linalg.lstsq(design, y, rcond=None)
    squares = float(np.sum(np.square(design @ solution - y)))
    return Alignment(solution[:-1], solution[-1], float(np.sqrt(squares / y.size)), float(np.sqrt(squares / len(y))))


def polynomial_rmse(latents: np.ndarray, truth: np.ndarray, degree: int) -> float:
    """RMSE per coordinate after the best polynomial map of a degree; degree 1 is `align`.

    What falls with the degree is curvature of the latent space; what stays is error of inference.
    """
    x = latents.reshape(-1, latents.shape[-1]).astype(np.float64)
    y = truth.reshape(-1, truth.shape[-1]).astype(np.float64)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    powers = itertools.product(range(degree + 1), repeat=x.shape[1])
    design = np.stack([np.prod(x**exponents, axis=1) for exponents in powers if sum(exponents) <= degree], axis=1)
    solution, *_ = np.linalg.lstsq(design, y, rcond=None)
    return float(np.sqrt(np.mean(np.square(design @ solution - y))))

"""Golden numbers of the original program: hand-sized examples in `golden.json`, a random case in `golden.npz`.

Differences to expect. The original adds an absolute jitter inside inverses and log determinants only, the package once
to K_mm and relative to its mean diagonal. So `mu`, `A` and everything with log|A| (the KL) differ by the order of the
jitter over the smallest eigenvalue of A, while moments at data and new inputs agree to rounding.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

_HERE = Path(__file__).parent


def worked(name: str) -> dict[str, Any]:
    """A worked example, its lists as arrays."""
    section = json.loads((_HERE / "golden.json").read_text(encoding="utf-8"))[name]
    return {key: np.array(value) if isinstance(value, list) else value for key, value in section.items()}


def random() -> dict[str, np.ndarray]:
    """The random case, all in float64."""
    with np.load(_HERE / "golden.npz", allow_pickle=False) as file:
        return {key: file[key] if file[key].dtype.kind in "iU" else file[key].astype(np.float64) for key in file.files}


def symmetric(upper_triangle: np.ndarray) -> np.ndarray:
    """The symmetric matrix with this upper triangle, given row by row."""
    size = int(np.sqrt(2 * len(upper_triangle)))
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size)] = upper_triangle
    return matrix + np.triu(matrix, 1).T


def deviation(value: Any, reference: Any) -> float:
    """The largest difference, relative to the reference's largest magnitude."""
    value, reference = np.asarray(value, np.float64), np.asarray(reference, np.float64)
    assert value.shape == reference.shape, f"{value.shape} against {reference.shape}"
    return float(np.max(np.abs(value - reference)) / np.max(np.abs(reference)))

"""The regularisers of the sparse and the exact GP in decimal arithmetic, for problems at the limits of float64."""

import decimal
from collections.abc import Callable
from decimal import Decimal

import numpy as np

DIGITS = 70
STEP = Decimal(10) ** -20
"""Of central differences, whose error is its square."""


def exactly(values) -> np.ndarray:
    """The very numbers that floats are, as decimals."""
    return np.vectorize(Decimal, otypes=[object])(np.asarray(values, np.float64))


def log(values: np.ndarray) -> np.ndarray:
    return np.vectorize(lambda value: value.ln(), otypes=[object])(values)


def squared_exponential(x: np.ndarray, y: np.ndarray, log_length: Decimal, variance: Decimal) -> np.ndarray:
    scaled = (x[:, None] - y[None, :]) / log_length.exp()
    return np.vectorize(lambda r: variance * (-r * r / 2).exp(), otypes=[object])(scaled)


def cholesky(matrix: np.ndarray) -> np.ndarray:
    factor = np.full(matrix.shape, Decimal(0), dtype=object)
    for j in range(len(matrix)):
        factor[j, j] = (matrix[j, j] - factor[j, :j] @ factor[j, :j]).sqrt()
        factor[j + 1 :, j] = (matrix[j + 1 :, j] - factor[j + 1 :, :j] @ factor[j, :j]) / factor[j, j]
    return factor


def solve_lower(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    solution = np.array(right, dtype=object)
    for i in range(len(factor)):
        solution[i] = (solution[i] - factor[i, :i] @ solution[:i]) / factor[i, i]
    return solution


def sparse_kl(x, z, y, s2, scale: float, jitter: float) -> Callable[[Decimal, Decimal], Decimal]:
    """KL(q(f_m) || p(f_m)) of eq. 10 as a function of the log length scale and the kernel's variance."""
    x, z, y, s2 = (exactly(a) for a in (x, z, y, s2))
    c, ridge = Decimal(scale), Decimal(jitter)

    def kl(log_length: Decimal, variance: Decimal) -> Decimal:
        identity = np.vectorize(Decimal, otypes=[object])(np.eye(len(z), dtype=int))
        chol = cholesky(squared_exponential(z, z, log_length, variance) + ridge * variance * identity)
        v = solve_lower(chol, squared_exponential(z, x, log_length, variance))
        of_b = cholesky(identity + c * ((v / s2) @ v.T))
        root = solve_lower(of_b, identity)
        mean = c * (root.T @ (root @ (v @ (y / s2))))
        return (mean @ mean + (root * root).sum() - len(z) + 2 * log(np.diag(of_b)).sum()) / 2

    return kl


def exact_regulariser(x, y, s2) -> Callable[[Decimal, Decimal], Decimal]:
    """E_q[log q~] - log Z of eq. 2 as a function of the log length scale and the kernel's variance."""
    x, y, s2 = (exactly(a) for a in (x, y, s2))

    def value(log_length: Decimal, variance: Decimal) -> Decimal:
        k = squared_exponential(x, x, log_length, variance)
        chol = cholesky(k + np.diag(s2))
        half, white = solve_lower(chol, k), solve_lower(chol, y)
        mean, spread = half.T @ white, np.diag(k) - (half * half).sum(axis=0)
        # the terms with 2 pi cancel
        cross_entropy = -(log(s2) + ((y - mean) ** 2 + spread) / s2).sum() / 2
        return cross_entropy + (white @ white) / 2 + log(np.diag(chol)).sum()

    return value


def with_derivatives(function: Callable, length_scale: float, variance: float) -> tuple[float, float, float]:
    """The value, and its derivatives with respect to the logs of the length scale and of the variance."""
    with decimal.localcontext() as context:
        context.prec = DIGITS
        at, amount = Decimal(length_scale).ln(), Decimal(variance)
        of_length = (function(at + STEP, amount) - function(at - STEP, amount)) / (2 * STEP)
        grown, shrunk = amount * STEP.exp(), amount * (-STEP).exp()
        of_variance = (function(at, grown) - function(at, shrunk)) / (2 * STEP)
        return float(function(at, amount)), float(of_length), float(of_variance)

"""The sparse and the exact GP in decimal arithmetic, for problems at the limits of float64.

With Q = K_nm K_mm^-1 K_mn the sparse posterior is that of a GP whose covariance is Q except for the prior variances,
and the exact GP is the case Q = K_nn; so one dense conditioning on n data does for both. It has nothing in common with
the package's algebra: no whitening, no statistics, no B. Derivatives are differences. What rounding costs is made up
for with digits.

A model is a chain of stages, and what passes from one to the next may be given the rounding errors of float64: how far
that moves the result is what no computation with these numbers in float64 can do better than.
"""

import decimal
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import numpy as np

DIGITS = 80
STEP = Decimal(10) ** -30
"""Of differences."""
HALF_ULP = Decimal(2) ** -53
"""The largest relative error that rounding to float64 makes."""
LOG_2PI = Decimal(
    "1.83787706640934548356065947281123527972279494727556682563430308096553139185452079538948659727190840"
)


class Problem(NamedTuple):
    """A latent data set of one channel under a squared exponential kernel; floats, or decimals after `exactly`."""

    z: np.ndarray
    """Inducing points, shape (m, D)."""
    log_length: float
    log_amplitude: float
    y: np.ndarray
    """Shape (n,)."""
    s2: np.ndarray
    """Shape (n,)."""
    x: np.ndarray
    """Shape (n, D)."""
    new: np.ndarray
    """New inputs, shape (r, D)."""
    scale: float
    """c = N/b."""


Arrays = tuple[np.ndarray, ...]
Outputs = dict[str, np.ndarray]
"""Quantities by name, each of shape (n,), (r,) or ()."""
Stage = Callable[[Arrays, Problem], Arrays]
"""From what the stage before gave, and the problem in decimals."""


def _elementwise(function: Callable) -> Callable[..., np.ndarray]:
    return np.vectorize(function, otypes=[object])


exactly = _elementwise(Decimal)
"""The very numbers that floats are, as decimals."""
log = _elementwise(Decimal.ln)


def identity(size: int) -> np.ndarray:
    return exactly(np.eye(size))


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


def gram(x: np.ndarray, z: np.ndarray, p: Problem) -> np.ndarray:
    """The squared exponential kernel between x (n, D) and z (m, D)."""
    squares = ((x[:, None, :] - z[None, :, :]) ** 2).sum(axis=-1)
    factor = -(-2 * p.log_length).exp() / 2
    return _elementwise(lambda square: (2 * p.log_amplitude + factor * square).exp())(squares)


def symmetric_gram(x: np.ndarray, p: Problem) -> np.ndarray:
    """`gram` of x and x, from one triangle."""
    matrix = np.full((len(x), len(x)), Decimal(0), dtype=object)
    for i in range(len(x)):
        matrix[i, : i + 1] = matrix[: i + 1, i] = gram(x[i : i + 1], x[: i + 1], p)[0]
    return matrix


def prior_variances(x: np.ndarray, p: Problem) -> np.ndarray:
    return np.full(len(x), (2 * p.log_amplitude).exp(), dtype=object)


# The sparse GP: kernels, Q, outputs


def sparse_kernels(_: Arrays, p: Problem) -> Arrays:
    """K_mm, and K_m. and prior variances at the data and the new inputs."""
    x = np.concatenate([p.x, p.new])
    return symmetric_gram(p.z, p), gram(p.z, x, p), prior_variances(x, p)


def whiten(kernels: Arrays, jitter: float) -> Arrays:
    """V = L_m^-1 K_m. and the prior variances, with a jitter relative to the mean diagonal of K_mm."""
    kmm, kmx, prior_variance = kernels
    ridge = Decimal(jitter) * kmm.trace() / len(kmm)
    return solve_lower(cholesky(kmm + ridge * identity(len(kmm))), kmx), prior_variance


def nystrom(kernels: Arrays, p: Problem, jitter: float) -> Arrays:
    """Q_nn, Q_nr and the prior variances."""
    v, prior_variance = whiten(kernels, jitter)
    n = len(p.y)
    return v[:, :n].T @ v[:, :n], v[:, :n].T @ v[:, n:], prior_variance


class Conditioned(NamedTuple):
    """What follows from conditioning on the data."""

    mean: np.ndarray
    """At the data and the new inputs, shape (n + r,)."""
    variance: np.ndarray
    kl: Decimal
    """From prior to posterior."""
    evidence: Decimal
    """log N(y | 0, Q_nn + Omega)."""


def condition(covariances: Arrays, y: np.ndarray, s2: np.ndarray) -> Conditioned:
    """All from one factor of Q_nn + Omega.

    With posterior moments (mu, Q_nn - P) of the process whose covariance is Q,

        KL = sum_i [ (mu_i (y_i - mu_i) - q_ii + p_ii) / s2_i - log s2_i ] / 2 + log|Q_nn + Omega| / 2
    """
    of_data, of_new, prior_variance = covariances
    chol = cholesky(of_data + np.diag(s2))
    half, white = solve_lower(chol, np.concatenate([of_data, of_new], axis=1)), solve_lower(chol, y)
    mean, explained = white @ half, (half * half).sum(axis=0)
    n, log_root = len(y), log(chol.diagonal()).sum()
    at_data = mean[:n] * (y - mean[:n]) - of_data.diagonal() + explained[:n]
    kl = (at_data / s2 - log(s2)).sum() / 2 + log_root
    return Conditioned(mean, prior_variance - explained, kl, -(white @ white + n * LOG_2PI) / 2 - log_root)


def sparse_outputs(covariances: Arrays, p: Problem) -> Outputs:
    """Posterior at the data and KL for c = N/b, Titsias' bound and regulariser, predictions from these data alone."""
    n, (of_data, _, prior_variance) = len(p.y), covariances
    batch, alone = condition(covariances, p.y, p.s2 / p.scale), condition(covariances, p.y, p.s2)
    bound = alone.evidence - ((prior_variance[:n] - of_data.diagonal()) / p.s2).sum() / 2
    return _sparse_outputs(p, batch.mean, batch.variance, batch.kl, bound, alone.mean, alone.variance)


def _sparse_outputs(p: Problem, mean, variance, kl, bound, mean_alone, variance_alone) -> Outputs:
    n = len(p.y)
    mean, variance = mean[:n], variance[:n]
    cross_entropy = -(LOG_2PI + log(p.s2) + ((p.y - mean) ** 2 + variance) / p.s2).sum() / 2
    return {
        "mean": mean,
        "variance": variance,
        "kl": np.asarray(kl),
        "titsias bound": np.asarray(bound),
        "titsias kl": np.asarray(cross_entropy - bound),
        "new mean": mean_alone[n:],
        "new variance": variance_alone[n:],
    }


# The same in the package's form, to give its statistics rounding errors: kernels, V, statistics, outputs


def statistics(whitened: Arrays, p: Problem) -> Arrays:
    """S = V Omega^-1 V^T, s = V Omega^-1 y, V and the prior variances."""
    v, prior_variance = whitened
    of_data = v[:, : len(p.y)]
    return (of_data / p.s2) @ of_data.T, of_data @ (p.y / p.s2), v, prior_variance


def statistics_outputs(stats: Arrays, p: Problem) -> Outputs:
    """`sparse_outputs` from `statistics`."""
    precision, information, v, prior_variance = stats
    n, m = len(p.y), len(v)

    def posterior(scale):
        chol = cholesky(scale * precision + identity(m))
        half, white = solve_lower(chol, v), scale * solve_lower(chol, information)
        return chol, white, white @ half, prior_variance - (v * v).sum(axis=0) + (half * half).sum(axis=0)

    chol, white, mean, variance = posterior(p.scale)
    root = solve_lower(chol, identity(m))
    weights = white @ root
    kl = (weights @ weights + (root * root).sum() - m) / 2 + log(chol.diagonal()).sum()
    chol, white, mean_alone, variance_alone = posterior(1)
    quadratic = (p.y * p.y / p.s2).sum() - white @ white + (prior_variance[:n] / p.s2).sum() - precision.trace()
    bound = -(n * LOG_2PI + log(p.s2).sum() + quadratic) / 2 - log(chol.diagonal()).sum()
    return _sparse_outputs(p, mean, variance, kl, bound, mean_alone, variance_alone)


# The exact GP: kernels, outputs


def exact_kernels(_: Arrays, p: Problem) -> Arrays:
    """K_nn, K_nr and the prior variances at the new inputs."""
    return symmetric_gram(p.x, p), gram(p.x, p.new, p), prior_variances(p.new, p)


def exact_outputs(kernels: Arrays, p: Problem) -> Outputs:
    """Posterior at the data, KL, log marginal likelihood, predictions."""
    k_nn, k_nr, k_new = kernels
    n, q = len(p.y), condition((k_nn, k_nr, np.concatenate([k_nn.diagonal(), k_new])), p.y, p.s2)
    return {
        "mean": q.mean[:n],
        "variance": q.variance[:n],
        "kl": np.asarray(q.kl),
        "evidence": np.asarray(q.evidence),
        "new mean": q.mean[n:],
        "new variance": q.variance[n:],
    }


def exact_problem(p: Problem) -> Problem:
    return Problem(*(exactly(value) if np.ndim(value) else Decimal(value) for value in p))


class Model(NamedTuple):
    """A chain of stages."""

    of_kernel: tuple[Stage, ...]
    """Those that do not depend on y and s2."""
    of_data: tuple[Stage, ...]
    outputs: Callable[[Arrays, Problem], Outputs]


def sparse(jitter: float) -> Model:
    return Model((sparse_kernels, lambda kernels, p: nystrom(kernels, p, jitter)), (), sparse_outputs)


def sparse_by_statistics(jitter: float) -> Model:
    return Model((sparse_kernels, lambda kernels, _: whiten(kernels, jitter)), (statistics,), statistics_outputs)


def exact() -> Model:
    return Model((exact_kernels,), (), exact_outputs)


class Rounding:
    """Relative errors of half an ulp and random signs in arrays and, independently, in their derivatives."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def __call__(self, here: Arrays, there: dict[str, Arrays]) -> tuple[Arrays, dict[str, Arrays]]:
        """What a stage gave at the problem, and a step away from it in each direction."""
        rounded = tuple(self._errors(array) * array for array in here)
        moved = {
            field: tuple(
                new + self._errors(array) * (ahead - array)
                for new, array, ahead in zip(rounded, here, arrays, strict=True)
            )
            for field, arrays in there.items()
        }
        return rounded, moved

    def _errors(self, array: np.ndarray) -> np.ndarray:
        signs = self._rng.choice([-1, 1], size=array.shape)
        if array.ndim == 2 and array.shape[0] == array.shape[1] and (array == array.T).all():
            signs = np.tril(signs) + np.tril(signs, -1).T
        return 1 + HALF_ULP * exactly(signs)


def with_derivatives(
    model: Model, p: Problem, directions: dict[str, np.ndarray], rounding: Rounding | None = None, num_rounded: int = 0
) -> tuple[Outputs, dict[str, Outputs]]:
    """The outputs, and their derivatives along one direction for each named field of the problem.

    Args:
        model: the sparse or the exact GP.
        p: in floats.
        directions: by field, of the field's shape; of s2 it is a direction of its logarithm.
        rounding: errors for what the first stages give; None for none.
        num_rounded: how many stages these are.
    """
    with decimal.localcontext() as context:
        context.prec = DIGITS
        p = exact_problem(p)
        steps = {field: STEP * exactly(direction) for field, direction in directions.items()}
        if "s2" in steps:
            steps["s2"] = p.s2 * steps["s2"]
        moved = {field: p._replace(**{field: getattr(p, field) + step}) for field, step in steps.items()}
        here, there = (), dict.fromkeys(directions, ())
        for number, stage in enumerate((*model.of_kernel, *model.of_data)):
            unmoved = ("y", "s2") if number < len(model.of_kernel) else ()
            now = stage(here, p)
            there = {f: now if f in unmoved else stage(there[f], moved[f]) for f in directions}
            here = now
            if number < num_rounded:
                here, there = rounding(here, there)
        outputs = model.outputs(here, p)
        ahead = {field: model.outputs(there[field], moved[field]) for field in directions}
        slopes = {f: in_floats({key: (ahead[f][key] - outputs[key]) / STEP for key in outputs}) for f in directions}
        return in_floats(outputs), slopes


def in_floats(outputs: Outputs) -> Outputs:
    return {name: np.asarray(value, dtype=np.float64) for name, value in outputs.items()}

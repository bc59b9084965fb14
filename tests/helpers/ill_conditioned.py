"""Random problems at the limits of float64, and how far the priors' results are from those in decimals."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from svgp_vae_tf import kernels, priors
from svgp_vae_tf.gp import linalg, sparse
from svgp_vae_tf.priors import LatentData
from tests.reference import decimals
from tests.reference.decimals import Problem

VALUE_TOLERANCE, GRADIENT_TOLERANCE = 1e-6, 1e-5
ALLOWANCE = 32.0
"""How many times the response to single rounding errors is granted: an entry of a kernel alone takes about ten, and
sums have up to a hundred terms."""
NUM_ROUNDINGS = 2
"""Sets of rounding errors from which a response is the largest."""


def log_uniform(rng, low: float, high: float, size=None):
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def random_problem(seed: int, max_inducing: int = 100, max_data: int = 40) -> Problem:
    """Half of the inducing points beside others, length scales to 100 times the spread of the inputs, N/b to 1e6."""
    rng = np.random.default_rng(seed)
    n, dimension = int(rng.integers(max_data // 2, max_data + 1)), int(rng.integers(1, 4))
    m = int(np.exp(rng.uniform(np.log(max_inducing / 10.0), np.log(max_inducing + 1))))
    x, z = rng.normal(size=(n, dimension)), rng.normal(size=(m, dimension))
    if rng.random() < 0.3:
        z = x[rng.integers(n, size=m)]  # at data, and many times at the same
    beside = m - m // 2
    z[m // 2 :] = z[rng.integers(max(m // 2, 1), size=beside)] + log_uniform(rng, 1e-12, 1e-2) * rng.normal(
        size=(beside, dimension)
    )
    s2 = log_uniform(rng, 1e-6, log_uniform(rng, 1e-5, 1.0), n)
    signal = np.sin(x.sum(axis=-1)) if rng.random() < 0.5 else rng.normal(size=n)
    num_data = max(int(n * log_uniform(rng, 1.0, 1e6)), m, n)
    return Problem(
        z=z,
        log_length=float(np.log(log_uniform(rng, 0.3, 100.0))),
        log_amplitude=float(np.log(log_uniform(rng, 0.1, 10.0))),
        y=signal + np.sqrt(s2) * rng.normal(size=n),
        s2=s2,
        x=x,
        new=rng.normal(size=(5, dimension)) * log_uniform(rng, 0.1, 3.0),
        scale=num_data / n,
    )


def kernel_of(p: Problem) -> kernels.Kernel:
    kernel = kernels.SquaredExponential(length_scale=1.0, amplitude=1.0)
    for weight in kernel.weights:
        weight.assign({"log_length_scale": p.log_length, "log_amplitude": p.log_amplitude}[weight.name])
    return kernel


def sparse_prior(p: Problem) -> priors.SparseGP:
    return priors.SparseGP(kernel_of(p), p.z, num_data=round(p.scale * len(p.y)), inducing_scale=1.0)


def exact_prior(p: Problem) -> priors.ExactGP:
    return priors.ExactGP(kernel_of(p), num_data=len(p.y))


def sparse_outputs(prior: priors.SparseGP, data: LatentData, new: np.ndarray) -> dict[str, tf.Tensor]:
    """The quantities of `decimals.sparse_outputs`."""
    prior.bound = "hensman"
    q, stats = prior(data), prior.statistics(data)
    predicted = prior.posterior(stats).predict(tf.constant(new))
    prior.bound = "titsias"
    n = tf.cast(tf.shape(data.mean)[0], tf.float64)
    return {
        "mean": q.mean[:, 0],
        "variance": q.variance[:, 0],
        "kl": q.kl * prior.num_data,
        "titsias bound": sparse.titsias_bound(stats, prior.kernel.diagonal(data.x), data.y, data.s2)[0],
        "titsias kl": prior(data).kl * n,
        "new mean": predicted[0][:, 0],
        "new variance": predicted[1][:, 0],
    }


def exact_outputs(prior: priors.ExactGP, data: LatentData, new: np.ndarray) -> dict[str, tf.Tensor]:
    """The quantities of `decimals.exact_outputs`."""
    q, predicted = prior(data), prior.posterior(prior.statistics(data)).predict(tf.constant(new))
    return {
        "mean": q.mean[:, 0],
        "variance": q.variance[:, 0],
        "kl": q.kl * prior.num_data,
        "evidence": prior.log_marginal_likelihood(data),
        "new mean": predicted[0][:, 0],
        "new variance": predicted[1][:, 0],
    }


class Model(NamedTuple):
    """A prior and its counterpart in decimals."""

    prior: Callable[[Problem], priors.Prior]
    outputs: Callable[..., dict[str, tf.Tensor]]
    fields: tuple[str, ...]
    """Of the problem, with respect to which to differentiate."""
    decimals: decimals.Model
    roundings: dict[str, tuple[decimals.Model, int]]
    """What cannot be known better than to half an ulp: by name, a chain and how many stages of it are rounded."""


SPARSE, BY_STATISTICS = decimals.sparse(linalg.JITTER), decimals.sparse_by_statistics(linalg.JITTER)
MODELS = {
    "sparse": Model(
        sparse_prior, sparse_outputs, ("y", "s2", "z", "log_length", "log_amplitude"),
        SPARSE, {"kernels": (SPARSE, 1), "statistics": (BY_STATISTICS, 3)},
    ),
    "exact": Model(
        exact_prior, exact_outputs, ("y", "s2", "log_length", "log_amplitude"),
        decimals.exact(), {"kernels": (decimals.exact(), 1)},
    ),
}  # fmt: skip
KERNEL_FIELDS = {"inducing_points": "z", "log_length_scale": "log_length", "log_amplitude": "log_amplitude"}


class Comparison(NamedTuple):
    """One quantity of one problem, or the gradient of a linear combination of it with respect to one field."""

    seed: int
    model: str
    quantity: str
    field: str | None
    """None for the value."""
    error: float
    responses: dict[str, float]
    """How far rounding errors in the kernels, or in the statistics, move it; empty where nobody had to ask."""

    @property
    def verdict(self) -> str:
        """Whether it is within tolerance, or what excuses it, or that nothing does."""
        if self.error <= (VALUE_TOLERANCE if self.field is None else GRADIENT_TOLERANCE):
            return "within tolerance"
        excuses = [name for name, response in self.responses.items() if self.error <= ALLOWANCE * response]
        return excuses[0] if excuses else "failed"

    def __str__(self) -> str:
        of = "value" if self.field is None else f"gradient in {self.field}"
        return f"problem {self.seed}, {self.model} {self.quantity}, {of}: {self.error:.1e}, {self.responses}"


class Results(NamedTuple):
    """Quantities by name, and by (name, field) the slopes of their linear combinations along a direction."""

    values: dict[str, np.ndarray]
    slopes: dict[tuple[str, str], float]


def in_decimals(chain, p: Problem, directions, weights=None, *rounding) -> tuple[Results, dict[str, np.ndarray]]:
    """The results, and the weights of the linear combinations, random if not given."""
    values, slopes = decimals.with_derivatives(chain, p, directions, *rounding)
    if weights is None:
        rng = np.random.default_rng(len(p.y))
        weights = {key: rng.normal(size=x.shape) for key, x in values.items()}
    keys = [key for key in values if not is_prediction(key)]
    sums = {(key, field): float(np.sum(weights[key] * slopes[field][key])) for key in keys for field in slopes}
    return Results(values, sums), weights


def in_float64(model: Model, p: Problem, directions, weights) -> tuple[Results, dict[tuple[str, str], float]]:
    """The results, and the norms of the gradients."""
    prior = model.prior(p)
    at = {KERNEL_FIELDS[weight.name]: weight.value for weight in prior.trainable_variables}
    at |= {"y": tf.constant(p.y[:, None]), "s2": tf.constant(p.s2[:, None])}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([at["y"], at["s2"]])
        outputs = model.outputs(prior, LatentData(tf.constant(p.x), at["y"], at["s2"]), p.new)
        sums = {key: tf.reduce_sum(weights[key] * x) for key, x in outputs.items() if not is_prediction(key)}
    slopes, norms = {}, {}
    for key, value in sums.items():
        gradients = tape.gradient(value, at, unconnected_gradients="zero")
        gradients["s2"] *= at["s2"]  # of its logarithm
        for field, direction in directions.items():
            gradient = np.reshape(gradients[field], np.shape(direction))
            slopes[key, field], norms[key, field] = float(np.sum(gradient * direction)), np.linalg.norm(gradient)
    return Results({key: value.numpy() for key, value in outputs.items()}, slopes), norms


def is_prediction(name: str) -> bool:
    """Whether only the values matter: no objective contains predictions at new inputs."""
    return name.startswith("new")


def errors(results: Results, true: Results, norms) -> dict[tuple[str, str | None], float]:
    """By quantity and field: of every variance relative to itself, of means relative to the largest, and of a slope
    along a direction of random signs relative to the norm of the gradient, so that on average it is the gradient's own.
    """
    found = {}
    for key, value in true.values.items():
        scale = np.abs(value) if key.endswith("variance") else np.max(np.abs(value))
        found[key, None] = float(np.max(np.abs(results.values[key] - value) / scale))
    for at, slope in true.slopes.items():
        error = abs(results.slopes[at] - slope)
        found[at] = float(error / norms[at]) if error > 0.0 else 0.0
    return found


def compare(name: str, p: Problem, seed: int = 0) -> list[Comparison]:
    """All quantities and gradients of one model."""
    model, rng = MODELS[name], np.random.default_rng(seed)
    directions = {field: rng.choice([-1.0, 1.0], size=np.shape(getattr(p, field))) for field in model.fields}
    true, weights = in_decimals(model.decimals, p, directions)
    ours, norms = in_float64(model, p, directions, weights)
    comparisons = [Comparison(seed, name, *at, error, {}) for at, error in errors(ours, true, norms).items()]
    for source, (chain, num_rounded) in model.roundings.items():
        failed = [c for c in comparisons if c.verdict == "failed"]
        for number in range(NUM_ROUNDINGS if failed else 0):
            rounding = decimals.Rounding(number), num_rounded
            moved = errors(in_decimals(chain, p, directions, weights, *rounding)[0], true, norms)
            for c in failed:
                c.responses[source] = max(c.responses.get(source, 0.0), moved[c.quantity, c.field])
    return comparisons


def compare_random(seeds: Sequence[int], **sizes) -> list[Comparison]:
    """All of `MODELS` for random problems."""
    return [c for seed in seeds for name in MODELS for c in compare(name, random_problem(seed, **sizes), seed)]


def summary(comparisons: list[Comparison]) -> str:
    """A line for each quantity and gradient: errors, and how many are beyond the tolerance and why."""
    lines = [f"{'':45}   median    worst  beyond: kernels statistics failed"]
    for kind in dict.fromkeys((c.model, c.quantity, c.field) for c in comparisons):
        of_kind = [c for c in comparisons if (c.model, c.quantity, c.field) == kind]
        found = [c.error for c in of_kind]
        counts = [sum(c.verdict == verdict for c in of_kind) for verdict in ("kernels", "statistics", "failed")]
        label = "{:6} {:14} {}".format(kind[0], kind[1], "value" if kind[2] is None else f"gradient in {kind[2]}")
        numbers = "{:15d} {:10d} {:6d}".format(*counts)
        lines.append(f"{label:45} {np.median(found):8.1e} {np.max(found):8.1e} {numbers}")
    for verdict in ("kernels", "statistics", "failed"):
        problems = {c.seed for c in comparisons if c.verdict == verdict}
        lines.append(f"{len(problems)} problems with a quantity or gradient beyond its tolerance: {verdict}")
    return "\n".join(lines)

"""Examples of every kernel, each with the function that it must compute."""

import numpy as np
import tensorflow as tf

from svgp_vae_tf.kernels import (
    Constant,
    Kernel,
    Linear,
    Matern12,
    Matern32,
    Matern52,
    NormalizedLinear,
    Periodic,
    RationalQuadratic,
    SquaredExponential,
    TFPKernel,
    White,
)
from tests.reference import oracles

ARD = [0.5, 2.0, 1.3]

# one per line: a kernel on three columns, and the function it must compute
CASES = {
    "squared_exponential": (lambda **kw: SquaredExponential(0.7, 1.3, **kw), oracles.squared_exponential(0.7, 1.3)),
    "squared_exponential_plain": (lambda **kw: SquaredExponential(**kw), oracles.squared_exponential(1.0)),
    "squared_exponential_ard": (lambda **kw: SquaredExponential(ARD, **kw), oracles.squared_exponential(ARD)),
    "matern12": (lambda **kw: Matern12(0.7, 1.3, **kw), oracles.matern12(0.7, 1.3)),
    "matern12_ard": (lambda **kw: Matern12(ARD, 1.3, **kw), oracles.matern12(ARD, 1.3)),
    "matern32": (lambda **kw: Matern32(0.7, 1.3, **kw), oracles.matern32(0.7, 1.3)),
    "matern32_ard": (lambda **kw: Matern32(ARD, **kw), oracles.matern32(ARD)),
    "matern52": (lambda **kw: Matern52(0.7, 1.3, **kw), oracles.matern52(0.7, 1.3)),
    "matern52_ard": (lambda **kw: Matern52(ARD, **kw), oracles.matern52(ARD)),
    "rational_quadratic": (lambda **kw: RationalQuadratic(0.7, 1.3, 0.6, **kw), oracles.rational_quadratic(0.7, 1.3, 0.6)),  # noqa: E501
    "rational_quadratic_ard": (lambda **kw: RationalQuadratic(ARD, **kw), oracles.rational_quadratic(ARD)),
    "periodic": (lambda **kw: Periodic(2.5, 0.7, 1.3, **kw), oracles.periodic(2.5, 0.7, 1.3)),
    "periodic_two_pi": (lambda **kw: Periodic(**kw), oracles.periodic(2.0 * np.pi, 1.0)),
    "linear": (lambda **kw: Linear(1.3, 0.4, **kw), oracles.linear(1.3, 0.4)),
    "linear_plain": (lambda **kw: Linear(**kw), oracles.linear()),
    "normalized_linear": (lambda **kw: NormalizedLinear(1.3, 0.4, **kw), oracles.normalized_linear(1.3, 0.4)),
    "normalized_linear_plain": (lambda **kw: NormalizedLinear(**kw), oracles.normalized_linear()),
    "constant": (lambda **kw: Constant(1.3, **kw), oracles.constant(1.3)),
    "white": (lambda **kw: White(1.3, **kw), oracles.white(1.3)),
    "wrapped": (
        lambda **kw: TFPKernel("GammaExponential", {"amplitude": 1.3, "length_scale": 0.7}, {"power": 0.8}, **kw),
        oracles.gamma_exponential(0.7, 1.3, 0.8),
    ),
    "wrapped_ard": (
        lambda **kw: TFPKernel("GammaExponential", {"amplitude": 1.3}, {"power": 0.8}, scales=ARD, **kw),
        oracles.gamma_exponential(ARD, 1.3, 0.8),
    ),
}  # fmt: skip
COMPOSITES = {
    "sum": (
        lambda: Matern32(0.7) + Linear(1.3) + White(0.2),
        oracles.plus(oracles.matern32(0.7), oracles.linear(1.3), oracles.white(0.2)),
    ),
    "product": (
        lambda: Periodic(2.5, columns=[0]) * Linear(columns=[1, 2]),
        oracles.times(oracles.on_columns(oracles.periodic(2.5, 1.0), [0]), oracles.on_columns(oracles.linear(), [1, 2])),  # noqa: E501
    ),
    "sum_of_products": (
        lambda: SquaredExponential(0.7, columns=[2]) * Constant(1.3) + NormalizedLinear(columns=[0, 1]) * Matern12(),
        oracles.plus(
            oracles.times(oracles.on_columns(oracles.squared_exponential(0.7), [2]), oracles.constant(1.3)),
            oracles.times(oracles.on_columns(oracles.normalized_linear(), [0, 1]), oracles.matern12(1.0)),
        ),
    ),
    "product_of_a_sum": (
        lambda: (RationalQuadratic(ARD) + Constant(0.5)) * Matern52(0.9),
        oracles.times(oracles.plus(oracles.rational_quadratic(ARD), oracles.constant(0.5)), oracles.matern52(0.9)),
    ),
}  # fmt: skip
ALL = {**{name: make for name, (make, _) in CASES.items()}, **{name: make for name, (make, _) in COMPOSITES.items()}}


def points(n: int, dimension: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, dimension))


def all_parts(kernel: Kernel) -> list[Kernel]:
    return [kernel, *(part for child in getattr(kernel, "kernels", []) for part in all_parts(child))]


def raw_parameters(kernel: Kernel) -> dict[str, tf.Variable]:
    return {f"{i}.{name}": raw.value for i, part in enumerate(all_parts(kernel)) for name, raw in part._raw.items()}

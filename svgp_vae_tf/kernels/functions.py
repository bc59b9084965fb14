"""Draws of functions from a GP prior that can be evaluated anywhere, at O(n) for n inputs.

A kernel is a sum of products of simple kernels, its terms. In a term, with a^2 the product of the variances,

* stationary kernels have a spectral density: k(x, z) = a^2 E[cos w.(x - z)] for random frequencies w (Bochner). The
  product of two has the sum of independent frequencies. R of them give 2R features cos(w.x), sin(w.x), whose inner
  products estimate k without bias;
* linear and constant kernels have finitely many features phi, with k(x, z) = <phi(x), phi(z)> exactly;
* white noise is a random number for each distinct input.

A draw is a combination of the features with standard normal weights. Each draw has frequencies of its own, so its mean
and covariance over draws are those of the prior, however small R is; R decides how close a draw is to Gaussian. What
precise data leave open of a rough function are its high frequencies, which its spectral density gives rarely. A
quarter of the frequencies of Matern kernels therefore comes from a Cauchy distribution, and all are weighted by the
ratio of the spectral density to the mixture.

Sources: Rahimi and Recht (2008), "Random Features for Large-Scale Kernel Machines"; Rasmussen and Williams (2006),
chapter 4, for the spectral densities. That of the periodic kernel is discrete: its frequencies are 2 pi (j - k) / p
with independent j, k ~ Poisson(1 / (2 l^2)), because j - k has the characteristic function exp((cos t - 1) / l^2).
"""

import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from svgp_vae_tf.gp import linalg
from svgp_vae_tf.kernels.base import Kernel, Product, Sum
from svgp_vae_tf.kernels.linear import Linear, NormalizedLinear
from svgp_vae_tf.kernels.periodic import Periodic
from svgp_vae_tf.kernels.static import Constant, White
from svgp_vae_tf.kernels.stationary import Matern12, Matern32, Matern52, RationalQuadratic, SquaredExponential

FREQUENCIES = 1024
"""R, the number of random frequencies of a draw."""

WIDE = 0.25
"""The share of frequencies of Matern kernels that come from the Cauchy distribution."""

Sampled = tuple[np.ndarray, np.ndarray]
"""Frequencies (L or 1, D, R), and their weights (R,), whose mean is 1."""
Spectrum = Callable[[Kernel, np.random.Generator, tuple[int, int]], Sampled]
"""From a kernel, a generator and a shape (D, R) to frequencies in inverse length scales, and their weights."""


def _normal(kernel: Kernel, rng: np.random.Generator, shape: tuple[int, int]) -> Sampled:
    return rng.normal(size=(1, *shape)), np.ones(shape[1])


def _student(degrees: int) -> Spectrum:
    """The spectral density of a Matern kernel of smoothness degrees / 2: a multivariate t distribution."""

    def log_density(squares: np.ndarray, own: int, columns: int) -> np.ndarray:
        """Up to a constant that all multivariate t distributions share."""
        constant = math.lgamma(0.5 * (own + columns)) - math.lgamma(0.5 * own) - 0.5 * columns * math.log(own)
        return constant - 0.5 * (own + columns) * np.log1p(squares / own)

    def spectrum(kernel: Kernel, rng: np.random.Generator, shape: tuple[int, int]) -> Sampled:
        columns, count = shape
        own = np.where(rng.random(count) < WIDE, 1, degrees)  # one degree of freedom is the Cauchy distribution
        frequencies = rng.normal(size=(1, *shape)) * np.sqrt(own / rng.chisquare(own))
        squares = np.sum(np.square(frequencies[0]), axis=0)
        ratio = np.exp(log_density(squares, 1, columns) - log_density(squares, degrees, columns))
        return frequencies, 1.0 / (1.0 - WIDE + WIDE * ratio)

    return spectrum


def _gamma_mixture(kernel: Kernel, rng: np.random.Generator, shape: tuple[int, int]) -> Sampled:
    rate = np.reshape(kernel.parameters["scale_mixture_rate"], (-1, 1, 1))
    precision = rng.gamma(rate, 1.0 / rate, size=(len(rate), 1, shape[1]))
    return rng.normal(size=(1, *shape)) * np.sqrt(precision), np.ones(shape[1])


def _multiples(kernel: Kernel, rng: np.random.Generator, shape: tuple[int, int]) -> Sampled:
    length_scale = np.reshape(kernel.parameters["length_scale"], (-1, 1, 1))
    size = (len(length_scale), *shape)
    mean = np.minimum(0.5 / length_scale**2, 1e12)  # of a function that is white noise by then
    count = rng.poisson(mean, size) - rng.poisson(mean, size)
    # `_frequencies` divides by the length scale
    return length_scale * count * (2.0 * np.pi / kernel.period), np.ones(shape[1])


# by class, without subclasses: these may be other functions of the same parameters
SPECTRA: dict[type[Kernel], Spectrum] = {
    SquaredExponential: _normal,
    Matern12: _student(1),
    Matern32: _student(3),
    Matern52: _student(5),
    RationalQuadratic: _gamma_mixture,
    Periodic: _multiples,
}


def _frequencies(kernel: Kernel, rng: np.random.Generator, num_features: int) -> Sampled:
    """Random frequencies of a stationary kernel's columns, and their weights."""
    columns = num_features if kernel.columns is None else len(kernel.columns)
    parameters = kernel.parameters
    if "scales" in parameters:
        scales = np.reshape(parameters["scales"], (-1, columns, 1))
    else:
        scales = np.reshape(parameters["length_scale"], (-1, 1, 1))
    frequencies, weights = SPECTRA[type(kernel)](kernel, rng, (columns, FREQUENCIES))
    return frequencies / scales, weights


def _linear(kernel: Kernel, x: tf.Tensor) -> tf.Tensor:
    one = tf.ones((), linalg.DTYPE)
    slope, bias = kernel.parameters.get("slope_amplitude", one), kernel.parameters.get("bias_amplitude", 0.0 * one)
    slope, bias = (value[..., tf.newaxis, tf.newaxis] for value in (slope, bias))  # (1, 1) or (L, 1, 1)
    x = kernel._selected(x)
    return tf.concat([(bias + 0.0 * slope) * tf.ones_like(x[..., :1]), (slope + 0.0 * bias) * x], axis=-1)


def _normalized_linear(kernel: Kernel, x: tf.Tensor) -> tf.Tensor:
    norms = tf.sqrt(linalg.sum_of_squares(kernel._selected(x)))[..., tf.newaxis]
    # x has other columns, too, but the selected ones alone are read
    return _linear(kernel, tf.math.divide_no_nan(x, norms))


def _constant(kernel: Kernel, x: tf.Tensor) -> tf.Tensor:
    return kernel.parameters["amplitude"][..., tf.newaxis, tf.newaxis] * tf.ones_like(x[..., :1])


FEATURES: dict[type[Kernel], Callable[[Kernel, tf.Tensor], tf.Tensor]] = {
    Linear: _linear,
    NormalizedLinear: _normalized_linear,
    Constant: _constant,
}
"""By class, without subclasses: explicit features (..., L or 1, n, F) of inputs (..., 1, n, D)."""


def terms(kernel: Kernel) -> list[list[Kernel]]:
    """The simple kernels whose products add up to a kernel."""
    if type(kernel) is Sum:
        return [term for part in kernel.kernels for term in terms(part)]
    if type(kernel) is Product:
        return [sum(choice, []) for choice in itertools.product(*(terms(part) for part in kernel.kernels))]
    return [[kernel]]


def can_draw(kernel: Kernel) -> bool:
    """Whether `PriorFunctions` knows the simple kernels that a kernel is made of, and their products."""
    known = {*SPECTRA, *FEATURES, White}
    return all(all(type(part) in known for part in parts) and _white_sees_all(parts) for parts in terms(kernel))


def _white_sees_all(parts: Sequence[Kernel]) -> bool:
    """Whether equal inputs of the white noise in a product are equal inputs of its other factors.

    Noise then has a number for each input; otherwise it would need a function for each of its values.
    """
    white = [part for part in parts if type(part) is White]
    if not white or any(part.columns is None for part in white):
        return True
    seen = {column for part in white for column in part.columns or ()}
    others = [part for part in parts if type(part) not in (White, Constant)]
    return all(part.columns is not None and seen >= set(part.columns) for part in others)


def num_random(kernel: Kernel, num_latents: int, num_features: int) -> int:
    """How many features of an input are held at a time for one draw: a measure of the memory that it needs."""
    found = 0
    for parts in terms(kernel):
        sizes = [FEATURES[type(part)](part, tf.zeros((1, 1, num_features), linalg.DTYPE)).shape[-1]
                 for part in parts if type(part) in FEATURES]  # fmt: skip
        stationary = 2 * FREQUENCIES if any(type(part) in SPECTRA for part in parts) else 1
        own = any(part.num_latents is not None for part in parts)
        found = max(found, math.prod(sizes) * stationary * (num_latents if own else 1))
    return found


class PriorFunctions:
    """Draws f_s ~ GP(0, k), one function for each draw, series and channel.

    Args:
        kernel: k, of which `can_draw` is true.
        generators: one per draw, S of them, so that a draw does not depend on how many others there are.
        leading: the shape (..., L) of series and channels.
        num_features: D, the number of feature columns.
    """

    def __init__(
        self, kernel: Kernel, generators: Sequence[np.random.Generator], leading: Sequence[int], num_features: int
    ) -> None:
        self._terms = [_Term(parts, generators, tuple(leading), num_features) for parts in terms(kernel)]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Values at features with a latent axis, (..., 1, n, D), or (L, n, D): (S, ..., L, n), float64."""
        return tf.add_n([term(x) for term in self._terms])


class _Term:
    """Draws of a product of simple kernels. Arguments as for `PriorFunctions`."""

    def __init__(
        self,
        parts: Sequence[Kernel],
        generators: Sequence[np.random.Generator],
        leading: tuple[int, ...],
        num_features: int,
    ) -> None:
        self._parts, self._leading = parts, leading
        self._stationary = [part for part in parts if type(part) in SPECTRA]
        self._explicit = [part for part in parts if type(part) in FEATURES]
        self._white = [part for part in parts if type(part) is White]
        if self._white:
            self._keys = np.array([rng.integers(2**63, dtype=np.uint64) for rng in generators])
            return
        draws = [[_frequencies(part, rng, num_features) for part in self._stationary] for rng in generators]
        of_series = (1,) * (len(leading) - 1)
        self._frequencies = [
            np.stack([array.reshape(of_series + array.shape) for array, _ in of_part])
            for of_part in zip(*draws, strict=True)
        ]  # (S, ..., L or 1, D, R) each
        products = [np.prod([weights for _, weights in of_draw], axis=0) for of_draw in draws]
        self._roots = np.sqrt(np.stack(products)).reshape((len(generators), *of_series, 1, 1, -1))  # (S, ..., 1, 1, R)
        size = self._features(tf.zeros((1, 1, num_features), linalg.DTYPE)).shape[-1]
        self._weights = tf.constant(np.stack([rng.normal(size=(*leading, size)) for rng in generators]))

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        if self._white:
            rows = np.concatenate([part._selected(x) for part in self._white], axis=-1)
            return tf.sqrt(_variance(self._parts, x)) * _noise(rows, self._keys, self._leading)
        return linalg.channel_vecmat(self._weights, self._features(x), transpose_v=True)

    def _features(self, x: tf.Tensor) -> tf.Tensor:
        """phi with E <phi(x), phi(z)> = k(x, z), (S, ..., L or 1, n, F)."""
        phi = tf.ones_like(x[..., :1])
        if self._stationary:
            pairs = zip(self._stationary, self._frequencies, strict=True)
            phase = tf.add_n([tf.linalg.matmul(part._selected(x), frequencies) for part, frequencies in pairs])
            scale = tf.sqrt(_variance(self._stationary, x) / FREQUENCIES)[..., tf.newaxis]
            phi = scale * tf.concat([self._roots * tf.cos(phase), self._roots * tf.sin(phase)], axis=-1)
        for part in self._explicit:
            outer = phi[..., tf.newaxis] * FEATURES[type(part)](part, x)[..., tf.newaxis, :]
            phi = tf.reshape(outer, [*outer.shape[:-2], outer.shape[-2] * outer.shape[-1]])
        return phi


def _variance(parts: Sequence[Kernel], x: tf.Tensor) -> tf.Tensor:
    """The product of prior variances, (..., L or 1, n)."""
    return functools.reduce(operator.mul, [part.diagonal(x) for part in parts])


def _noise(rows: np.ndarray, keys: np.ndarray, leading: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers that depend on nothing but the row, the key, and the place in ``leading``.

    Args:
        rows: (..., L or 1, n, D), float64.
        keys: one per draw, (S,), uint64.
        leading: (..., L).

    Returns:
        Shape (S, ..., L, n).
    """
    words = (np.asarray(rows) + 0.0).view(np.uint64)  # + 0.0: -0.0 is the same place as 0.0
    places = np.arange(int(np.prod(leading)), dtype=np.uint64).reshape(leading)
    state = _mixed(keys.reshape((-1,) + (1,) * len(leading)) ^ _mixed(places))[..., np.newaxis]
    for column in range(words.shape[-1]):
        state = _mixed(state ^ words[..., column])
    first, second = (((_mixed(state ^ np.uint64(i)) >> np.uint64(11)) + 0.5) * 2.0**-53 for i in (1, 2))
    return np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)


def _mixed(bits: np.ndarray) -> np.ndarray:
    """A step of splitmix64, Steele, Lea and Flood (2014), "Fast Splittable Pseudorandom Number Generators"."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))

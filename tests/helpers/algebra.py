"""Small well-conditioned problems for the algebra tests, made without the package."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from svgp_vae_tf.gp import linalg, sparse
from tests.reference import oracles


class Problem(NamedTuple):
    """Kernel matrices shared by all channels, and a latent data set per channel; plain arrays."""

    kmm: np.ndarray
    kmn: np.ndarray
    knn: np.ndarray
    kmr: np.ndarray
    knr: np.ndarray
    krr: np.ndarray
    y: np.ndarray
    s2: np.ndarray

    @property
    def chol(self) -> tf.Tensor:
        return linalg.cholesky(tf.constant(self.kmm[np.newaxis]), 0.0)

    @property
    def v(self) -> tf.Tensor:
        return linalg.solve_lower(self.chol, tf.constant(self.kmn[np.newaxis]))

    @property
    def v_new(self) -> tf.Tensor:
        return linalg.solve_lower(self.chol, tf.constant(self.kmr[np.newaxis]))

    @property
    def stats(self) -> sparse.SufficientStatistics:
        return sparse.statistics(self.v, tf.constant(self.y), tf.constant(self.s2))

    @property
    def k_diagonal(self) -> tf.Tensor:
        return tf.constant(np.diag(self.knn)[np.newaxis])

    @property
    def k_new_diagonal(self) -> tf.Tensor:
        return tf.constant(np.diag(self.krr)[np.newaxis])


def make(n: int = 12, m: int = 5, num_latents: int = 2, points_are_data: bool = False, seed: int = 0) -> Problem:
    """Inputs in the plane under a squared exponential kernel with length scale 0.5 and amplitude 1.3."""
    rng = np.random.default_rng(seed)
    kernel = oracles.squared_exponential(0.5, 1.3)
    x = rng.uniform(-2.0, 2.0, (n, 2))
    z = x.copy() if points_are_data else rng.uniform(-2.0, 2.0, (m, 2))
    new = rng.uniform(-2.0, 2.0, (4, 2))

    def gram(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return oracles.gram(kernel, a, b)

    return Problem(
        kmm=gram(z, z), kmn=gram(z, x), knn=gram(x, x), kmr=gram(z, new), knr=gram(x, new), krr=gram(new, new),
        y=rng.normal(size=(num_latents, n)), s2=np.exp(rng.uniform(-3.0, 1.0, (num_latents, n))),
    )  # fmt: skip

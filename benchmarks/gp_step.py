"""One training step of the sparse GP at any size: posterior, regulariser and all gradients.

The problem is that of rotated MNIST: a periodic kernel of an angle times a linear kernel of a vector that is learned
for each object. Gradients are with respect to the encoder's means and variances, the inducing points, the kernel's
parameters and the vectors.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks import published_form
from svgp_vae_tf.kernels import Linear, Periodic
from svgp_vae_tf.priors import LatentData, SparseGP

OBJECTS, WIDTH, ANGLES = 400, 8, 16
FORMS = ("ours", "published")


class Size(NamedTuple):
    """The sizes that a step's cost depends on."""

    batch: int
    inducing: int
    latents: int
    num_data: int = 4050


class Problem(NamedTuple):
    """A prior, the other variables of a step, and a batch."""

    prior: SparseGP
    vectors: tf.Variable
    """Vectors of the objects, (OBJECTS, WIDTH)."""
    ids: tf.Tensor
    """Objects of the batch's images, (b,)."""
    angles: tf.Tensor
    """Angles of the batch's images, (b, 1)."""
    mean: tf.Variable
    """Stands for the encoder's means, (b, L)."""
    variance: tf.Variable
    """Stands for the encoder's variances, (b, L)."""
    noise: tf.Tensor
    """Standard normal noise of the latent sample, (b, L)."""


def make_problem(size: Size) -> Problem:
    """A problem of random numbers of a typical scale, the same in each call."""
    rng = np.random.default_rng(0)
    latents = (size.batch, size.latents)
    angles = 2.0 * np.pi / ANGLES * np.arange(size.inducing)[:, np.newaxis]
    points = np.concatenate([angles, 1.5 * rng.normal(size=(size.inducing, WIDTH))], axis=1)
    kernel = Periodic(amplitude=1.0, columns=[0]) * Linear(columns=range(1, 1 + WIDTH))
    return Problem(
        prior=SparseGP(kernel, points, num_data=max(size.num_data, size.inducing)),
        vectors=tf.Variable(1.5 * rng.normal(size=(OBJECTS, WIDTH))),
        ids=tf.constant(rng.integers(0, OBJECTS, size.batch)),
        angles=tf.constant(2.0 * np.pi / ANGLES * rng.integers(0, ANGLES, (size.batch, 1))),
        mean=tf.Variable(rng.normal(size=latents)),
        variance=tf.Variable(np.exp(rng.uniform(-3.0, 1.0, latents))),
        noise=tf.constant(rng.normal(size=latents)),
    )


def make_step(problem: Problem, form: str = "ours", jit_compile: bool | None = None) -> Callable[[], None]:
    """A function that computes a step and waits for it.

    Args:
        problem: variables and batch.
        form: "ours", or "published" for the formulas as published.
        jit_compile: whether XLA compiles the step.
    """
    prior = problem.prior
    weights = [weight.value for weight in prior.trainable_variables]
    sources = [problem.mean, problem.variance, problem.vectors, *weights]

    @tf.function(jit_compile=jit_compile)
    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            features = tf.concat([problem.angles, tf.gather(problem.vectors, problem.ids)], axis=-1)
            mean, variance, regulariser = _FUNCTIONS[form](prior, features, problem.mean, problem.variance)
            sample = mean + problem.noise * tf.sqrt(variance)
            loss = tf.reduce_sum(tf.square(sample)) + regulariser
        return [loss, *(tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, sources))]

    return lambda: gradients()[0].numpy()


def _ours(
    prior: SparseGP, features: tf.Tensor, mean: tf.Variable, variance: tf.Variable
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    q = prior(LatentData(features, tf.convert_to_tensor(mean), tf.convert_to_tensor(variance)))
    return q.mean, q.variance, mean.shape[0] * q.kl


def _published(
    prior: SparseGP, features: tf.Tensor, mean: tf.Variable, variance: tf.Variable
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    latents = tf.convert_to_tensor(mean), tf.convert_to_tensor(variance)
    assert prior.num_data is not None
    return published_form.step(prior.kernel, prior.inducing_points, features, *latents, prior.num_data)


_FUNCTIONS = {"ours": _ours, "published": _published}

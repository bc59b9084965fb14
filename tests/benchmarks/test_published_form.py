"""The published form that benchmarks compare with is the same step as this project's."""

import numpy as np
import tensorflow as tf

from benchmarks import published_form
from svgp_vae_tf.kernels import Linear, Periodic
from svgp_vae_tf.priors import LatentData
from svgp_vae_tf.priors.sparse import SparseGP

BATCH, NUM_LATENTS, NUM_DATA = 12, 3, 40
RNG = np.random.default_rng(0)
FEATURES = tf.constant(np.column_stack([RNG.uniform(0.0, 6.0, BATCH), RNG.normal(size=(BATCH, 4))]))
INDUCING = np.column_stack([np.linspace(0.0, 5.0, 6), RNG.normal(size=(6, 4))])
MEAN = tf.constant(RNG.normal(size=(BATCH, NUM_LATENTS)))
VARIANCE = tf.constant(np.exp(RNG.uniform(-2.0, 1.0, (BATCH, NUM_LATENTS))))


def make() -> SparseGP:
    kernel = Periodic(length_scale=0.8, amplitude=1.2, columns=[0]) * Linear(columns=[1, 2, 3, 4])
    return SparseGP(kernel, INDUCING, num_data=NUM_DATA, jitter=0.0)


def both_forms(prior: SparseGP) -> list[list[tf.Tensor]]:
    """Means, variances and regulariser of the batch in both forms, then all gradients of one function of them."""
    results = []
    for published in (False, True):
        with tf.GradientTape() as tape:
            tape.watch([FEATURES, MEAN, VARIANCE])
            if published:
                points = prior.inducing_points
                outputs = published_form.step(prior.kernel, points, FEATURES, MEAN, VARIANCE, NUM_DATA, jitter=0.0)
            else:
                q = prior(LatentData(FEATURES, MEAN, VARIANCE))
                outputs = (q.mean, q.variance, BATCH * q.kl)
            loss = tf.reduce_sum(tf.sin(outputs[0]) * tf.sqrt(outputs[1])) + outputs[2]
        sources = [FEATURES, MEAN, VARIANCE, *(variable.value for variable in prior.trainable_variables)]
        results.append([*outputs, *tape.gradient(loss, sources)])
    return results


def test_values_and_gradients_are_those_of_the_prior():
    ours, published = both_forms(make())
    assert len(ours) == 3 + 3 + 3
    for a, b in zip(ours, published, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-8)


def test_the_published_bound_is_the_kl_of_the_inducing_values():
    """Cross entropy minus L_H is (b/N) KL."""
    prior = make()
    _, _, regulariser = published_form.step(
        prior.kernel, prior.inducing_points, FEATURES, MEAN, VARIANCE, NUM_DATA, jitter=0.0
    )
    kl = NUM_DATA * prior(LatentData(FEATURES, MEAN, VARIANCE)).kl
    np.testing.assert_allclose(regulariser, BATCH / NUM_DATA * kl, rtol=1e-9)

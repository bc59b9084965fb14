"""Draws of latents."""

import numpy as np
import tensorflow as tf

from svgp_vae_tf.models.sampler import LatentSampler


def test_a_latent_without_variance_is_its_mean_and_its_gradient_is_finite():
    mean, variance = tf.constant([[1.5, 1.5]], tf.float64), tf.constant([[0.0, 0.25]], tf.float64)
    sampler = LatentSampler(dtype="float64")
    with tf.GradientTape() as tape:
        tape.watch(variance)
        draw = sampler(mean, variance)
    np.testing.assert_allclose(draw[0, 0], 1.5, rtol=1e-12)
    gradient = tape.gradient(draw, variance)
    assert gradient[0, 0] == 0.0
    # d/dv (mean + sqrt(v) noise) = noise / (2 sqrt(v)) = (draw - mean) / (2 v)
    np.testing.assert_allclose(gradient[0, 1], (draw[0, 1] - 1.5) / 0.5, rtol=1e-12)

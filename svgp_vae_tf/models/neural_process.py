"""GP-VAE trained by predicting part of each series from the rest: the neural-process objective of Pearce (2020)."""

from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import gaussians
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.models.latent_model import LatentModel
from svgp_vae_tf.objectives import ElboTerms
from svgp_vae_tf.priors.base import LatentData
from svgp_vae_tf.priors.exact import ExactGP

SMALLEST = 2
"""Smallest number of points in the context, and outside it."""


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class NeuralProcessGPVAE(LatentModel):
    """The model of `GPVAE`, trained to predict targets D from a random context C of each series, the rest of it.

    It maximises a bound on log E_q(z | y_C)[ p(y_D | z) ], in which the encoder's posterior given the context stands
    for the true one:

        E_q(z | y)[ sum_{t in D} log p(y_t | z_t) ] - KL,
        KL = sum_l [ log Z_C - log Z + sum_{t in D} E_q(z | y)[ log N(z_t | y~_t, s2_t) ] ]

    with q the posterior given the whole series, Z its marginal likelihood and Z_C that of the context (eq. 2). Each
    step draws one size of the context, N(T/2, T/4) within 2 and T - 2, and for each series the points it holds.
    `evaluate` reports the ELBO of `GPVAE`.

    Args:
        encoder, decoder, kernel, kwargs: as for `GPVAE`, for series.
    """

    prior_arguments = ("kernel",)

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model, *, kernel: Kernel, num_data: int | None = None, **kwargs
    ) -> None:
        if num_data is not None:
            raise ValueError("the neural-process objective splits series: leave out num_data")
        super().__init__(encoder, decoder, ExactGP(kernel), **kwargs)

    def elbo_terms(self, aux: Any, observations: tf.Tensor, training: bool = False) -> ElboTerms:
        """The objective above in training, else the ELBO of `GPVAE`."""
        if not training:
            return super().elbo_terms(aux, observations)
        features = self.features(aux)
        points = features.shape[1]
        if points is not None and points < 2 * SMALLEST:
            raise DataError(f"series of {points} points cannot be split; {2 * SMALLEST} are needed")
        data = self.encode(observations, training, features)
        q = self.prior(data)
        context, targets = self.split(tf.shape(data.mean)[0], tf.shape(data.mean)[1])

        def at(x: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
            return tf.gather(x, rows, axis=1, batch_dims=1)

        of_context = [at(x, context) for x in data]
        # q.kl is E_q[log q~(z | y)] - log Z of the whole series; of its first term, the share of the targets stays
        moments = at(q.mean, context), at(q.variance, context)
        excess = tf.reduce_sum(gaussians.expected_log_density(*moments, *of_context[1:]), axis=(1, 2))
        kl = self.prior.log_marginal_likelihood(LatentData(*of_context)) + q.kl - excess
        latents = self.sample_latents(at(q.mean, targets), at(q.variance, targets))
        return self.terms(self.decode(latents, training), at(tf.convert_to_tensor(observations), targets), kl)

    def split(self, num_series: tf.Tensor, num_points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Rows of context and targets, (series, c) and (series, T - c), of one random size."""
        points = tf.cast(num_points, tf.float64)
        size = keras.random.normal((), dtype="float64", seed=self.sampler.generator)
        size = tf.round(points / 2.0 + tf.sqrt(points) / 2.0 * size)
        size = tf.cast(tf.clip_by_value(size, SMALLEST, points - SMALLEST), tf.int32)
        keys = self.sampler.per_example(keras.random.uniform, (num_series, num_points))
        order = tf.argsort(keys, axis=1)
        return order[:, :size], order[:, size:]

"""GPPVAE as the original program trains it."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf import GPPVAE, DataError
from svgp_vae_tf.gp import low_rank
from svgp_vae_tf.objectives import ElboTerms


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class OriginalGPPVAE(GPPVAE):
    """GPPVAE with the objective of the original rotated-MNIST program, kept to explain its published figure.

    With a, B, c from the gradients of the negative log prior at one sample Z of all latents, the program minimises

        - log p(y | z) - ( sum_{i in b} [ <z_i, a_i> + <V_i, B_i> ] + alpha c ) - sum_il log(s2_il) / 2

    for each batch b. Casale et al. have a plus before the bracket, a factor b/N before alpha c, and treat a, B, c as
    constants; here gradients flow through them, and z is not the sample Z but another one. The objective is not a
    bound. `evaluate` reports the terms of `GPPVAE`.
    """

    def keep(self, aux: Any, observations: Any) -> None:
        """Store checked training data.

        Raises:
            DataError: if two rows of features are equal.
        """
        super().keep(aux, observations)
        features = self.features(self.all_data()[0]).numpy()
        if len(np.unique(features, axis=0)) < len(features):
            self._training_data = None
            raise DataError("rows of auxiliary data are alike; the original objective identifies data points by them")

    def elbo_terms(self, aux: Any, observations: tf.Tensor, training: bool = False) -> ElboTerms:
        """The objective above in training, else the ELBO of `GPPVAE`."""
        if not training:
            return super().elbo_terms(aux, observations)
        all_aux, all_observations = self.all_data()
        all_features = self.features(all_aux)
        _, mean, variance = self.encode(all_observations, training)
        v = self.prior.factor(all_features)
        first = tf.cast(self.sample_latents(mean, variance), v.dtype)
        coefficients = low_rank.taylor_coefficients(v, self.prior.noise_variance, first)
        rows = _rows_of(self.features(aux), all_features)
        mean, variance, v = (tf.gather(x, rows) for x in (mean, variance, v))
        latents = self.sample_latents(mean, variance)
        term = tf.reduce_sum(tf.cast(latents, v.dtype) * tf.gather(coefficients.a, rows))
        term += tf.reduce_sum(v * tf.gather(coefficients.b, rows)) + self.prior.noise_variance * coefficients.c
        penalty = -(term + 0.5 * tf.reduce_sum(tf.math.log(variance))) / tf.cast(tf.shape(rows)[0], v.dtype)
        return self.terms(self.decode(latents, training), observations, penalty)


def _rows_of(features: tf.Tensor, all_features: tf.Tensor) -> tf.Tensor:
    """Indices of the rows of a batch among all data, (b,)."""
    equal = tf.reduce_all(features[:, tf.newaxis] == all_features[tf.newaxis], axis=-1)
    found = tf.debugging.assert_equal(
        tf.reduce_all(tf.reduce_any(equal, axis=-1)), True, "data that are not training data"
    )
    with tf.control_dependencies([found] if found is not None else []):
        return tf.argmax(tf.cast(equal, tf.int32), axis=-1)

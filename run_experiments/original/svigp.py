"""Deep SVIGP as the original program trains it."""

from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf import SVIGP
from svgp_vae_tf.likelihoods import Gaussian
from svgp_vae_tf.objectives import ElboTerms
from svgp_vae_tf.priors import LatentData


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class OriginalSVIGP(SVIGP):
    """Deep SVIGP with the objective of the original rotated-MNIST program, kept to explain its published figure.

    In training the decoder gets the posterior mean of the latents instead of a sample; their variance enters through

        - sum_{i,l} var(z_il) / (2 nu)

    where nu is the standard deviation of the pixels' noise, used as if it were a variance. The trace term is correct
    only for Gaussian observations of z itself. `evaluate` reports the terms of `SVIGP`.

    Args:
        args, kwargs: as for `SVIGP`; the likelihood must be Gaussian.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.likelihood, Gaussian):
            raise ValueError("the original objective needs a Gaussian likelihood")

    def elbo_terms(self, aux: Any, observations: tf.Tensor, training: bool = False) -> ElboTerms:
        """The objective above in training, else the ELBO of `SVIGP`."""
        if not training:
            return super().elbo_terms(aux, observations)
        features = self.features(aux)
        q = self.prior(LatentData(features, None, None))
        noise = tf.cast(self.likelihood.stddev, q.variance.dtype)
        traces = tf.reduce_sum(q.variance, axis=-1) / (2.0 * noise)
        return self.terms(self.decode(q.mean, training, features), observations, q.kl + traces)

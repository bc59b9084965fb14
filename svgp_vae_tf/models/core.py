"""The one model: an encoder, a prior over the latents, and a decoder. Models differ in the prior alone.

    aux x -> auxiliary -> features --------+
                                           +-> prior -> q(z | x, y) -> sample z -> decoder -> p(y | z)
    observations y -> encoder -> (y~, s2) -+

This file holds the parts and the ELBO; `prediction` adds what a trained model answers, `base` adds training.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.features import Features
from svgp_vae_tf.gp import linalg
from svgp_vae_tf.likelihoods import Bernoulli, Gaussian, Likelihood
from svgp_vae_tf.models import checks
from svgp_vae_tf.models.evidence import EvidenceStore
from svgp_vae_tf.models.sampler import LatentSampler
from svgp_vae_tf.objectives import ElboTerms
from svgp_vae_tf.priors.base import LatentPosterior, Prior

VARIANCE_BOUNDS = (1e-6, 1e3)
_LIKELIHOODS = {"bernoulli": Bernoulli, "gaussian": Gaussian}


class LatentCore(keras.Model):
    """Networks, prior and likelihood; what training and prediction share.

    Args:
        encoder: network from single observations to (2 L,): means, then log-variances of the latent data set; None
            with a prior whose posterior is free of the data, such as `FreeFormGP`.
        decoder: network from single latents (L,) to the likelihood's parameters.
        prior: the prior over the latents; its `num_data` says whether an example is a series or a point.
        likelihood: "bernoulli", "gaussian" or a `Likelihood`.
        auxiliary: turns auxiliary data into features; None takes an array as it is.
        variance_bounds: the encoder's variances stay between these, by a smooth bound on their logarithm.
        seed: of the latent samples.
    """

    def __init__(
        self,
        encoder: keras.Model | None,
        decoder: keras.Model,
        prior: Prior,
        *,
        likelihood: str | Likelihood = "bernoulli",
        auxiliary: Features | None = None,
        variance_bounds: tuple[float, float] = VARIANCE_BOUNDS,
        seed: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        low, high = (float(bound) for bound in variance_bounds)
        if not 0.0 < low < high < np.inf:
            raise ValueError(f"variance_bounds must be positive and rising, got {variance_bounds}")
        if isinstance(likelihood, str):
            if likelihood not in _LIKELIHOODS:
                raise ValueError(f"unknown likelihood {likelihood!r}; choose one of {', '.join(_LIKELIHOODS)}")
            likelihood = _LIKELIHOODS[likelihood]()
        if not isinstance(likelihood, Likelihood):
            raise ValueError(f"likelihood must be a name or a `Likelihood`, got {likelihood!r}")
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior
        self.likelihood = likelihood
        self.auxiliary = Features() if auxiliary is None else auxiliary
        self.variance_bounds = (low, high)
        self.seed = seed
        self.sampler = LatentSampler(seed)
        self.evidence = EvidenceStore()
        event = decoder.output_shape[1:] if encoder is None else _event_shape(encoder, (None,))[1:]
        if (encoder is None or encoder.built) and decoder.built and event:
            self._finish_build(event)

    # ---- networks and latents ----

    @property
    def batch_rank(self) -> int:
        """Axes before features and observations: 2 for series (series, points), 1 for one data set (points)."""
        return 2 if self.prior.num_data is None else 1

    def encode(
        self, observations: tf.Tensor, training: bool = False, features: tf.Tensor | None = None
    ) -> tuple[Any, Any]:
        """The latent data set: means y~ and bounded variances s2, each (..., n, L), float64; None without encoder."""
        if self.encoder is None:
            return None, None
        leading = tf.shape(observations)[: self.batch_rank]
        event = observations.shape[self.batch_rank :]
        if None in event and self.built:  # a data set may not know
            event = self._observation_shape
        inputs = self._network_inputs(tf.reshape(observations, [-1, *event]), features)
        outputs = self.encoder(inputs, training=training)
        moments = tf.reshape(tf.cast(outputs, linalg.DTYPE), [*tf.unstack(leading), 2 * self.num_latents])
        mean, log_variance = tf.split(moments, 2, axis=-1)
        low, high = (tf.math.log(tf.constant(bound, linalg.DTYPE)) for bound in self.variance_bounds)
        bounded = low + tf.nn.softplus(log_variance - low) - tf.nn.softplus(log_variance - high)
        return mean, tf.exp(bounded)

    def _network_inputs(self, inputs: tf.Tensor, features: tf.Tensor | None) -> Any:
        """What a network sees; conditional models add something of the features."""
        return inputs

    def decode(self, latents: tf.Tensor, training: bool = False, features: tf.Tensor | None = None) -> tf.Tensor:
        """The likelihood's parameters for latents (..., L), never in half precision."""
        leading = tf.unstack(tf.shape(latents)[:-1])
        flat = tf.reshape(tf.cast(latents, self.compute_dtype), [-1, self.num_latents])
        outputs = self.decoder(self._network_inputs(flat, features), training=training)
        outputs = tf.cast(outputs, self.variable_dtype)
        return tf.reshape(outputs, [*leading, *outputs.shape[1:]])

    def features(self, aux: Any, training: bool = False) -> tf.Tensor:
        """Features of auxiliary data, (..., n, D), float64."""
        # not through `__call__`, which wraps the one line of an error into several
        features = self.auxiliary.call(aux, self.batch_rank, training)
        if len(features.shape) != self.batch_rank + 1:
            raise checks.DataError(
                f"auxiliary data give features of shape {tuple(features.shape)}; they need {self.batch_rank + 1} axes"
            )
        self.prior.validate_features(tuple(features.shape))
        width = self.prior.num_features
        if features.shape[-1] is None and width is not None:  # a kernel would broadcast another width
            message = f"auxiliary data do not give {width} features, as many as the prior has"
            with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(features)[-1], width, message)]):
                features = tf.ensure_shape(features, (*features.shape[:-1], width))
        return features

    def posterior(self, aux: Any, observations: tf.Tensor) -> LatentPosterior:
        """q(z | x, y) at the data themselves, given just these data."""
        features = self.features(aux)
        return self._posterior(features, *self.encode(observations, features=features))

    def _posterior(
        self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, training: bool = False
    ) -> LatentPosterior:
        return self.prior(features, mean, variance)

    def sample_latents(self, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
        """One draw per latent from independent Gaussians, in the networks' dtype."""
        return self.sampler(mean, variance)

    def elbo_terms(self, aux: Any, observations: tf.Tensor, training: bool = False) -> ElboTerms:
        """Both terms of the ELBO for a batch, with one latent sample."""
        features = self.features(aux, training)
        if training:
            self.prior.validate_training(tuple(features.shape))
        q = self._posterior(features, *self.encode(observations, training, features), training)
        outputs = self.decode(self.sample_latents(q.mean, q.variance), training, features)
        return self._terms(outputs, observations, q.kl)

    def _terms(self, outputs: tf.Tensor, observations: tf.Tensor, kl: tf.Tensor) -> ElboTerms:
        log_likelihood, mse = self.likelihood.per_example(outputs, observations)
        kl = tf.cast(kl, log_likelihood.dtype) + tf.zeros_like(log_likelihood)
        num_values = tf.reduce_prod(tf.shape(outputs)[1:])  # also of a replica without examples
        return ElboTerms(log_likelihood, kl, mse, num_values)

    # ---- building and serialisation ----

    def _ensure_batches(self, observations_shape: tuple[int | None, ...]) -> None:
        """`_ensure_built` by the observations of a data set, which must come in batches."""
        if self.built and len(observations_shape) < self.batch_rank + len(self._observation_shape):
            raise checks.DataError("the data set gives single examples, not batches: call .batch(...) on it")
        self._ensure_built(observations_shape)

    def _ensure_built(self, observations_shape: tuple[int | None, ...]) -> None:
        event = tuple(observations_shape[self.batch_rank :])
        if not self.built:
            self._finish_build(event)
        expected = self._observation_shape
        if None not in event and None not in expected and event != expected:
            raise checks.DataError(f"observations have shape {event} each, but the encoder takes {expected}")

    def _finish_build(self, event: tuple[int | None, ...]) -> None:
        if self.encoder is None:
            self.num_latents = int(self.prior.num_latents)
        else:
            outputs = int(_output_shape(self.encoder, event)[-1] or 0)
            if outputs % 2:
                raise ValueError(f"the encoder must give 2 L outputs (means, log-variances), but gives {outputs}")
            self.num_latents = outputs // 2
        expected = _event_shape(self.decoder, (self.num_latents,))[-1]
        if expected != self.num_latents:
            raise ValueError(f"there are {self.num_latents} latents, but the decoder takes {expected}")
        self.prior.validate_latents(self.num_latents)
        given = _output_shape(self.decoder, (self.num_latents,))
        if None not in given and None not in event and given != tuple(event):
            raise ValueError(f"the decoder gives outputs of shape {given}, but observations have shape {tuple(event)}")
        self._observation_shape = tuple(event)
        self.built = True

    def get_build_config(self) -> dict[str, Any] | None:
        return {"observation_shape": list(self._observation_shape)} if self.built else None

    def build_from_config(self, config: dict[str, Any]) -> None:
        self._ensure_built((None,) * self.batch_rank + tuple(config["observation_shape"]))

    def get_config(self) -> dict[str, Any]:
        parts = {key: getattr(self, key) for key in ("encoder", "decoder", "likelihood", "auxiliary")}
        return {
            **{key: keras.saving.serialize_keras_object(part) for key, part in parts.items()},
            **self._prior_config(),
            "variance_bounds": list(self.variance_bounds),
            "seed": self.seed,
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }

    def _prior_config(self) -> dict[str, Any]:
        """The constructor's arguments that make the prior."""
        return {"prior": keras.saving.serialize_keras_object(self.prior)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "LatentCore":
        restore = keras.saving.deserialize_keras_object
        deserialized = {k: restore(v, custom_objects) if _is_object(v) else v for k, v in config.items()}
        return cls(**deserialized)


def _event_shape(network: keras.Model, unknown: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Shape of a network's input; of the first one if there are several."""
    shape = getattr(network, "input_shape", unknown)
    return tuple(shape[0] if isinstance(shape, list) else shape)


def _output_shape(network: keras.Model, event: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Shape of what a network makes of one item; builds the network if need be."""
    if network.built and isinstance(network.input_shape, list):  # a conditional network
        return tuple(network.output_shape[1:])
    if not network.built or None not in event:
        return tuple(network(tf.zeros((1, *(8 if size is None else size for size in event)))).shape[1:])
    return tuple(network.compute_output_shape((None, *event))[1:])


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and "class_name" in value

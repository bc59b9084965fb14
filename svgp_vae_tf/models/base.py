"""The one model: an encoder, a prior over the latents, and a decoder. Models differ in the prior alone.

    aux x -> auxiliary -> features --------+
                                           +-> prior -> q(z | x, y) -> sample z -> decoder -> p(y | z)
    observations y -> encoder -> (y~, s2) -+

Training maximises, per example, ``log p(y | z) - beta KL`` with one sample z (eq. 10).
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from svgp_vae_tf.auxiliary import Features
from svgp_vae_tf.likelihoods import Bernoulli, Gaussian, Likelihood
from svgp_vae_tf.math import linalg
from svgp_vae_tf.models import checks
from svgp_vae_tf.models.evidence import EvidenceStore
from svgp_vae_tf.models.prediction import PredictionMixin
from svgp_vae_tf.objectives import ELBO
from svgp_vae_tf.priors.base import LatentPosterior, Prior

VARIANCE_BOUNDS = (1e-6, 1e3)
_LIKELIHOODS = {"bernoulli": Bernoulli, "gaussian": Gaussian}


class ElboTerms(NamedTuple):
    """The two terms of the ELBO of a batch."""

    log_likelihood: tf.Tensor
    """log p(y | z) per example (a series, or a point of one data set), shape (batch,)."""
    kl: tf.Tensor
    """The regulariser per example, shape (batch,)."""


class LatentModel(PredictionMixin, keras.Model):
    """Base of the models, usable as it is with any `Prior`.

    Args:
        encoder: network from single observations to (2 L,): means, then log-variances of the latent data set.
        decoder: network from single latents (L,) to the likelihood's parameters.
        prior: the prior over the latents; its `num_data` says whether an example is a series or a point.
        likelihood: "bernoulli", "gaussian" or a `Likelihood`.
        auxiliary: turns auxiliary data into features; None takes an array as it is.
        variance_bounds: the encoder's variances stay between these, by a smooth bound on their logarithm.
        seed: of the latent samples.
    """

    def __init__(
        self,
        encoder: keras.Model,
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
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior
        self.likelihood = likelihood
        self.auxiliary = Features() if auxiliary is None else auxiliary
        self.variance_bounds = (low, high)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.evidence = EvidenceStore()
        self.log_likelihood_tracker = keras.metrics.Mean(name="log_likelihood")
        self.kl_tracker = keras.metrics.Mean(name="kl")
        self.elbo_tracker = keras.metrics.Mean(name="elbo")
        if encoder.built and decoder.built:
            self._finish_build(encoder.input_shape[1:])

    # ---- networks and latents ----

    @property
    def leading_axes(self) -> int:
        """Axes before features and observations: 2 for series (series, points), 1 for one data set (points)."""
        return 2 if self.prior.num_data is None else 1

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The latent data set: means y~ and bounded variances s2, each (..., n, L), float64."""
        moments = tf.cast(self._apply(self.encoder, observations, self.leading_axes), linalg.DTYPE)
        mean, log_variance = tf.split(moments, 2, axis=-1)
        low, high = (tf.math.log(tf.constant(bound, linalg.DTYPE)) for bound in self.variance_bounds)
        bounded = low + tf.nn.softplus(log_variance - low) - tf.nn.softplus(log_variance - high)
        return mean, tf.exp(bounded)

    def decode(self, latents: tf.Tensor) -> tf.Tensor:
        """The likelihood's parameters for latents (..., L)."""
        return self._apply(self.decoder, tf.cast(latents, self.compute_dtype), len(latents.shape) - 1)

    @staticmethod
    def _apply(network: keras.Model, x: tf.Tensor, leading: int) -> tf.Tensor:
        """A network for single items, applied over any number of leading axes."""
        if leading == 1:
            return network(x)
        outer, inner = tf.shape(x)[:leading], list(x.shape[leading:])
        outputs = network(tf.reshape(x, [-1, *inner]))
        return tf.reshape(outputs, tf.concat([outer, tf.shape(outputs)[1:]], axis=0))

    def features(self, aux: Any) -> tf.Tensor:
        """Features of auxiliary data, (..., n, D), float64."""
        features = self.auxiliary(aux, leading=self.leading_axes)
        self.prior.check(tuple(features.shape))
        return features

    def posterior(self, aux: Any, observations: tf.Tensor) -> LatentPosterior:
        """q(z | x, y) at the data themselves, given just these data."""
        return self.prior(self.features(aux), *self.encode(observations))

    def sample_latents(self, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
        """One draw per latent from independent Gaussians, in the networks' dtype."""
        # a floor far below any variance that matters keeps the gradient of the root finite
        stddev = tf.sqrt(tf.maximum(variance, 1e-30))
        noise = keras.random.normal(tf.shape(mean), dtype=self.compute_dtype, seed=self.seed_generator)
        return tf.cast(mean, self.compute_dtype) + tf.cast(stddev, self.compute_dtype) * noise

    def elbo_terms(self, aux: Any, observations: tf.Tensor) -> ElboTerms:
        """Both terms of the ELBO for a batch, with one latent sample."""
        q = self.posterior(aux, observations)
        outputs = self.decode(self.sample_latents(q.mean, q.variance))
        log_prob = self.likelihood.log_prob(outputs, observations)
        log_likelihood = tf.reduce_sum(log_prob, axis=list(range(1, len(log_prob.shape))))
        kl = tf.cast(q.kl, log_likelihood.dtype)
        return ElboTerms(log_likelihood, kl + tf.zeros_like(log_likelihood))

    # ---- Keras: compile, fit, evaluate ----

    def compile(self, optimizer: Any = "adam", objective: keras.layers.Layer | None = None, **kwargs) -> None:
        """Set the optimiser and the objective (`ELBO` by default). Other arguments as for Keras, but no loss."""
        super().compile(optimizer=optimizer, **kwargs)
        self.objective = ELBO() if objective is None else objective

    def fit(self, x: Any = None, y: Any = None, **kwargs) -> keras.callbacks.History:
        """Train with Keras' `fit`.

        Args:
            x: auxiliary data, an array or a dict of named arrays; or a `tf.data.Dataset` of (aux, observations).
            y: observations.
            kwargs: as for Keras.

        Raises:
            DataError: for data of wrong shapes, or that are not finite.
        """
        self._check_training_data(x, y, kwargs.get("validation_split", 0.0))
        self.evidence.clear()
        return super().fit(x=x, y=y, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, **kwargs) -> Any:
        """Loss and ELBO terms on data, with Keras' `evaluate`. Arguments as in `fit`."""
        self._check_training_data(x, y, check_num_data=False)
        return super().evaluate(x=x, y=y, **kwargs)

    def _check_training_data(self, x: Any, y: Any, split: float = 0.0, check_num_data: bool = True) -> None:
        if isinstance(x, tf.data.Dataset):
            observations_shape = _observations_of(x).shape
        elif checks.is_array_like(x):
            if y is None:
                raise checks.DataError("observations are missing: call with x=aux, y=observations")
            num_data = self.prior.num_data if check_num_data and not split else None
            checks.check_arrays(x, y, self.leading_axes, num_data)
            self.features(x)
            observations_shape = np.shape(y)
        else:
            return
        self._ensure_built(observations_shape)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        aux, observations = _unpack(data)
        with tf.GradientTape() as tape:
            loss, trackers = self._loss(aux, observations)
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_weights
        gradients = tape.gradient(scaled, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return trackers()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        _, trackers = self._loss(*_unpack(data))
        return trackers()

    def _loss(self, aux: Any, observations: tf.Tensor) -> tuple[tf.Tensor, Any]:
        """This replica's share of the mean loss over the global batch, and a function that updates the metrics."""
        terms = self.elbo_terms(aux, observations)
        losses = self.objective(terms.log_likelihood, terms.kl)
        tf.debugging.assert_all_finite(losses, "the loss is not finite: look for NaN in the data or lower the learning rate")

        def update() -> dict[str, tf.Tensor]:
            self._loss_tracker.update_state(losses)
            self.log_likelihood_tracker.update_state(terms.log_likelihood)
            self.kl_tracker.update_state(terms.kl)
            self.elbo_tracker.update_state(terms.log_likelihood - terms.kl)
            return self.get_metrics_result()

        return tf.reduce_sum(losses) / _global_count(losses), update

    # ---- building and serialisation ----

    def _ensure_built(self, observations_shape: tuple[int | None, ...]) -> None:
        event = tuple(observations_shape[self.leading_axes :])
        if not self.built:
            if not self.encoder.built:
                self.encoder.build((None, *event))
            latents = self.encoder.compute_output_shape((None, *event))[-1] // 2
            if not self.decoder.built:
                self.decoder.build((None, latents))
            self._finish_build(event)
        expected = self._observation_shape
        if None not in event and None not in expected and event != expected:
            raise checks.DataError(f"observations have shape {event} each, but the encoder takes {expected}")

    def _finish_build(self, event: tuple[int | None, ...]) -> None:
        outputs = self.encoder.compute_output_shape((None, *event))[-1]
        if outputs % 2:
            raise ValueError(f"the encoder must give 2 L outputs (means, log-variances), but gives {outputs}")
        latents = self.decoder.input_shape[-1]
        if latents is not None and latents != outputs // 2:
            raise ValueError(f"the encoder gives {outputs // 2} latents, but the decoder takes {latents}")
        self._observation_shape = tuple(event)
        self.built = True

    def get_build_config(self) -> dict[str, Any] | None:
        return {"observation_shape": list(self._observation_shape)} if self.built else None

    def build_from_config(self, config: dict[str, Any]) -> None:
        self._ensure_built((None,) * self.leading_axes + tuple(config["observation_shape"]))

    def get_compile_config(self) -> dict[str, Any] | None:
        if not self.compiled:
            return None
        serialize = keras.saving.serialize_keras_object
        return {"optimizer": serialize(self.optimizer), "objective": serialize(self.objective)}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**{key: keras.saving.deserialize_keras_object(value) for key, value in config.items()})
        self.optimizer.build(self.trainable_variables)

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
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "LatentModel":
        deserialized = {key: keras.saving.deserialize_keras_object(value, custom_objects) if _is_object(value) else value
                        for key, value in config.items()}  # fmt: skip
        return cls(**deserialized)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and "class_name" in value


def _unpack(data: Any) -> tuple[Any, tf.Tensor]:
    aux, observations, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if observations is None:
        raise checks.DataError("a batch needs auxiliary data and observations: (aux, observations)")
    if sample_weight is not None:
        raise checks.DataError("sample weights have no meaning for a Gaussian process; leave data out instead")
    return aux, observations


def _observations_of(dataset: tf.data.Dataset) -> tf.TensorSpec:
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2:
        raise checks.DataError("a data set must give pairs (aux, observations)")
    return tree.flatten(spec[1])[0]


def _global_count(per_example: tf.Tensor) -> tf.Tensor:
    """Examples in the batch of all replicas together."""
    count = tf.cast(tf.shape(per_example)[0], per_example.dtype)
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return count
    return context.all_reduce(tf.distribute.ReduceOp.SUM, count)

"""The one model: an encoder, a prior over the latents, and a decoder. Named models differ in the prior.

    aux x -> auxiliary -> features --------+
                                           +-> LatentData -> prior -> q(z | x, y) -> sample z -> decoder -> p(y | z)
    observations y -> encoder -> (y~, s2) -+

Training maximises ``log p(y | z) - beta KL`` per example (eq. 10). This file is the public face: `inputs` checks data,
`training` has the steps, `replicas` what differs on several devices, `conditioning` what the model was given, and
`prediction` the loops over chunks.
"""

import functools
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import instance_of, random_seed
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features import Features
from svgp_vae_tf.likelihoods import Likelihood
from svgp_vae_tf.models import draws, export, inputs, networks, prediction, replicas, serialization, training
from svgp_vae_tf.models.conditioning import Conditioning
from svgp_vae_tf.models.sampler import LatentSampler
from svgp_vae_tf.objectives import ELBO, ElboTerms, Objective
from svgp_vae_tf.priors.base import LatentData, LatentPosterior, Prior

VARIANCE_BOUNDS = (1e-6, 1e3)


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class LatentModel(keras.Model):
    """An encoder, any `Prior` and a decoder, with Keras' own compile, fit, evaluate, predict and save.

    Shapes are (series, points, ...) for a GP per series, or (points, ...) for one GP over a data set, throughout.
    Built in the scope of a `tf.distribute` strategy, it trains on several replicas as on one
    (docs/guides/several_devices.md).

    Args:
        encoder: network from single observations to (2 L,): means, then log-variances of the latent data set; None
            with a prior that needs no data, such as `VariationalGP`.
        decoder: network from single latents (L,) to the likelihood's parameters.
        prior: the prior over the latents; its `num_data` says whether an example is a series or a point.
        likelihood: "bernoulli", "gaussian" or a `Likelihood`.
        auxiliary: turns auxiliary data into features; None takes an array as it is.
        variance_bounds: the encoder's variances stay between these, by a smooth bound on their logarithm.
        seed: seed of the latent samples.

    Raises:
        ValueError: for networks, prior and likelihood that do not fit together.
    """

    built: bool
    prior_arguments: ClassVar[tuple[str, ...] | None] = None
    """For named models: the constructor's arguments that make the prior, by their names in the prior's config."""

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
        # without Keras' casts, which would round auxiliary data and the prior's weights to the networks' type
        super().__init__(autocast=False, **kwargs)
        # files hold weights in the order in which these are set
        self.encoder = None if encoder is None else instance_of("encoder", encoder, keras.layers.Layer)
        self.decoder = instance_of("decoder", decoder, keras.layers.Layer)
        self.prior = instance_of("prior", prior, Prior)
        self.likelihood = networks.resolve_likelihood(likelihood)
        self.auxiliary = Features() if auxiliary is None else instance_of("auxiliary", auxiliary, Features)
        self.variance_bounds = networks.validate_bounds(variance_bounds)
        self.seed = random_seed("seed", seed)
        self.sampler = LatentSampler(self.seed)
        self.conditioning = Conditioning(prior, self._weights_of_statistics)
        self.inputs_gate = inputs.InputGate(self)
        self.trainer = replicas.trainer_for(self)
        # points, or series, of all training steps; no weight, so that files are the same with and without it
        self.points_seen = tf.Variable(
            0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )
        self.log_likelihood_tracker, self.kl_tracker, self.elbo_tracker, self.mse_tracker = (
            keras.metrics.Mean(name=name) for name in ("log_likelihood", "kl", "elbo", "mse")
        )
        event = networks.known_event(encoder, decoder)
        if event:
            self.ensure_built((None,) * self.batch_rank + event)

    # ---- networks and latents ----

    @property
    def batch_rank(self) -> int:
        """Axes before features and observations: 2 for series (series, points), 1 for one data set (points)."""
        return 2 if self.prior.num_data is None else 1

    def features(self, aux: Any, training: bool = False) -> tf.Tensor:
        """Features (..., n, D) of auxiliary data, float64; DataError or ValueError if the prior cannot use them."""
        return inputs.features(self.auxiliary, self.prior, aux, self.batch_rank, training)

    def encode(self, observations: tf.Tensor, training: bool = False, features: tf.Tensor | None = None) -> LatentData:
        """The latent data set of observations (..., n, *observation): means y~ and bounded variances s2 (..., n, L).

        ``features`` (..., n, D) are passed on to the prior; conditional networks see them as well.
        """
        if self.encoder is None:
            return LatentData(features, None, None)
        event = self.observation_shape if self.built else tuple(observations.shape[self.batch_rank :])
        flat = self.network_inputs(tf.reshape(observations, [-1, *event]), features)
        leading = tf.unstack(tf.shape(observations)[: self.batch_rank])
        outputs = tf.reshape(self.encoder(flat, training=training), [*leading, 2 * self.num_latents])
        return LatentData(features, *networks.bounded_moments(outputs, self.variance_bounds))

    def decode(self, latents: tf.Tensor, training: bool = False, features: tf.Tensor | None = None) -> tf.Tensor:
        """The likelihood's parameters for latents (..., L), never in half precision."""
        flat = tf.reshape(tf.cast(latents, self.compute_dtype), [-1, self.num_latents])
        outputs = tf.cast(self.decoder(self.network_inputs(flat, features), training=training), self.variable_dtype)
        return tf.reshape(outputs, [*tf.unstack(tf.shape(latents)[:-1]), *outputs.shape[1:]])

    def network_inputs(self, tensor: tf.Tensor, features: tf.Tensor | None) -> Any:
        """The input of a network; conditional models add something of the features."""
        return tensor

    def posterior(self, aux: Any, observations: tf.Tensor) -> LatentPosterior:
        """q(z | x, y) at the data themselves, given just these data."""
        return self.latent_posterior(self.encode(observations, features=self.features(aux)))

    def latent_posterior(self, data: LatentData, training: bool = False) -> LatentPosterior:
        """The prior's posterior of a batch; models whose prior needs more than the batch override it."""
        return self.prior(data)

    def sample_latents(self, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
        """One draw per latent from independent Gaussians, in the networks' dtype."""
        return self.sampler(mean, variance)

    def elbo_terms(self, aux: Any, observations: tf.Tensor, training: bool = False) -> ElboTerms:
        """Per-example terms of the ELBO for a batch, with one latent sample (eq. 10)."""
        features = self.features(aux, training)
        if training:
            self.prior.validate_training(tuple(features.shape))
        q = self.latent_posterior(self.encode(observations, training, features), training)
        outputs = self.decode(self.sample_latents(q.mean, q.variance), training, features)
        return self.terms(outputs, observations, q.kl)

    def terms(self, outputs: tf.Tensor, observations: tf.Tensor, kl: tf.Tensor) -> ElboTerms:
        """`ElboTerms` of decoded outputs and the KL per example, (batch,) or ()."""
        log_likelihood, mse = self.likelihood.per_example(outputs, observations)
        kl = tf.cast(kl, log_likelihood.dtype) + tf.zeros_like(log_likelihood)
        return ElboTerms(log_likelihood, kl, mse, num_values=tf.reduce_prod(tf.shape(outputs)[1:]))

    # ---- training ----

    def compile(self, optimizer: Any = "adam", objective: Objective | None = None, **kwargs) -> None:
        """Set the optimiser and the objective (`ELBO` by default); other arguments as for Keras, but no loss.

        Raises:
            ValueError: for arguments that have no meaning here, or that several replicas cannot share.
        """
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if kwargs.get(name) is not None:
                raise ValueError(f"a model has no {name} to set: `objective` is what training minimises")
        with self.distribute_strategy.scope():
            super().compile(optimizer=optimizer, **kwargs)
            self.objective = ELBO() if objective is None else instance_of("objective", objective, Objective)
        training.leave_to_adam(self)
        self.trainer.validate()

    def fit(self, x: Any = None, y: Any = None, **kwargs) -> keras.callbacks.History:
        """Train with Keras' `fit`. What the model was conditioned on belongs to the old weights: give it anew.

        Args:
            x: auxiliary data: an array (series, points[, D]) or (points, D), a dict of named arrays, or a DataFrame;
                or a `tf.data.Dataset`, `keras.utils.PyDataset` or generator of batches (aux, observations).
            y: observations (series, points, ...) or (points, ...), unless x gives them.
            kwargs: as for Keras.

        Raises:
            DataError: for data of wrong shapes, or that are not finite.
            WorkerLostError: when another worker dies.
        """
        return training.fit(self, super().fit, x, y, kwargs)

    def before_training(self, x: Any, y: Any) -> None:
        """Called by `fit` with checked data; models that need all data at each step keep them here."""
        if inputs.is_array_like(x):
            self.prior.validate_training(self.inputs_gate.feature_shape(x))

    def evaluate(self, x: Any = None, y: Any = None, **kwargs) -> Any:
        """Loss and ELBO terms on data, with Keras' `evaluate`. Arguments and errors as in `fit`."""
        return training.evaluate(self, super().evaluate, x, y, kwargs)

    def train_on_batch(self, x: Any, y: Any = None, *args, **kwargs) -> Any:
        """Keras' `train_on_batch`, with checked data; see `fit`."""
        self.trainer.refuse_single_batch("train_on_batch", "fit")
        x, y = self.inputs_gate.batch((x, y))
        return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args, **kwargs) -> Any:
        """Keras' `test_on_batch`, with checked data."""
        self.trainer.refuse_single_batch("test_on_batch", "evaluate")
        x, y = self.inputs_gate.batch((x, y))
        return super().test_on_batch(x, y, *args, **kwargs)

    train_step, test_step = training.train_step, training.test_step

    def make_train_function(self, force: bool = False) -> None:
        """Set the function that `fit` calls with an iterator of batches."""
        self.trainer.make_function("train", super().make_train_function, force)

    def make_test_function(self, force: bool = False) -> None:
        """Set the function that `evaluate` calls with an iterator of batches."""
        self.trainer.make_function("test", super().make_test_function, force)

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        default = functools.partial(super()._maybe_symbolic_build, iterator=iterator, data_batch=data_batch)
        self.trainer.symbolic_build(default)

    # ---- conditioning and prediction ----

    def _weights_of_statistics(self) -> list[keras.Variable]:
        """The weights that statistics of data depend on; the decoder is free to change."""
        parts = (self.encoder, self.auxiliary, self.prior) if self.prior.keeps_data else ()
        return [weight for part in parts if part is not None for weight in part.weights]

    condition, update, forget = prediction.condition, prediction.update, prediction.forget
    posterior_latents, reconstruct = prediction.posterior_latents, prediction.reconstruct
    predict_latent, predict_on_batch = prediction.predict_latent, prediction.predict_on_batch
    sample_latent, sample = draws.sample_latent, draws.sample

    def predict(self, x: Any, batch_size: int | None = None, **kwargs) -> np.ndarray:
        """Mean observations at new auxiliary inputs: the decoded posterior mean of the latents.

        Args:
            x: auxiliary data as arrays; or a `tf.data.Dataset`, `keras.utils.PyDataset` or generator of batches of them
                (observations beside them are left out). For series, row i of all is asked of the i-th conditioned one.
            batch_size: examples at a time, 256 by default, in whatever batches they came.
            kwargs: as for Keras; without effect where workers train together, each of which predicts for itself.

        Returns:
            Shape (series, points, *observation) or (points, *observation).

        Raises:
            NotConditionedError: before `condition`.
            DataError: for inputs of a wrong shape, or that are not finite.
        """
        return prediction.predict(self, super().predict, x, batch_size, kwargs)

    def predict_step(self, data: Any) -> tf.Tensor:
        """Mean observations of one batch of `predict`."""
        inputs_, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return prediction.mean(self, inputs_["aux"], self.conditioning.prepared(inputs_["series"]))

    def call(self, aux: Any, series: tf.Tensor | None = None) -> tf.Tensor:
        """Mean observations at new inputs (see `predict`) of these conditioned series, of all if None."""
        return prediction.mean(self, aux, self.conditioning.posterior(series))

    # ---- building and serialisation ----

    def ensure_built(self, observations_shape: tuple[int | None, ...]) -> None:
        """Build what is not built, for observations of this shape.

        Raises:
            DataError: if the model was built for another shape.
        """
        event = tuple(observations_shape[self.batch_rank :])
        if not self.built:
            self.num_latents = networks.build(self, event)
            self.observation_shape = event
            self.built = True
        expected = self.observation_shape
        if None not in event and None not in expected and event != expected:
            raise DataError(f"observations have shape {event} each, but the encoder takes {expected}")

    export = export.export
    get_config, get_compile_config = serialization.get_config, serialization.get_compile_config
    save, save_weights = serialization.save, serialization.save_weights

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape of single observations."""
        return {"observation_shape": list(self.observation_shape)} if self.built else None

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the saved shape of observations."""
        self.ensure_built((None,) * self.batch_rank + tuple(config["observation_shape"]))

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "LatentModel":
        """A model from `get_config`."""
        return cls(**serialization.arguments(config, custom_objects))

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as saved, and build the optimiser's variables."""
        self.compile(**serialization.arguments(config))
        self.optimizer.build(self.trainable_variables)

"""Training: Keras' compile, fit and evaluate, which maximise ``log p(y | z) - beta KL`` per example (eq. 10)."""

from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.distribution import num_replicas, sum_over_replicas
from svgp_vae_tf.gp import linalg
from svgp_vae_tf.models import checks, replicas
from svgp_vae_tf.models.prediction import PredictiveModel
from svgp_vae_tf.objectives import ELBO, Objective


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class LatentModel(replicas.ReplicaTrainer, PredictiveModel):
    """An encoder, any `Prior` and a decoder, with Keras' own compile, fit, evaluate, predict and save.

    Built in the scope of a `tf.distribute` strategy, it trains on several replicas as on one (docs/distribution.md).

    Arguments as for `LatentCore`. The models of the paper are subclasses that make the prior themselves.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.log_likelihood_tracker = keras.metrics.Mean(name="log_likelihood")
        self.kl_tracker = keras.metrics.Mean(name="kl")
        self.elbo_tracker = keras.metrics.Mean(name="elbo")
        self.mse_tracker = keras.metrics.Mean(name="mse")

    def compile(self, optimizer: Any = "adam", objective: Objective | None = None, **kwargs) -> None:
        """Set the optimiser and the objective (`ELBO` by default). Other arguments as for Keras, but no loss.

        Raises:
            ValueError: for arguments that have no meaning here, or that several replicas cannot share.
        """
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if kwargs.get(name) is not None:
                raise ValueError(f"a model has no {name} to set: `objective` is what training minimises")
        with self.distribute_strategy.scope():
            super().compile(optimizer=optimizer, **kwargs)
            self.objective = ELBO() if objective is None else objective
        self.validate_replicas()

    def fit(self, x: Any = None, y: Any = None, **kwargs) -> keras.callbacks.History:
        """Train with Keras' `fit`.

        Args:
            x: auxiliary data, an array or a dict of named arrays; or a `tf.data.Dataset` of (aux, observations).
            y: observations.
            kwargs: as for Keras.

        Raises:
            DataError: for data of wrong shapes, or that are not finite.
            WorkerLostError: when another worker dies.
        """
        _refuse_weights(kwargs)
        x, y = self._checked(x, y, check_num_data=not kwargs.get("validation_split"))
        if checks.is_array_like(x):
            self.prior.validate_training(tuple(self.features(x).shape))
        elif isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)  # Keras' default only makes it warn that it cannot
        self.evidence.clear()
        try:
            with checks.graph_errors_in_one_line(), replicas.lost_workers_in_one_line(self.distribute_strategy):
                x, y, kwargs = self.split_for_fit(x, y, kwargs)
                history = super().fit(x=x, y=y, **kwargs)
                if not history.history and kwargs.get("initial_epoch", 0) < kwargs.get("epochs", 1):
                    raise checks.DataError(checks.NO_BATCH)
                return history
        finally:
            self.evidence.clear()  # a callback may have conditioned, with the weights of its time

    def validate_replicas(self) -> None:
        super().validate_replicas()
        if self.num_replicas > 1:
            self.prior.validate_replicas()

    def train_on_batch(self, *args, **kwargs) -> Any:
        """Keras' `train_on_batch`; like `fit` it clears the posterior."""
        if self.num_replicas > 1:
            raise ValueError("train_on_batch would give each replica the whole batch: call fit")
        self.evidence.clear()
        return super().train_on_batch(*args, **kwargs)

    def test_on_batch(self, *args, **kwargs) -> Any:
        """Keras' `test_on_batch`."""
        if self.num_replicas > 1:
            raise ValueError("test_on_batch would give each replica the whole batch: call evaluate")
        return super().test_on_batch(*args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, **kwargs) -> Any:
        """Loss and ELBO terms on data, with Keras' `evaluate`. Arguments as in `fit`."""
        _refuse_weights(kwargs)
        x, y = self._checked(x, y, check_num_data=False)
        with checks.graph_errors_in_one_line(), replicas.lost_workers_in_one_line(self.distribute_strategy):
            x, y, kwargs = self.split_for_evaluate(x, y, kwargs)
            found = super().evaluate(x=x, y=y, **kwargs)
            if isinstance(found, dict | list) and not found:
                raise checks.DataError(checks.NO_BATCH)
            return found

    def _checked(self, x: Any, y: Any, check_num_data: bool) -> tuple[Any, Any]:
        """The data, arrays as NumPy arrays. Generators are passed on as they are."""
        if x is None:
            raise checks.DataError("there are no data: call with x=aux, y=observations")
        if isinstance(x, tf.data.Dataset):
            self._ensure_batches(checks.observations_spec(x).shape)
            if x.cardinality() == 0:
                raise checks.DataError(checks.NO_BATCH)
        elif checks.is_array_like(x):
            if y is None:
                raise checks.DataError("observations are missing: call with x=aux, y=observations")
            x, y = self._check_arrays(x, y, self.prior.num_data if check_num_data else None)
            checks.check_resolution(x, self.batch_rank, self.auxiliary.allow_near_duplicates)
            self.likelihood.validate_observations(y)
            self.auxiliary.validate_batches(x)
            self.features(x)
            self._ensure_built(y.shape)
        return x, y

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        aux, observations = _unpack(data)
        with tf.GradientTape() as tape:
            loss, trackers = self._loss(aux, observations, training=True)
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_weights
        # dense also for tables of which a batch sees some rows: Adam's moments of the others go on like all
        dense = [None if g is None else tf.convert_to_tensor(g) for g in tape.gradient(scaled, variables)]
        gradients = self.summed_and_clipped(self._in_one_dtype(dense))
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return trackers()

    def _in_one_dtype(self, gradients: list[tf.Tensor | None]) -> list[tf.Tensor | None]:
        """Cast if need be: sums over replicas and global norms fail on mixed dtypes. The optimiser casts back."""
        optimizer: Any = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        if optimizer.global_clipnorm is None and num_replicas() == 1:
            return gradients
        return [None if gradient is None else tf.cast(gradient, linalg.DTYPE) for gradient in gradients]

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        _, trackers = self._loss(*_unpack(data), training=False)
        return trackers()

    def _loss(self, aux: Any, observations: tf.Tensor, training: bool) -> tuple[tf.Tensor, Any]:
        """This replica's share of the mean loss over the global batch, and a function that updates the metrics."""
        self._clear_losses()
        terms = self.elbo_terms(aux, observations, training)
        losses = self.objective(terms, training=training)
        if self.losses:  # what networks add: regularisers, activity
            losses += tf.add_n([tf.cast(loss, losses.dtype) for loss in self.losses])
        # of all replicas: where one stopped for its own rows alone, the others would wait for it
        tf.debugging.assert_all_finite(sum_over_replicas(tf.reduce_sum(losses)), checks.NOT_FINITE)

        def update() -> dict[str, tf.Tensor]:
            _track(
                (self._loss_tracker, losses),
                (self.log_likelihood_tracker, terms.log_likelihood),
                (self.kl_tracker, terms.kl),
                (self.elbo_tracker, terms.log_likelihood - terms.kl),
                (self.mse_tracker, terms.mse),
            )
            return {**self.get_metrics_result(), **(self.objective.logs() if training else {})}

        return tf.reduce_sum(losses) / _global_count(losses), update

    def get_compile_config(self) -> dict[str, Any] | None:
        if not self.compiled:
            return None
        serialize = keras.saving.serialize_keras_object
        return {"optimizer": serialize(self.optimizer), "objective": serialize(self.objective)}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**{key: keras.saving.deserialize_keras_object(value) for key, value in config.items()})
        self.optimizer.build(self.trainable_variables)


def _refuse_weights(kwargs: dict[str, Any]) -> None:
    """Raise DataError for weights of data among the arguments of `fit` or `evaluate`."""
    held_out = kwargs.get("validation_data")
    weighted = isinstance(held_out, tuple | list) and len(held_out) > 2 and held_out[2] is not None
    if weighted or any(kwargs.get(name) is not None for name in ("class_weight", "sample_weight")):
        raise checks.DataError(checks.NO_WEIGHTS)


def _unpack(data: Any) -> tuple[Any, tf.Tensor]:
    aux, observations, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if observations is None:
        raise checks.DataError("a batch needs auxiliary data and observations: (aux, observations)")
    if sample_weight is not None:
        raise checks.DataError(checks.NO_WEIGHTS)
    # a replica may be without rows; `replicas.split` has seen to the whole batch
    return aux, checks.check_batch(aux, observations) if num_replicas() == 1 else observations


def _track(*tracked: tuple[keras.metrics.Metric, tf.Tensor]) -> None:
    """Update metrics with what examples contribute, (batch,) each; on each replica with those of all replicas."""
    if num_replicas() == 1:
        for tracker, values in tracked:
            tracker.update_state(values)
        return
    sums = [tf.cast(tf.reduce_sum(values), linalg.DTYPE) for _, values in tracked]
    *totals, count = tf.unstack(sum_over_replicas(tf.stack([*sums, tf.cast(tf.shape(tracked[0][1])[0], linalg.DTYPE)])))
    for (tracker, _), total in zip(tracked, totals, strict=True):
        tracker.update_state(total / count, sample_weight=count)


def _global_count(per_example: tf.Tensor) -> tf.Tensor:
    """Examples in the batch of all replicas together."""
    return sum_over_replicas(tf.cast(tf.shape(per_example)[0], per_example.dtype))

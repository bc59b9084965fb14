"""Training: what `fit` and `evaluate` do beside Keras, and the steps, which are methods of `LatentModel`."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.distribution import sum_over_replicas
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.models import inputs, replicas
from svgp_vae_tf.models.containers import NO_WEIGHTS
from svgp_vae_tf.models.translation import with_one_line_errors

NOT_FINITE = "the loss is not finite: look for NaN in the data or lower the learning rate"

Logs = dict[str, tf.Tensor]


def fit(model: Any, keras_fit: Callable[..., Any], x: Any, y: Any, kwargs: dict[str, Any]) -> keras.callbacks.History:
    """`LatentModel.fit`: check the data, and let Keras train."""
    inputs.refuse_weights(kwargs)
    x, y = model.inputs_gate.training(x, y, model.prior.num_data, inputs.checks.split_share(kwargs))
    kwargs = model.inputs_gate.counted(x, model.inputs_gate.validation(kwargs))
    if isinstance(x, tf.data.Dataset | Iterator):
        kwargs = {"shuffle": False, **kwargs}  # Keras' default makes it warn that it cannot
    model.before_training(x, y)
    x, y, kwargs = model.trainer.split_for_fit(x, y, kwargs)
    history = with_one_line_errors(model.distribute_strategy, keras_fit, x=x, y=y, **kwargs)
    require_finite_weights(model)
    if not history.history and kwargs.get("initial_epoch", 0) < kwargs.get("epochs", 1):
        raise DataError(inputs.NO_BATCH)
    return history


def require_finite_weights(model: Any) -> None:
    """Raise DataError for a model that training has spoilt: a step checks its loss, but not its gradients."""
    for weight in model.trainable_weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise DataError(
                f"{weight.path} is not finite after training: lower the learning rate, or clip gradients; a kernel "
                "must have a gradient at equal inputs, which TFP's GammaExponential with a power below 1 has not"
            )


def leave_to_adam(model: Any) -> None:
    """Keep `keras.optimizers.Muon` to the matrices of networks, by its `exclude_layers`.

    Its step makes a matrix orthogonal. Inducing points and tables of vectors are matrices too, but no linear maps.
    """
    optimizer = replicas.inner_optimizer(model.optimizer)
    if not isinstance(optimizer, keras.optimizers.Muon):
        return
    networks = (model.encoder, model.decoder, getattr(model.auxiliary, "network", None))
    within = {id(weight) for network in networks if network is not None for weight in network.weights}
    paths = [f"^{re.escape(weight.path)}$" for weight in model.trainable_weights if id(weight) not in within]
    optimizer.exclude_layers = list(dict.fromkeys([*optimizer.exclude_layers, *paths]))


def evaluate(model: Any, keras_evaluate: Callable[..., Any], x: Any, y: Any, kwargs: dict[str, Any]) -> Any:
    """`LatentModel.evaluate`: check the data, and let Keras evaluate."""
    inputs.refuse_weights(kwargs)
    x, y = model.inputs_gate.training(x, y)
    x, y, kwargs = model.trainer.split_for_evaluate(x, y, kwargs)
    result = with_one_line_errors(model.distribute_strategy, keras_evaluate, x=x, y=y, **kwargs)
    if isinstance(result, dict | list) and not result:
        raise DataError(inputs.NO_BATCH)
    return result


def train_step(model: Any, data: Any) -> Logs:
    """Take one step of the optimiser on a batch (aux, observations), and return the logs.

    Keras' own step would call the model on the auxiliary data alone.
    """
    with tf.GradientTape() as tape:
        loss, update = batch_loss(model, *unpack(data), training=True)
        scaled = model.optimizer.scale_loss(loss)
    variables = model.trainable_weights
    # densify sparse gradients, so that Adam's moments of table rows absent from the batch decay too
    dense = [None if g is None else tf.convert_to_tensor(g) for g in tape.gradient(scaled, variables)]
    if not model.optimizer.built:
        model.optimizer.build(variables)  # XLA could not lift variables that are created after the loss
    with tf.control_dependencies([loss]):  # of a batch that fails, neither weights nor the count of steps change
        model.optimizer.apply_gradients(zip(model.trainer.combined(dense), variables, strict=True))
    return update()


def test_step(model: Any, data: Any) -> Logs:
    """Update the metrics with a batch (aux, observations), and return the logs."""
    return batch_loss(model, *unpack(data), training=False)[1]()


def batch_loss(model: Any, aux: Any, observations: tf.Tensor, training: bool) -> tuple[tf.Tensor, Callable[[], Logs]]:
    """This replica's share of the mean loss over the global batch, and a function that updates the metrics."""
    model._clear_losses()
    terms = model.elbo_terms(aux, observations, training)
    losses = model.objective(terms, training=training)
    if model.losses:  # regularisers of networks
        losses += tf.add_n([tf.cast(loss, losses.dtype) for loss in model.losses])
    # check the sum over replicas: if only one raised, the others would hang
    finite = tf.debugging.assert_all_finite(sum_over_replicas(tf.reduce_sum(losses)), NOT_FINITE)

    def update() -> Logs:
        model.trainer.track(
            (model._loss_tracker, losses),
            (model.log_likelihood_tracker, terms.log_likelihood),
            (model.kl_tracker, terms.kl),
            (model.elbo_tracker, terms.log_likelihood - terms.kl),
            (model.mse_tracker, terms.mse),
        )
        return {**model.get_metrics_result(), **(model.objective.logs() if training else {})}

    count = sum_over_replicas(tf.cast(tf.shape(losses)[0], losses.dtype))
    if training:
        model.points_seen.assign_add(tf.cast(count, tf.int64))
    with tf.control_dependencies([finite]):
        return tf.reduce_sum(losses) / count, update


def unpack(data: Any) -> tuple[Any, tf.Tensor]:
    """Auxiliary data and observations of a batch.

    Raises:
        DataError: for a batch without observations, or with weights.
    """
    aux, observations, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if observations is None:
        raise DataError("a batch needs auxiliary data and observations: (aux, observations)")
    if sample_weight is not None:
        raise DataError(NO_WEIGHTS)
    return aux, tf.convert_to_tensor(observations)

"""Conditioning and prediction, in chunks.

The functions whose first argument is a model are methods of `LatentModel`, unless their name begins with an underscore.
Features of the data are computed once per call.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from svgp_vae_tf.arrays import is_array_like
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.models import replicas
from svgp_vae_tf.models.conditioning import require_finite
from svgp_vae_tf.models.inputs import NO_BATCH, chunk_size
from svgp_vae_tf.priors.base import Posterior, SufficientStatistics


class LatentMoments(NamedTuple):
    """Means and marginal variances of latents, each (..., n, L), float64."""

    mean: np.ndarray
    variance: np.ndarray


def condition(model: Any, aux: Any, observations: Any = None, batch_size: int | None = None) -> None:
    """Give the model observed data, replacing what it was given before.

    Args:
        model: a `LatentModel`.
        aux: auxiliary data, in any container that `fit` takes.
        observations: what was observed there, unless aux gives it.
        batch_size: how many examples to hold in memory at a time, 256 by default.

    Raises:
        DataError: for data of wrong shapes, or that are not finite.
    """
    model.conditioning.set(_statistics(model, aux, observations, batch_size))


def update(model: Any, aux: Any, observations: Any = None, batch_size: int | None = None) -> None:
    """Add data: the same as conditioning on all of them at once. Arguments and errors as in `condition`."""
    model.conditioning.require()
    model.conditioning.add(_statistics(model, aux, observations, batch_size))


def forget(model: Any, aux: Any, observations: Any = None, batch_size: int | None = None) -> None:
    """Remove data that were given before. Arguments and errors as in `condition`.

    A sparse posterior keeps only sums: it refuses data that it cannot have been given, but does not notice all.
    """
    model.conditioning.require()
    model.conditioning.remove(_statistics(model, aux, observations, batch_size))


def _statistics(model: Any, aux: Any, observations: Any, batch_size: int | None) -> SufficientStatistics:
    """Sufficient statistics of observed data, chunk by chunk."""
    if replicas.in_scope_of_workers():
        raise ValueError("call condition, update and forget outside of strategy.scope(): in it workers wait for "
                         "each other")  # fmt: skip

    def of_chunk(features: tf.Tensor, chunk: tf.Tensor, factors: tuple[tf.Tensor, ...]) -> SufficientStatistics:
        return model.prior.statistics(model.encode(chunk, features=features), factors)

    compiled = tf.function(of_chunk, reduce_retracing=True, autograph=False)
    chunks = model.inputs_gate.observed(aux, observations, batch_size)
    pairs = ((model.features(chunk.aux), chunk.observations) for chunk in chunks)

    def summarise(*chunk: Any) -> SufficientStatistics:
        nonlocal first
        function, first = (of_chunk if first else compiled), False  # run the first eagerly: often it is the only one
        return function(*chunk)

    first = True
    return model.conditioning.collect(pairs, summarise)


def posterior_latents(model: Any, aux: Any, observations: Any = None, batch_size: int | None = None) -> LatentMoments:
    """Posterior of the latents at observed points, each moment (..., n, L).

    Of series, each given its own points alone, whose observations are needed; of one data set, given what the model was
    conditioned on, so that only the inputs count. Arguments and errors as in `condition`.
    """
    if model.prior.num_data is not None:
        return predict_latent(model, aux, batch_size)
    return _moments(q for _, q in _series_posteriors(model, aux, observations, batch_size))


def reconstruct(model: Any, aux: Any, observations: Any = None, batch_size: int | None = None) -> np.ndarray:
    """Mean observations (..., n, *observation) at the posterior means of `posterior_latents`."""
    if model.prior.num_data is not None:
        return _joined(decode_mean(model, q[0], f).numpy() for f, q in _predictions(model, aux, batch_size))
    found = _series_posteriors(model, aux, observations, batch_size)
    return _joined(decode_mean(model, q.mean, features).numpy() for features, q in found)


def _series_posteriors(model: Any, aux: Any, observations: Any, batch_size: int | None) -> Any:
    """Features and posterior of chunks of series, each series given its own points alone."""
    for chunk in model.inputs_gate.observed(aux, observations, batch_size):
        features = model.features(chunk.aux)
        data = model.encode(chunk.observations, features=features)
        require_finite(data[1:])
        yield features, model.latent_posterior(data)


def predict(
    model: Any, keras_predict: Callable[..., Any], x: Any, batch_size: int | None, kwargs: dict[str, Any]
) -> np.ndarray:
    """`LatentModel.predict`: check the inputs, and let Keras loop."""
    steps = None if is_array_like(x) else kwargs.pop("steps", None)
    dataset = as_dataset(*new_inputs(model, x, steps), batch_size)
    model.conditioning.prepare()
    if replicas.several_workers(model.distribute_strategy):  # each for itself, so that none waits for another
        return np.concatenate([model.predict_step(batch).numpy() for batch in dataset])
    return keras_predict(dataset, **kwargs)


def predict_on_batch(model: Any, x: Any) -> np.ndarray:
    """`predict` without a loop: all inputs pass through the networks at once. Arguments and errors as there."""
    aux, series = new_inputs(model, x)
    model.conditioning.prepare()
    return model.predict_step({"aux": aux, "series": series}).numpy()


def new_inputs(model: Any, aux: Any, steps: int | None = None) -> tuple[Any, np.ndarray]:
    """New inputs as arrays, checked, and the rows of the series that they are asked of.

    Args:
        model: a `LatentModel`.
        aux: arrays, or a container of batches, of which the rows continue from batch to batch.
        steps: how many batches of a container to take, None for all.

    Raises:
        NotConditionedError: before `condition`.
        DataError: for inputs of a wrong shape, or for another number of series.
    """
    model.conditioning.require()
    aux, count = model.inputs_gate.new(aux, steps)
    held = model.conditioning.num_series
    if held not in (None, count):
        raise DataError(f"the posterior holds {held} series, but inputs for {count} were given")
    return aux, np.arange(count)


def as_dataset(aux: Any, series: np.ndarray, batch_size: int | None) -> tf.data.Dataset:
    """Inputs of `predict_step` in batches; from arrays, Keras would round them to its float type."""
    dataset = tf.data.Dataset.from_tensor_slices({"aux": aux, "series": series})
    return dataset.batch(chunk_size(batch_size))


def _predictions(model: Any, aux: Any, batch_size: int | None) -> Any:
    """Features, and mean and variance of the latents there, of chunks of new inputs."""
    aux, _ = new_inputs(model, aux)
    model.conditioning.prepare()
    for chunk in model.inputs_gate.chunks(aux, None, chunk_size(batch_size)):
        features = model.features(chunk.aux)
        yield features, model.conditioning.prepared(tf.constant(chunk.rows)).predict(features)


def predict_latent(model: Any, aux: Any, batch_size: int | None = None) -> LatentMoments:
    """Posterior mean and variance of the latents at new inputs, each (..., n, L). Arguments as in `predict`."""
    return _moments(LatentMoments(*q) for _, q in _predictions(model, aux, batch_size))


def mean(model: Any, aux: Any, posterior: Posterior) -> tf.Tensor:
    """Decoded posterior mean of the latents at new inputs."""
    features = model.features(aux)
    return decode_mean(model, posterior.predict(features)[0], features)


def decode_mean(model: Any, latents: Any, features: tf.Tensor) -> tf.Tensor:
    """Mean observations for latents (..., L)."""
    return model.likelihood.mean(model.decode(tf.convert_to_tensor(latents), features=features))


def _moments(parts: Any) -> LatentMoments:
    moments = [(q.mean, q.variance) for q in parts]
    return LatentMoments(*(_joined(q[i] for q in moments) for i in range(2)))


def _joined(parts: Iterable[Any]) -> np.ndarray:
    """Results of chunks, one after the other.

    Raises:
        DataError: if there are none, or their series differ in length.
    """
    arrays = [np.asarray(part) for part in parts]
    if not arrays:
        raise DataError(NO_BATCH)
    if len({array.shape[1:] for array in arrays}) > 1:
        raise DataError("batches hold series of different lengths, whose results make no array: give them one length")
    return np.concatenate(arrays)

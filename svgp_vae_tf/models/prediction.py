"""What a trained model answers, in loops over chunks: conditioning, posterior latents, predictions and samples.

Each function is the body of the `LatentModel` method of the same name. Features of the data are computed once per call.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.models import replicas
from svgp_vae_tf.models.inputs import chunk_size
from svgp_vae_tf.priors.base import Posterior, SufficientStatistics


class LatentMoments(NamedTuple):
    """Means and marginal variances of latents, each (..., n, L), float64."""

    mean: np.ndarray
    variance: np.ndarray


def statistics(model: Any, aux: Any, observations: Any, batch_size: int | None) -> SufficientStatistics:
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


def posterior_latents(model: Any, aux: Any, observations: Any, batch_size: int | None) -> LatentMoments:
    """Posterior of the latents at observed points."""
    if model.prior.num_data is not None:
        return predict_latent(model, aux, batch_size)
    return _moments(q for _, q in _series_posteriors(model, aux, observations, batch_size))


def reconstruct(model: Any, aux: Any, observations: Any, batch_size: int | None) -> np.ndarray:
    """Mean observations at the posterior means of observed points."""
    if model.prior.num_data is not None:
        return np.concatenate([decode_mean(model, q[0], f).numpy() for f, q in _predictions(model, aux, batch_size)])
    found = _series_posteriors(model, aux, observations, batch_size)
    return np.concatenate([decode_mean(model, q.mean, features).numpy() for features, q in found])


def _series_posteriors(model: Any, aux: Any, observations: Any, batch_size: int | None) -> Any:
    """Features and posterior of chunks of series, each series given its own points alone."""
    for chunk in model.inputs_gate.observed(aux, observations, batch_size):
        features = model.features(chunk.aux)
        yield features, model.latent_posterior(model.encode(chunk.observations, features=features))


def new_inputs(model: Any, aux: Any) -> tuple[Any, np.ndarray]:
    """New inputs as arrays, checked, and the rows of the series that they are asked of.

    Raises:
        NotConditionedError: before `condition`.
        DataError: for inputs of a wrong shape, or for another number of series.
    """
    model.conditioning.require()
    aux, count = model.inputs_gate.new(aux)
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
    of_data_set = None if model.prior.num_data is None else model.conditioning.posterior()
    for chunk in model.inputs_gate.chunks(aux, None, chunk_size(batch_size)):
        features = model.features(chunk.aux)
        posterior = of_data_set or model.conditioning.posterior(tf.constant(chunk.rows))
        yield features, posterior.predict(features)


def predict_latent(model: Any, aux: Any, batch_size: int | None) -> LatentMoments:
    """Posterior moments of the latents at new inputs."""
    return _moments(LatentMoments(*q) for _, q in _predictions(model, aux, batch_size))


def sample_latent(
    model: Any, aux: Any, num_samples: int, joint: bool, seed: int | None
) -> tuple[np.ndarray, tf.Tensor]:
    """Draws of the latents at new inputs, and the features there."""
    if num_samples < 1:
        raise ValueError(f"num_samples must be at least 1, got {num_samples}")
    aux, _ = new_inputs(model, aux)
    features = model.features(aux)
    generator = model.sampler.generator if seed is None else keras.random.SeedGenerator(seed)
    return model.conditioning.posterior().draw(features, num_samples, joint, generator).numpy(), features


def sample(model: Any, aux: Any, num_samples: int, joint: bool, seed: int | None) -> np.ndarray:
    """Mean observations of latent draws."""
    latents, features = sample_latent(model, aux, num_samples, joint, seed)
    return np.stack([decode_mean(model, draw, features).numpy() for draw in latents])


def mean(model: Any, aux: Any, posterior: Posterior) -> tf.Tensor:
    """Decoded posterior mean of the latents at new inputs."""
    features = model.features(aux)
    return decode_mean(model, posterior.predict(features)[0], features)


def decode_mean(model: Any, latents: Any, features: tf.Tensor) -> tf.Tensor:
    """Mean observations for latents (..., L)."""
    return model.likelihood.mean(model.decode(tf.convert_to_tensor(latents), features=features))


def _moments(parts: Any) -> LatentMoments:
    means, variances = zip(*((q.mean, q.variance) for q in parts), strict=True)
    return LatentMoments(np.concatenate(means), np.concatenate(variances))

"""What a trained model answers: the posterior given data, predictions at new inputs, samples.

Evidence adds up, so data of any size pass through in chunks, later data are added and old data taken out again.
"""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from svgp_vae_tf.gp import linalg
from svgp_vae_tf.models import checks, replicas
from svgp_vae_tf.models.core import LatentCore
from svgp_vae_tf.priors.base import Evidence

CHUNK = 256
"""Series, or points of one data set, that go through the networks at a time, unless a prior asks for more."""


class LatentMoments(NamedTuple):
    """Means and variances of single latents, each (..., n, L), float64."""

    mean: np.ndarray
    variance: np.ndarray


class PredictiveModel(LatentCore):
    """Adds conditioning and prediction. Shapes: (series, points, ...) or (points, ...) throughout."""

    # ---- the data a posterior is given ----

    def condition(self, aux: Any, observations: Any = None, batch_size: int | None = None) -> None:
        """Give the posterior these data in the place of any before.

        Args:
            aux: auxiliary data, or a `tf.data.Dataset` of (aux, observations) batches.
            observations: what was observed there.
            batch_size: how many examples to hold in memory at a time; by default 256, or m inducing points if more.

        Raises:
            DataError: for data of wrong shapes, or that are not finite.
        """
        self.evidence.set(self._gather(aux, observations, batch_size))

    def update(self, aux: Any, observations: Any = None, batch_size: int | None = None) -> None:
        """Add data to the posterior; the same as having conditioned on all at once. Arguments as in `condition`."""
        old = self.evidence.get()
        self.evidence.set(self.prior.merge(old, self._same_series(old, self._gather(aux, observations, batch_size))))

    def forget(self, aux: Any, observations: Any = None, batch_size: int | None = None) -> None:
        """Take data out of the posterior that it was given before. Arguments as in `condition`.

        A sparse posterior keeps sums alone: it refuses data that it cannot have been given, but cannot notice all.
        """
        old = self.evidence.get()
        self.evidence.set(self.prior.remove(old, self._same_series(old, self._gather(aux, observations, batch_size))))

    def _gather(self, aux: Any, observations: Any, batch_size: int | None) -> Evidence:
        if replicas.in_scope_of_workers():
            raise ValueError("call condition, update and forget outside of strategy.scope(): in it workers wait for "
                             "each other")  # fmt: skip
        parts = []
        total, first = None, True
        for aux_part, observations_part in self._chunks(aux, observations, batch_size):
            # the first chunk is worth no compiling: often there is no other
            of_chunk = self._chunk_evidence if first else self._compiled_chunk_evidence
            first = False
            evidence = Evidence(of_chunk(self.features(aux_part), observations_part))
            if self.prior.num_data is None:
                parts.append(evidence)
            else:
                total = evidence if total is None else self.prior.merge(total, evidence)
        if total is not None:
            return total
        if not parts:
            raise checks.DataError("there are no data to condition on")
        return Evidence(tuple(tf.concat(arrays, axis=0) for arrays in zip(*(p.arrays for p in parts), strict=True)))

    def _chunk_evidence(self, features: tf.Tensor, observations: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return self.prior.condition(features, *self.encode(observations, features=features)).arrays

    @functools.cached_property
    def _compiled_chunk_evidence(self) -> Any:
        return tf.function(self._chunk_evidence, reduce_retracing=True)

    def _same_series(self, old: Evidence, new: Evidence) -> Evidence:
        if self.prior.num_data is None and len(old.arrays[0]) != len(new.arrays[0]):
            raise checks.DataError(
                f"the posterior holds {len(old.arrays[0])} series, but data for {len(new.arrays[0])} were given"
            )
        return new

    def _chunk(self, batch_size: int | None) -> int:
        """A number of examples that was given, checked, or the default."""
        if batch_size is None:
            return max(CHUNK, self.prior.least_chunk)
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ValueError(f"batch_size must be a whole number of at least 1, got {batch_size}")
        return int(batch_size)

    def _chunks(self, aux: Any, observations: Any, batch_size: int | None) -> Iterator[tuple[Any, Any]]:
        size = self._chunk(batch_size)
        if isinstance(aux, tf.data.Dataset):
            if observations is not None:
                raise checks.DataError("a data set gives its own observations: leave out the other argument")
            if aux.cardinality() == tf.data.INFINITE_CARDINALITY:
                raise checks.DataError("the data set never ends, as after repeat(): give each datum once")
            self._ensure_batches(checks.observations_spec(aux).shape)
            for aux_part, observations_part, *_ in aux:
                self._ensure_built(observations_part.shape)
                self._check_arrays(aux_part, observations_part)
                yield aux_part, observations_part
            return
        if not checks.is_array_like(aux):
            raise checks.DataError(f"data must be arrays or a tf.data.Dataset, not a {type(aux).__name__}")
        if observations is None:
            raise checks.DataError("observations are missing: give aux and observations")
        aux, observations = self._check_arrays(aux, observations)
        self._ensure_built(observations.shape)
        aux = self.auxiliary.prepare(aux)
        for start in range(0, len(observations), size):
            part = slice(start, start + size)
            yield tree.map_structure(lambda a, part=part: a[part], aux), tf.constant(observations[part])

    # ---- latents and observations at the data themselves ----

    def posterior_latents(self, aux: Any, observations: Any, batch_size: int | None = None) -> LatentMoments:
        """Posterior of the latents at observed points.

        For series, each given its own points alone. For one GP over a data set, given the conditioned data.
        """
        if self.prior.num_data is not None:
            return self.predict_latent(aux, batch_size)
        parts = [self.posterior(*chunk) for chunk in self._chunks(aux, observations, batch_size)]
        return LatentMoments(np.concatenate([q.mean for q in parts]), np.concatenate([q.variance for q in parts]))

    def reconstruct(self, aux: Any, observations: Any, batch_size: int | None = None) -> np.ndarray:
        """Mean observations at the posterior mean of the latents of observed points (see `posterior_latents`)."""
        size = self._chunk(batch_size)
        mean = self.posterior_latents(aux, observations, batch_size).mean
        aux = self._checked_aux(aux)
        parts = []
        for start in range(0, len(mean), size):
            part = slice(start, start + size)
            features = self.features(tree.map_structure(lambda a, part=part: np.asarray(a)[part], aux))
            parts.append(self._decode_mean(mean[part], features).numpy())
        return np.concatenate(parts)

    # ---- new inputs ----

    def predict(self, x: Any, batch_size: int | None = None, **kwargs) -> np.ndarray:
        """Mean observations at new auxiliary inputs: the decoded posterior mean of the latents.

        Args:
            x: auxiliary data; for series, row i is asked of the i-th conditioned series.
            batch_size: examples at a time.
            kwargs: as for Keras; without effect where workers train together, each of which predicts for itself.

        Raises:
            NotConditionedError: before `condition`.
            DataError: for inputs of a wrong shape, or that are not finite.
        """
        aux, series = self._check_new(x)
        dataset = tf.data.Dataset.from_tensor_slices({"aux": aux, "series": series})
        dataset = dataset.batch(self._chunk(batch_size))  # of our own, for Keras would round the inputs
        if replicas.several_workers(self.distribute_strategy):  # each for itself, so that none waits for another
            return np.concatenate([self.predict_step(batch).numpy() for batch in dataset])
        return super().predict(dataset, **kwargs)

    def predict_step(self, data: Any) -> tf.Tensor:
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.call(inputs["aux"], inputs["series"])

    def call(self, aux: Any, series: tf.Tensor | None = None) -> tf.Tensor:
        """Mean observations at new inputs (see `predict`); ``series`` are rows of the evidence, all if None."""
        features = self.features(aux)
        mean, _ = self.prior.predict(self._evidence_of(series), features)
        return self._decode_mean(mean, features)

    def predict_latent(self, aux: Any, batch_size: int | None = None) -> LatentMoments:
        """Posterior mean and variance of the latents at new auxiliary inputs. Arguments and errors as `predict`."""
        aux, series = self._check_new(aux)
        size = self._chunk(batch_size)
        means, variances = [], []
        for start in range(0, len(series), size):
            part = slice(start, start + size)
            features = self.features(tree.map_structure(lambda a, part=part: a[part], aux))
            mean, variance = self.prior.predict(self._evidence_of(tf.constant(series[part])), features)
            means.append(mean.numpy())
            variances.append(variance.numpy())
        return LatentMoments(np.concatenate(means), np.concatenate(variances))

    def sample_latent(self, aux: Any, num_samples: int = 1, joint: bool = True, seed: int | None = None) -> np.ndarray:
        """Draws of the latents at new inputs, (num_samples, ..., n, L).

        Args:
            aux: auxiliary data, as for `predict`.
            num_samples: number of draws.
            joint: True draws whole functions, False draws each latent by itself (its marginal).
            seed: of these draws; None goes on with the model's own generator.
        """
        if num_samples < 1:
            raise ValueError(f"num_samples must be at least 1, got {num_samples}")
        aux, series = self._check_new(aux)
        features, evidence = self.features(aux), self._evidence_of(tf.constant(series))
        generator = self.sampler.generator if seed is None else keras.random.SeedGenerator(seed)
        if joint:
            mean, covariance = self.prior.predict_joint(evidence, features)
            factor = linalg.cholesky(covariance, linalg.JITTER)
            shape = (num_samples, *mean.shape[:-2], mean.shape[-1], mean.shape[-2])
            noise = keras.random.normal(shape, dtype="float64", seed=generator)
            return (mean + tf.linalg.matrix_transpose(tf.linalg.matvec(factor, noise))).numpy()
        mean, variance = self.prior.predict(evidence, features)
        noise = keras.random.normal((num_samples, *mean.shape), dtype="float64", seed=generator)
        return (mean + tf.sqrt(variance) * noise).numpy()

    def sample(self, aux: Any, num_samples: int = 1, joint: bool = True, seed: int | None = None) -> np.ndarray:
        """Mean observations of latent draws, (num_samples, ..., n, *observation). Arguments as `sample_latent`."""
        latents = self.sample_latent(aux, num_samples, joint, seed)
        features = self.features(self._checked_aux(aux))
        return np.stack([self._decode_mean(draw, features).numpy() for draw in latents])

    # ---- shared ----

    def _decode_mean(self, latents: Any, features: tf.Tensor) -> tf.Tensor:
        return self.likelihood.mean(self.decode(tf.convert_to_tensor(latents), features=features))

    def _check_arrays(self, aux: Any, observations: Any, num_data: int | None = None) -> tuple[Any, Any]:
        """`checks.check_arrays` for this model."""
        return checks.check_arrays(aux, observations, self.batch_rank, num_data, self.auxiliary.ids)

    def _checked_aux(self, aux: Any) -> Any:
        """Auxiliary data as arrays, checked, that may be cut into chunks."""
        return self.auxiliary.prepare(self._check_arrays(aux, None)[0])

    def _check_new(self, aux: Any) -> tuple[Any, np.ndarray]:
        """New inputs as arrays, checked, and the rows of evidence they are asked of."""
        self.evidence.require()
        aux = self._checked_aux(aux)
        self.features(aux)
        count = len(tree.flatten(aux)[0])
        held = len(self.evidence.get().arrays[0])
        if self.prior.num_data is None and count != held:
            raise checks.DataError(f"the posterior holds {held} series, but inputs for {count} were given")
        return aux, np.arange(count)

    def _evidence_of(self, series: tf.Tensor | None) -> Evidence:
        evidence = self.evidence.get()
        if self.prior.num_data is not None or series is None:
            return evidence
        return Evidence(tuple(tf.gather(array, series) for array in evidence.arrays))

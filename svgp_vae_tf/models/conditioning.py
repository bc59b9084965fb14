"""The statistics a model was conditioned on, and the posterior that follows from them.

Sufficient statistics are additive: data of any size are processed in chunks, and later added or removed.
"""

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.errors import DataError, NotConditionedError
from svgp_vae_tf.priors.base import Posterior, Prior, SufficientStatistics

STALE = "the weights have changed since the data were given: call condition(aux, observations) again"
NOT_FINITE = "the encoder gives values that are not finite: the data are too large, or its weights are not finite"


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class Conditioning(keras.layers.Layer):
    """Sufficient statistics of the data that a model was given; saved and loaded with it.

    They are held in variables of open shape. For one GP over a data set `prepare` factors the posterior into further
    variables, so that a compiled prediction, which reads them, factors nothing and sees all later data. Series are
    factored where they are predicted, each once: their factors together could need more memory than there is.

    Statistics belong to the weights that they were computed with. A checksum of these is kept, so that statistics which
    a change of weights has made wrong are not used, however the weights were changed. A graph of the caller's own, a
    `tf.function` that calls the model, is not checked.

    Args:
        prior: whose posterior it is.
        weights: gives the weights that statistics depend on.
    """

    def __init__(self, prior: Prior, weights: Callable[[], Iterable[keras.Variable]], **kwargs) -> None:
        kwargs.setdefault("dtype", "float64")
        super().__init__(**kwargs)
        self._get_prior = lambda: prior  # as an attribute, files would hold the prior's weights under this layer
        self._get_weights = weights
        self._checksum: int | None = None  # None: not known yet, of a file that does not say
        self._statistics: _OpenVariables = _OpenVariables()
        self._posterior: _OpenVariables = _OpenVariables()
        self._kind: type[Posterior] = Posterior
        self.present = False
        self.built = True

    @property
    def statistics(self) -> SufficientStatistics:
        """The statistics of all data given so far.

        Raises:
            NotConditionedError: if there are none, or the weights have changed since.
        """
        self._require_present()
        if tf.executing_eagerly() and not self._belong_to_the_weights():
            raise NotConditionedError(STALE)
        return self._statistics.read()

    def require(self) -> None:
        """Raise NotConditionedError unless there are statistics, which belong to the present weights.

        Every question begins with it. What follows reads the statistics without another look at all weights.
        """
        self._require_present()
        if self._checksum is None and tf.executing_eagerly():
            self._checksum = _checksum(self._get_weights())
        elif tf.executing_eagerly() and not self._belong_to_the_weights():
            raise NotConditionedError(STALE)

    def _require_present(self) -> None:
        if not self.present:
            raise NotConditionedError(
                "the model has no posterior yet: call condition(aux, observations) first, and again after each fit"
            )

    def _belong_to_the_weights(self) -> bool:
        """Whether the weights are those that the statistics were computed with."""
        return self._checksum in (None, _checksum(self._get_weights()))

    @property
    def num_series(self) -> int | None:
        """The number of series that were given; None for one GP over a data set."""
        self._require_present()
        return len(self._statistics.read()[0]) if self._get_prior().num_data is None else None

    def set(self, statistics: SufficientStatistics) -> None:
        """Replace the statistics."""
        self._statistics.write(statistics)
        self._checksum = _checksum(self._get_weights())
        self.present = True

    def add(self, statistics: SufficientStatistics) -> None:
        """Add the statistics of further data."""
        self.set(self._get_prior().merge(self.statistics, self._of_the_same_series(statistics)))

    def remove(self, statistics: SufficientStatistics) -> None:
        """Remove the statistics of data that were given before.

        Raises:
            DataError: if they clearly were not.
        """
        self.set(self._get_prior().remove(self.statistics, self._of_the_same_series(statistics)))

    def clear(self) -> None:
        """Forget all data."""
        self.present = False

    def collect(
        self, chunks: Iterable[tuple[tf.Tensor, tf.Tensor]], summarise: Callable[..., SufficientStatistics]
    ) -> SufficientStatistics:
        """Statistics of a data set that comes in chunks; the state is left as it is.

        Args:
            chunks: pairs (features, observations).
            summarise: from these and the prior's `factors` to statistics.

        Raises:
            DataError: if there is no chunk, or the statistics are not finite.
        """
        prior = self._get_prior()
        factors = prior.factors()
        parts: list[SufficientStatistics] = []
        for features, observations in chunks:
            parts.append(summarise(features, observations, factors))
            if prior.num_data is not None and len(parts) == 2:
                parts = [prior.merge(*parts)]
        if not parts:
            raise DataError("there are no data to condition on")
        if any(a.shape[1:] != b.shape[1:] for part in parts for a, b in zip(part, parts[0], strict=True)):
            raise DataError(
                "chunks hold series of different lengths, which this prior keeps whole: give them one length"
            )
        if len(parts) > 1:
            parts = [type(parts[0])(*(tf.concat(arrays, axis=0) for arrays in zip(*parts, strict=True)))]
        # once for all: reading a result back makes the next chunk wait, and sums keep what is not finite
        require_finite(parts[0])
        return parts[0]

    def posterior(self, series: tf.Tensor | None = None) -> Posterior:
        """The conditioned prior, factored once: keep it to predict repeatedly.

        Args:
            series: rows of the series of interest; all if None. Without effect for one GP over a data set.

        Raises:
            NotConditionedError: before any data were given.
        """
        return self._posterior_of(self.statistics, series)

    def _posterior_of(self, statistics: SufficientStatistics, series: tf.Tensor | None) -> Posterior:
        prior = self._get_prior()
        if prior.num_data is None and series is not None:
            statistics = type(statistics)(*(tf.gather(array, series) for array in statistics))
        return prior.posterior(statistics)

    def prepare(self) -> None:
        """Factor the posterior of one GP over a data set for `prepared`; call it after `require`, before predicting."""
        if self._get_prior().num_data is not None:
            posterior = self._posterior_of(self._statistics.read(), None)
            self._kind = type(posterior)
            self._posterior.write(posterior.arrays)

    def prepared(self, series: tf.Tensor) -> Posterior:
        """The posterior for a prediction of these rows, in a graph or one of many chunks; see `prepare`."""
        if self._get_prior().num_data is None:
            return self._posterior_of(self._statistics.read(), series)
        return self._kind(self._get_prior(), self._posterior.read())

    def _of_the_same_series(self, statistics: SufficientStatistics) -> SufficientStatistics:
        held = self.num_series
        if held is not None and held != len(statistics[0]):
            raise DataError(f"the posterior holds {held} series, but data for {len(statistics[0])} were given")
        return statistics

    def save_own_variables(self, store: Any) -> None:
        """Write the statistics by their position, and the checksum; nothing if they no longer belong to the weights."""
        if not self.present or not self._belong_to_the_weights():
            return
        for i, array in enumerate(self._statistics.read()):
            store[str(i)] = array.numpy()
        if self._checksum is not None:
            store["checksum"] = np.int64(self._checksum)

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote."""
        count = sum(name.isdigit() for name in store.keys())
        if count == 0:
            self.clear()
            return
        self.set(self._get_prior().statistics_type(*(tf.constant(np.asarray(store[str(i)])) for i in range(count))))
        self._checksum = int(np.asarray(store["checksum"])) if "checksum" in store.keys() else None


def require_finite(arrays: Iterable[tf.Tensor | None]) -> None:
    """Raise DataError if what follows from encoded data is not finite."""
    if not all(array is None or bool(tf.reduce_all(tf.math.is_finite(array))) for array in arrays):
        raise DataError(NOT_FINITE)


def _checksum(weights: Iterable[keras.Variable]) -> int:
    """A number that changes with any of the weights."""
    found = 0
    for weight in weights:
        # not `weight.value`, which is cast to half precision within layers of such a policy
        found = zlib.crc32(np.ascontiguousarray(keras.ops.convert_to_numpy(weight._value)).data, found)
    return found


class _OpenVariables:
    """A NamedTuple of tensors in variables whose shapes may change from one write to the next."""

    def __init__(self) -> None:
        self._kind: Any = None
        self._variables: tuple[tf.Variable, ...] = ()

    def write(self, arrays: Any) -> None:
        if self._kind is None:
            self._kind = type(arrays)
            self._variables = tuple(
                tf.Variable(array, shape=[None] * len(array.shape), trainable=False) for array in arrays
            )
        for variable, array in zip(self._variables, arrays, strict=True):
            variable.assign(array)

    def read(self) -> Any:
        return self._kind(*(variable.value() for variable in self._variables))

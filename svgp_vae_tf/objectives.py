"""Training objectives, computed from the terms of the ELBO: the beta-ELBO and GECO."""

import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from svgp_vae_tf.distribution import sum_over_replicas

_register = keras.saving.register_keras_serializable(package="svgp_vae_tf")


class ElboTerms(NamedTuple):
    """The terms of the ELBO for each example of a batch (a series, or a point of one data set)."""

    log_likelihood: tf.Tensor
    """log p(y | z), shape (batch,)."""
    kl: tf.Tensor
    """The KL term, shape (batch,)."""
    mse: tf.Tensor
    """Mean squared error of the mean reconstruction, shape (batch,)."""
    num_values: tf.Tensor
    """K, the number of observed values (pixels) of an example, shape ()."""


class Objective(keras.layers.Layer):
    """Base class of objectives: a loss per example, whose mean is minimised.

    Its weights have the variable type of Keras' default policy, which is never half precision.
    """

    def __init__(self, **kwargs) -> None:
        kwargs.setdefault("dtype", keras.config.dtype_policy().variable_dtype)
        super().__init__(**kwargs)
        self.built = True

    def call(self, terms: ElboTerms, training: bool = False) -> tf.Tensor:
        """Compute the loss.

        Args:
            terms: the terms of the ELBO.
            training: whether to update the objective's own state by one step.

        Returns:
            The loss of each example, (batch,).
        """
        raise NotImplementedError

    def logs(self) -> dict[str, tf.Tensor]:
        """Current values of the objective's state for the logs, by name, shape () each."""
        return {}


@_register
class ELBO(Objective):
    """The negative beta-ELBO, ``loss = beta * kl - log_likelihood``; beta = 1 is the ELBO of eq. 10.

    Source: Higgins et al. (2017), "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework".

    Args:
        beta: weight of the KL term, not negative.

    Raises:
        ValueError: for a negative or infinite beta.
    """

    def __init__(self, beta: float = 1.0, **kwargs) -> None:
        super().__init__(**kwargs)
        if not 0.0 <= beta < math.inf:
            raise ValueError(f"beta must be finite and not negative, got {beta}")
        self.beta = float(beta)

    def call(self, terms: ElboTerms, training: bool = False) -> tf.Tensor:
        """See `Objective.call`."""
        return self.beta * terms.kl - terms.log_likelihood

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "beta": self.beta}


@_register
class GECO(Objective):
    """Minimise the KL term subject to ``E[mse] <= tolerance``: generalised ELBO with constrained optimisation (GECO).

    With the constraint c = mse - tolerance, its moving average C and the multiplier lambda,

        loss = c + kl / lambda        C <- decay C + (1 - decay) mean(c)        log lambda <- log lambda + C

    The loss is the Lagrangian kl + lambda c, divided by lambda so that it cannot overflow. At

        lambda = K / (2 tolerance)

    with K values per example it is, up to a constant, proportional to the negative ELBO of Gaussian noise whose
    variance is the tolerance. This is the default of the initial value and of the upper bound: until the tolerance is
    reached, training is that of an ordinary ELBO; then lambda falls and the KL term gains weight
    (docs/experiments/rotated_mnist.md).

    Source: Rezende and Viola (2018), "Taming VAEs".

    Args:
        tolerance: the target of the mean squared error, in squared units of the observations.
        decay: decay of the moving average, at least 0 and below 1; the first batch initialises the average.
        initial_multiplier: initial value of lambda; None for its upper bound.
        multiplier_bounds: lower and upper bound of lambda; an upper bound of None is K / (2 tolerance).

    Raises:
        ValueError: for a tolerance or bounds that are not positive, a decay outside [0, 1), or an initial value outside
            the bounds.
    """

    def __init__(
        self,
        tolerance: float,
        decay: float = 0.99,
        initial_multiplier: float | None = None,
        multiplier_bounds: tuple[float, float | None] = (1.0, None),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        low, high = (None if bound is None else float(bound) for bound in multiplier_bounds)
        if not 0.0 < tolerance < math.inf:
            raise ValueError(f"tolerance must be positive and finite, got {tolerance}")
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be at least 0 and below 1, got {decay}")
        if low is None or not 0.0 < low <= (math.inf if high is None else high):
            raise ValueError(f"multiplier_bounds must be positive and ascending, got {multiplier_bounds}")
        if initial_multiplier is not None and not low <= initial_multiplier <= (math.inf if high is None else high):
            raise ValueError(f"initial_multiplier {initial_multiplier} must be within {multiplier_bounds}")
        self.tolerance, self.decay = float(tolerance), float(decay)
        self.initial_multiplier = None if initial_multiplier is None else float(initial_multiplier)
        self.multiplier_bounds = (low, high)
        self._log_multiplier = self._state_weight("log_multiplier", math.log(self.initial_multiplier or 1.0))
        self._constraint = self._state_weight("constraint", 0.0)
        self._started = self._state_weight("started", 0.0)

    def _state_weight(self, name: str, value: float) -> keras.Variable:
        # all replicas compute the same values, from global sums
        return self.add_weight(
            name=name, shape=(), trainable=False, initializer=keras.initializers.Constant(value),
            aggregation="only_first_replica",
        )  # fmt: skip

    def call(self, terms: ElboTerms, training: bool = False) -> tf.Tensor:
        """See `Objective.call`; a training step uses the multiplier from before its own update."""
        constraint = terms.mse - self.tolerance
        lowest, highest = self._log_bounds(terms.num_values)
        log_multiplier = tf.convert_to_tensor(self._log_multiplier)
        if self.initial_multiplier is None:
            log_multiplier = tf.where(tf.convert_to_tensor(self._started) > 0, log_multiplier, highest)
        if training:
            average = self._average(constraint)
            self._constraint.assign(average)
            self._log_multiplier.assign(tf.clip_by_value(log_multiplier + average, lowest, highest))
            self._started.assign(1.0)
        return self._loss(constraint, terms.kl, tf.exp(log_multiplier))

    def _log_bounds(self, num_values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Logarithms of the multiplier's bounds."""
        low, high = self.multiplier_bounds
        if high is None:
            highest = tf.math.log(tf.cast(num_values, self.variable_dtype) / (2.0 * self.tolerance))
        else:
            highest = tf.constant(math.log(high), self.variable_dtype)
        return tf.minimum(tf.constant(math.log(low), highest.dtype), highest), highest

    def _loss(self, constraint: tf.Tensor, kl: tf.Tensor, multiplier: tf.Tensor) -> tf.Tensor:
        return constraint + kl / multiplier

    def _average(self, constraint: tf.Tensor) -> tf.Tensor:
        """The moving average of the constraint including this batch."""
        count = sum_over_replicas(tf.cast(tf.shape(constraint)[0], constraint.dtype))
        mean = sum_over_replicas(tf.reduce_sum(tf.stop_gradient(constraint))) / count
        decay = self.decay * tf.convert_to_tensor(self._started)
        return decay * tf.convert_to_tensor(self._constraint) + (1.0 - decay) * mean

    def logs(self) -> dict[str, tf.Tensor]:
        """The moving average of the constraint, and the logarithm of the multiplier."""
        return {
            "constraint": tf.convert_to_tensor(self._constraint),
            "log_multiplier": tf.convert_to_tensor(self._log_multiplier),
        }

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("tolerance", "decay", "initial_multiplier", "multiplier_bounds")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

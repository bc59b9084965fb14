"""What training minimises, from the terms of the ELBO: the beta-ELBO, or GECO's constrained problem."""

import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from svgp_vae_tf.distribution import sum_over_replicas

_register = keras.saving.register_keras_serializable(package="svgp_vae_tf")


class ElboTerms(NamedTuple):
    """What a batch says of a model, one number per example (a series, or a point of one data set)."""

    log_likelihood: tf.Tensor
    """log p(y | z), shape (batch,)."""
    kl: tf.Tensor
    """The regulariser, shape (batch,)."""
    mse: tf.Tensor
    """Mean squared error of the decoded mean, shape (batch,)."""
    num_values: tf.Tensor
    """K, the observed values (pixels) of an example, shape ()."""


class Objective(keras.layers.Layer):
    """Base: from the terms of a batch to a loss per example, whose mean is minimised."""

    def __init__(self, **kwargs) -> None:
        kwargs.setdefault("dtype", keras.config.dtype_policy().variable_dtype)  # never half precision
        super().__init__(**kwargs)
        self.built = True

    def call(self, terms: ElboTerms, training: bool = False) -> tf.Tensor:
        """Loss per example, (batch,); with ``training`` the objective's own state goes on by one step."""
        raise NotImplementedError

    def logs(self) -> dict[str, tf.Tensor]:
        """Numbers of the objective's own to report, by name."""
        return {}


@_register
class ELBO(Objective):
    """``loss = -(log_likelihood - beta * kl)``, the beta-ELBO; beta = 1 is the evidence lower bound of eq. 10.

    Args:
        beta: weight of the KL, non-negative.
    """

    def __init__(self, beta: float = 1.0, **kwargs) -> None:
        super().__init__(**kwargs)
        if not 0.0 <= beta < math.inf:
            raise ValueError(f"beta must be finite and not negative, got {beta}")
        self.beta = float(beta)

    def call(self, terms: ElboTerms, training: bool = False) -> tf.Tensor:
        return self.beta * terms.kl - terms.log_likelihood

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": self.beta}


@_register
class GECO(Objective):
    """Minimise the KL subject to ``E[mse] <= tolerance``, after Rezende and Viola (2018).

    With the constraint c = mse - tolerance, its moving average C and the multiplier lambda,

        loss = c + kl / lambda        C <- decay C + (1 - decay) mean(c)        log lambda <- log lambda + C

    The Lagrangian kl + lambda c is divided by lambda, so that nothing overflows. With K values per example,

        lambda = K / (2 tolerance)

    makes it the negative ELBO of Gaussian noise whose variance is the tolerance (times a constant). There lambda
    starts, and above it does not go: while the tolerance is out of reach, training is that of an ordinary ELBO, and
    once it is reached, lambda falls and the KL gains weight (docs/rotated_mnist.md).

    Args:
        tolerance: the mean squared error to reach, in squared units of the observations.
        decay: of the moving average, from 0 to below 1; the first step starts it.
        initial_multiplier: lambda at the start; None for its upper bound.
        multiplier_bounds: lambda stays between these; an upper bound of None is K / (2 tolerance).
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
            raise ValueError(f"decay must be from 0 to below 1, got {decay}")
        if low is None or not 0.0 < low <= (math.inf if high is None else high):
            raise ValueError(f"multiplier_bounds must be positive and rising, got {multiplier_bounds}")
        if initial_multiplier is not None and not low <= initial_multiplier <= (math.inf if high is None else high):
            raise ValueError(f"initial_multiplier {initial_multiplier} must be within {multiplier_bounds}")
        self.tolerance, self.decay = float(tolerance), float(decay)
        self.initial_multiplier = None if initial_multiplier is None else float(initial_multiplier)
        self.multiplier_bounds = (low, high)
        self._log_multiplier = self._state_weight("log_multiplier", math.log(self.initial_multiplier or 1.0))
        self._constraint = self._state_weight("constraint", 0.0)
        self._started = self._state_weight("started", 0.0)

    def _state_weight(self, name: str, value: float) -> keras.Variable:
        # every replica computes the same values from global sums
        return self.add_weight(
            name=name, shape=(), trainable=False, initializer=keras.initializers.Constant(value),
            aggregation="only_first_replica",
        )  # fmt: skip

    def call(self, terms: ElboTerms, training: bool = False) -> tf.Tensor:
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
        low, high = self.multiplier_bounds
        if high is None:
            highest = tf.math.log(tf.cast(num_values, self.variable_dtype) / (2.0 * self.tolerance))
        else:
            highest = tf.constant(math.log(high), self.variable_dtype)
        return tf.minimum(tf.constant(math.log(low), highest.dtype), highest), highest

    def _loss(self, constraint: tf.Tensor, kl: tf.Tensor, multiplier: tf.Tensor) -> tf.Tensor:
        return constraint + kl / multiplier

    def _average(self, constraint: tf.Tensor) -> tf.Tensor:
        """The moving average of the constraint, this batch included."""
        count = sum_over_replicas(tf.cast(tf.shape(constraint)[0], constraint.dtype))
        mean = sum_over_replicas(tf.reduce_sum(tf.stop_gradient(constraint))) / count
        decay = self.decay * tf.convert_to_tensor(self._started)
        return decay * tf.convert_to_tensor(self._constraint) + (1.0 - decay) * mean

    def logs(self) -> dict[str, tf.Tensor]:
        return {
            "constraint": tf.convert_to_tensor(self._constraint),
            "log_multiplier": tf.convert_to_tensor(self._log_multiplier),
        }

    def get_config(self) -> dict[str, Any]:
        names = ("tolerance", "decay", "initial_multiplier", "multiplier_bounds")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

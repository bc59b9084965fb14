"""Training objectives, computed from the terms of the ELBO: the beta-ELBO and GECO."""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from svgp_vae_tf.arguments import item_list, positive_number, shown
from svgp_vae_tf.distribution import sum_over_replicas
from svgp_vae_tf.schedules import Setting

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

    Its state has the variable type of Keras' default policy, which is never half precision. Its settings, such as beta,
    are numbers that a callback may change while the model trains, or schedules, which count the training steps.
    """

    def __init__(self, **kwargs) -> None:
        kwargs.setdefault("dtype", keras.config.dtype_policy().variable_dtype)
        super().__init__(**kwargs)
        self._settings: dict[str, Any] = {}  # by name: a variable, which is not one of the weights, or a schedule
        self._initial: dict[str, float] = {}  # the numbers that settings were made with
        self._step: keras.Variable | None = None
        self.built = True

    def __call__(self, terms: ElboTerms, training: bool = False) -> tf.Tensor:
        """`call`; a training step moves schedules on."""
        losses = super().__call__(terms, training=training)
        if training and self._step is not None:
            self._step.assign_add(1.0)
        return losses

    def _hold(self, name: str, value: float) -> None:
        """Set a setting to a number."""
        if name in self._settings:
            self._settings[name].assign(value)
        else:
            self._initial[name] = value
            self._settings[name] = tf.Variable(value, trainable=False, dtype="float64", name=name)

    def _follow(self, name: str, schedule: LearningRateSchedule) -> None:
        """Let a setting follow a schedule."""
        self._settings[name] = schedule
        if self._step is None:
            self._step = self._state_weight("step", 0.0, "float64")

    def _present(self, name: str, dtype: Any) -> tf.Tensor:
        """The present value of a setting, shape ()."""
        setting = self._settings[name]
        value = setting(self._step) if isinstance(setting, LearningRateSchedule) else setting
        return tf.cast(tf.convert_to_tensor(value), dtype)

    def _state_weight(self, name: str, value: float, dtype: str | None = None) -> keras.Variable:
        # all replicas compute the same values, from global sums
        return self.add_weight(
            name=name, shape=(), trainable=False, initializer=keras.initializers.Constant(value), dtype=dtype,
            autocast=False, aggregation="only_first_replica",
        )  # fmt: skip

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
        """Values for the logs by name, shape () each: settings that follow a schedule, and the objective's state."""
        return {
            name: self._present(name, self.variable_dtype)
            for name, setting in self._settings.items()
            if isinstance(setting, LearningRateSchedule)
        }

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), **{name: self._setting_config(name) for name in self._settings}}

    def _setting_config(self, name: str) -> Any:
        setting = self._settings[name]
        if isinstance(setting, LearningRateSchedule):
            return keras.saving.serialize_keras_object(setting)
        return getattr(self, name)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Objective":
        """From `get_config`."""
        restore = keras.saving.deserialize_keras_object
        return cls(**{
            name: restore(value) if isinstance(value, dict) and "registered_name" in value else value
            for name, value in config.items()
        })  # fmt: skip

    def _state(self) -> list[keras.Variable]:
        """The weights that an objective has whatever its settings."""
        return [weight for weight in self.weights if weight is not self._step]

    def save_own_variables(self, store: Any) -> None:
        """Write the weights by position; by name, the step of schedules, and settings that have been changed."""
        for i, weight in enumerate(self._state()):
            store[str(i)] = weight.numpy()
        if self._step is not None:
            store["step"] = self._step.numpy()
        for name, setting in self._settings.items():
            if isinstance(setting, tf.Variable) and getattr(self, name) != self._initial[name]:
                store[name] = getattr(self, name)

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote.

        What a file does not say stays as it is: the settings of this objective, unless others were set while the one of
        the file trained.

        Raises:
            ValueError: if the file holds the state of an objective of another class.
        """
        state, count = self._state(), sum(name.isdigit() for name in store.keys())
        if len(state) != count:
            raise ValueError(f"{self.name} has {len(state)} weights, but the file holds {count} of another objective")
        for i, weight in enumerate(state):
            weight.assign(np.asarray(store[str(i)]))
        if self._step is not None and "step" in store.keys():
            self._step.assign(np.asarray(store["step"]))
        for name, setting in self._settings.items():
            if isinstance(setting, tf.Variable) and name in store.keys():
                setattr(self, name, np.asarray(store[name]))


@_register
class ELBO(Objective):
    """The negative beta-ELBO, ``loss = beta * kl - log_likelihood``; beta = 1 is the ELBO of eq. 10.

    Source: Higgins et al. (2017), "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework".

    Args:
        beta: weight of the KL term, not negative: a number, or a schedule such as `KLWarmup`.

    Raises:
        ValueError: for a negative or infinite beta.
    """

    beta = Setting(lambda value: 0.0 <= value < math.inf, "finite and not negative")

    def __init__(self, beta: float | LearningRateSchedule = 1.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, terms: ElboTerms, training: bool = False) -> tf.Tensor:
        """See `Objective.call`."""
        return self._present("beta", terms.kl.dtype) * terms.kl - terms.log_likelihood


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
        tolerance: the target of the mean squared error, in squared units of the observations; or a schedule of it.
        decay: decay of the moving average, at least 0 and below 1; the first batch initialises the average. Or a
            schedule of it.
        initial_multiplier: initial value of lambda; None for its upper bound.
        multiplier_bounds: lower and upper bound of lambda; an upper bound of None is K / (2 tolerance).

    Raises:
        ValueError: for a tolerance or bounds that are not positive, a decay outside [0, 1), or an initial value outside
            the bounds.
    """

    tolerance = Setting(lambda value: 0.0 < value < math.inf, "positive and finite")
    decay = Setting(lambda value: 0.0 <= value < 1.0, "at least 0 and below 1")

    def __init__(
        self,
        tolerance: float | LearningRateSchedule,
        decay: float | LearningRateSchedule = 0.99,
        initial_multiplier: float | None = None,
        multiplier_bounds: tuple[float, float | None] = (1.0, None),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        bounds = item_list("multiplier_bounds", multiplier_bounds)
        if len(bounds) != 2:
            raise ValueError(f"multiplier_bounds must be a lower and an upper bound, got {shown(multiplier_bounds)}")
        low, high = (None if bound is None else positive_number("multiplier_bounds", bound) for bound in bounds)
        if low is None or low > (math.inf if high is None else high):
            raise ValueError(f"multiplier_bounds must be positive and ascending, got {shown(multiplier_bounds)}")
        if initial_multiplier is not None:
            initial_multiplier = positive_number("initial_multiplier", initial_multiplier)
            if not low <= initial_multiplier <= (math.inf if high is None else high):
                raise ValueError(f"initial_multiplier {initial_multiplier} must be within {shown(multiplier_bounds)}")
        self.initial_multiplier, self.multiplier_bounds = initial_multiplier, (low, high)
        self._log_multiplier = self._state_weight("log_multiplier", math.log(self.initial_multiplier or 1.0))
        self._constraint = self._state_weight("constraint", 0.0)
        self._started = self._state_weight("started", 0.0)
        self.tolerance, self.decay = tolerance, decay

    def call(self, terms: ElboTerms, training: bool = False) -> tf.Tensor:
        """See `Objective.call`; a training step uses the multiplier from before its own update."""
        constraint = terms.mse - self._present("tolerance", terms.mse.dtype)
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
            tolerance = self._present("tolerance", self.variable_dtype)
            highest = tf.math.log(tf.cast(num_values, self.variable_dtype) / (2.0 * tolerance))
        else:
            highest = tf.constant(math.log(high), self.variable_dtype)
        return tf.minimum(tf.constant(math.log(low), highest.dtype), highest), highest

    def _loss(self, constraint: tf.Tensor, kl: tf.Tensor, multiplier: tf.Tensor) -> tf.Tensor:
        return constraint + kl / multiplier

    def _average(self, constraint: tf.Tensor) -> tf.Tensor:
        """The moving average of the constraint including this batch."""
        count = sum_over_replicas(tf.cast(tf.shape(constraint)[0], constraint.dtype))
        mean = sum_over_replicas(tf.reduce_sum(tf.stop_gradient(constraint))) / count
        decay = self._present("decay", mean.dtype) * tf.convert_to_tensor(self._started)
        return decay * tf.convert_to_tensor(self._constraint) + (1.0 - decay) * mean

    def logs(self) -> dict[str, tf.Tensor]:
        """The moving average of the constraint, the logarithm of the multiplier, and what follows a schedule."""
        return {
            **super().logs(),
            "constraint": tf.convert_to_tensor(self._constraint),
            "log_multiplier": tf.convert_to_tensor(self._log_multiplier),
        }

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {name: getattr(self, name) for name in ("initial_multiplier", "multiplier_bounds")}
        return {**super().get_config(), **own}

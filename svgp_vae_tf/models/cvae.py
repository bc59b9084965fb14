"""The conditional VAE, and its rule for new observations of a group: decode the group's average latent."""

from typing import Any, ClassVar, NamedTuple

import keras
import tensorflow as tf

from svgp_vae_tf.arguments import whole_number
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.models.latent_model import LatentModel
from svgp_vae_tf.network_shapes import input_events
from svgp_vae_tf.priors.base import LatentData, LatentPosterior, SufficientStatistics
from svgp_vae_tf.priors.standard_normal import StandardNormal, StandardNormalPosterior


class GroupSums(NamedTuple):
    """Sums over the data of each group: latent means, variances, and their number."""

    sums: tf.Tensor
    """Shape (groups, 2 L + 1)."""


class GroupAveragePosterior(StandardNormalPosterior):
    """The average of a group's independent latents; the prior for groups without data."""

    def predict(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and variance of the averages, each (r, L)."""
        sums = tf.gather(self.arrays.sums, self.prior.groups(features))
        count = sums[..., -1:]
        mean, variance = tf.split(sums[..., :-1], 2, axis=-1)
        known = tf.maximum(count, 1.0)
        return mean / known, tf.where(count > 0, variance / tf.square(known), 1.0)


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class GroupAverage(StandardNormal):
    """p(z) = N(0, I); a new datum of a group has the average latent of the group's conditioned data.

    Args:
        num_groups: groups are numbered from 0 to this less one, in the first feature.
        num_data: N, the points of the data set.
        num_conditions: features beside the group, if known: others are refused.
    """

    statistics_type: ClassVar[Any] = GroupSums
    keeps_data: ClassVar[bool] = True

    def __init__(self, num_groups: int, num_data: int | None, num_conditions: int | None = None, **kwargs) -> None:
        if num_data is None:
            raise ValueError("groups are parts of one data set: give num_data, its number of points")
        super().__init__(num_data=num_data, **kwargs)
        self.num_groups = whole_number("num_groups", num_groups)
        if num_conditions is not None:
            num_conditions = whole_number("num_conditions", num_conditions, least=0)
        self.num_conditions = num_conditions

    def call(self, data: LatentData) -> LatentPosterior:
        """The encoder's Gaussian and its divergence from N(0, I); checks the groups."""
        with tf.control_dependencies([self.groups(data.features)]):
            return super().call(data._replace(mean=tf.identity(data.mean)))

    def validate_features(self, features_shape: tuple[int | None, ...]) -> None:
        """Raise DataError for another number of conditions than the networks take."""
        width, conditions = features_shape[-1], self.num_conditions
        if width is not None and conditions is not None and width != 1 + conditions:
            raise DataError(f"auxiliary data have {width} column(s), not a group and {conditions} condition(s)")

    @property
    def num_features(self) -> int | None:
        """The group and the conditions."""
        return None if self.num_conditions is None else 1 + self.num_conditions

    def groups(self, features: tf.Tensor) -> tf.Tensor:
        """The group of each datum, (...), int32.

        Raises:
            DataError: for one that is not a whole number below `num_groups`.
        """
        values = features[..., 0]
        message = f"auxiliary data hold a group that is no whole number from 0 to {self.num_groups - 1}"
        bad = (values < 0) | (values >= self.num_groups) | (values != tf.floor(values))
        if not tf.is_symbolic_tensor(values):
            if tf.reduce_any(bad):
                raise DataError(f"{message}: {values[bad][0]:g}")
            return tf.cast(values, tf.int32)
        with tf.control_dependencies([tf.debugging.assert_equal(tf.reduce_any(bad), False, message)]):
            return tf.cast(values, tf.int32)

    def statistics(self, data: LatentData, factors: tuple[tf.Tensor, ...] | None = None) -> SufficientStatistics:
        """Sums over the data of each group."""
        columns = tf.concat([data.mean, data.variance, tf.ones_like(data.mean[..., :1])], axis=-1)
        return GroupSums(tf.math.unsorted_segment_sum(columns, self.groups(data.features), self.num_groups))

    def merge(self, one: SufficientStatistics, other: SufficientStatistics) -> SufficientStatistics:
        """Sums over both data sets."""
        return GroupSums(one.sums + other.sums)

    def remove(self, full: SufficientStatistics, removed: SufficientStatistics) -> SufficientStatistics:
        """The difference of the sums.

        Raises:
            DataError: if a group would have less than no data, a negative variance, or a mean without data.
        """
        rest = full.sums - removed.sums
        empty = rest[:, -1:] == 0
        mean, variance = tf.split(rest[:, :-1], 2, axis=-1)
        spread = tf.split(full.sums[:, :-1], 2, axis=-1)[1]
        wrong = tf.reduce_any(rest[:, -1] < 0) | tf.reduce_any(variance < -1e-4 * spread)
        if wrong | tf.reduce_any(
            empty & (tf.square(mean) > 1e-2 * spread + 1e-6 * tf.square(full.sums[:, : mean.shape[1]]))
        ):
            raise DataError("cannot forget data that the posterior was not given")
        return GroupSums(tf.where(empty, 0.0, rest))

    def posterior(self, statistics: SufficientStatistics) -> "GroupAveragePosterior":
        """Averages of the groups."""
        return GroupAveragePosterior(self, statistics)

    def get_config(self) -> dict[str, Any]:
        """The constructor\'s arguments."""
        return {**super().get_config(), "num_groups": self.num_groups, "num_conditions": self.num_conditions}


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class CVAE(LatentModel):
    """A conditional VAE: p(z) = N(0, I), and both networks see the condition (angles, say) beside their input.

    Auxiliary rows are (group, condition): a new observation of a group is decoded from the average latent of the
    group's conditioned data and the new condition.

    Args:
        encoder: network from [observations, conditions (D - 1,)] to (2 L,).
        decoder: network from [latents (L,), conditions (D - 1,)] to observations.
        num_groups: groups are numbered from 0 to this less one.
        num_data: N, the points of the data set.
        num_conditions: D - 1; needed for networks that do not say it, subclasses of `keras.Model` before any call.
        kwargs: see `LatentModel`.
    """

    prior_arguments = ("num_groups", "num_data", "num_conditions")

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        num_groups: int,
        num_data: int | None,
        num_conditions: int | None = None,
        **kwargs,
    ) -> None:
        width = _condition_width(encoder, decoder, num_conditions)
        prior = GroupAverage(num_groups, num_data, num_conditions=width)
        super().__init__(encoder, decoder, prior, **kwargs)

    def network_inputs(self, tensor: tf.Tensor, features: tf.Tensor | None) -> Any:
        """The tensor, and the conditions among the features.

        Raises:
            ValueError: without features.
        """
        if features is None:
            raise ValueError("a conditional VAE encodes and decodes with features")
        return [tensor, tf.cast(features[..., 1:], self.compute_dtype)]


def _condition_width(encoder: keras.Model, decoder: keras.Model, given: int | None) -> int:
    """How many numbers a condition has: as given, and as the networks say if they do.

    Raises:
        ValueError: if they differ, or nothing says it, or a network has other inputs than two.
    """
    widths = {} if given is None else {"num_conditions is": given}
    for name, network in (("encoder", encoder), ("decoder", decoder)):
        events = input_events(network)
        if events is None:
            continue
        width = events[1][0] if len(events) == 2 and len(events[1]) == 1 else None
        if width is None:
            raise ValueError("the networks of a conditional VAE take two inputs, [observations or latents, conditions]")
        widths[f"the {name} takes conditions of width"] = width
    if not widths:
        raise ValueError("the networks do not say how many conditions they take: give num_conditions")
    if len(set(widths.values())) > 1:
        raise ValueError(", but ".join(f"{name} {width}" for name, width in widths.items()))
    return next(iter(widths.values()))

"""The prior of the conditional VAE: N(0, I), and at new inputs the average of what a group's data gave."""

from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import linalg
from svgp_vae_tf.priors.base import Evidence, LatentPosterior
from svgp_vae_tf.priors.standard_normal import StandardNormal


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class GroupAverage(StandardNormal):
    """p(z) = N(0, I); a new datum of a group has the average latent of the group's conditioned data.

    Args:
        num_groups: groups are numbered from 0 to this less one, in the first feature.
        num_data: N, the points of the data set.
        num_conditions: features beside the group, if known: others are refused.
    """

    def __init__(self, num_groups: int, num_data: int | None, num_conditions: int | None = None, **kwargs) -> None:
        if num_data is None:
            raise ValueError("groups are parts of one data set: give num_data, its number of points")
        if num_groups < 1:
            raise ValueError(f"num_groups must be at least 1, got {num_groups}")
        super().__init__(num_data=num_data, **kwargs)
        self.num_groups = int(num_groups)
        self.num_conditions = num_conditions

    def call(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> LatentPosterior:
        with tf.control_dependencies([self._groups(features)]):  # which checks them
            return super().call(features, tf.identity(mean), variance)

    def validate_features(self, features_shape: tuple[int | None, ...]) -> None:
        width, conditions = features_shape[-1], self.num_conditions
        if width is not None and conditions is not None and width != 1 + conditions:
            raise DataError(f"auxiliary data have {width} column(s), not a group and {conditions} condition(s)")

    def _groups(self, features: tf.Tensor) -> tf.Tensor:
        values = tf.cast(features, linalg.DTYPE)[..., 0]
        message = f"auxiliary data hold a group that is no whole number from 0 to {self.num_groups - 1}"
        bad = (values < 0) | (values >= self.num_groups) | (values != tf.floor(values))
        if not tf.is_symbolic_tensor(values):
            if tf.reduce_any(bad):
                raise DataError(f"{message}: {values[bad][0]:g}")
            return tf.cast(values, tf.int32)
        with tf.control_dependencies([tf.debugging.assert_equal(tf.reduce_any(bad), False, message)]):
            return tf.cast(values, tf.int32)

    def condition(self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> Evidence:
        groups = self._groups(features)
        columns = tf.concat([mean, variance, tf.ones_like(mean[..., :1])], axis=-1)
        return Evidence((tf.math.unsorted_segment_sum(tf.cast(columns, linalg.DTYPE), groups, self.num_groups),))

    def merge(self, old: Evidence, new: Evidence) -> Evidence:
        return Evidence((old.arrays[0] + new.arrays[0],))

    def remove(self, old: Evidence, gone: Evidence) -> Evidence:
        left = old.arrays[0] - gone.arrays[0]
        if tf.reduce_any(left[:, -1] < 0):
            raise DataError("cannot forget data that the posterior was not given")
        return Evidence((left,))

    def predict(self, evidence: Evidence, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Moments of the average of independent latents; of the prior for groups without data."""
        sums = tf.gather(evidence.arrays[0], self._groups(features))
        count = sums[..., -1:]
        mean, variance = tf.split(sums[..., :-1], 2, axis=-1)
        known = tf.maximum(count, 1.0)
        return mean / known, tf.where(count > 0, variance / tf.square(known), 1.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_groups": self.num_groups, "num_conditions": self.num_conditions}

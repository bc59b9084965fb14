"""GECO as in the original program."""

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.distribution import sum_over_replicas
from svgp_vae_tf.objectives import GECO


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class OriginalGECO(GECO):
    """GECO as in the original program: ``loss = sum(kl) + lambda mean(c)``, where lambda starts at 1 and is unbounded.

    The multiplier overflows in float32 after some tens of epochs; kept to explain published numbers. The arguments
    are those of `GECO`.
    """

    def __init__(
        self,
        tolerance: float,
        decay: float = 0.99,
        initial_multiplier: float | None = 1.0,
        multiplier_bounds: tuple[float, float | None] = (1e-300, float(np.finfo(np.float64).max)),
        **kwargs,
    ) -> None:
        super().__init__(tolerance, decay, initial_multiplier, multiplier_bounds, **kwargs)

    def _loss(self, constraint: tf.Tensor, kl: tf.Tensor, multiplier: tf.Tensor) -> tf.Tensor:
        count = sum_over_replicas(tf.cast(tf.shape(kl)[0], kl.dtype))
        return count * kl + multiplier * constraint

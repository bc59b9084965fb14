"""What training minimises, from the two terms of the ELBO."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class ELBO(keras.layers.Layer):
    """``loss = -(log_likelihood - beta * kl)``, the beta-ELBO; beta = 1 is the evidence lower bound of eq. 10.

    Args:
        beta: weight of the KL, non-negative.
    """

    def __init__(self, beta: float = 1.0, **kwargs) -> None:
        kwargs.setdefault("dtype", keras.config.dtype_policy().variable_dtype)  # never half precision
        super().__init__(**kwargs)
        if not 0.0 <= beta < float("inf"):
            raise ValueError(f"beta must not be negative, got {beta}")
        self.beta = float(beta)
        self.built = True

    def call(self, log_likelihood: tf.Tensor, kl: tf.Tensor) -> tf.Tensor:
        """Loss per example from the log likelihood and the KL per example."""
        return self.beta * kl - log_likelihood

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": self.beta}

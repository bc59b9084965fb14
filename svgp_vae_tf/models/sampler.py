"""Random draws of latents, with a state that is saved with the model."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.distribution import local_rows, num_replicas


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class LatentSampler(keras.layers.Layer):
    """``z = mean + stddev * noise`` with its own generator.

    Keras does not save the state of a `SeedGenerator`; without it a resumed run would draw other noise.

    Args:
        seed: where the generator starts; None for anywhere.
    """

    def __init__(self, seed: int | None = 0, **kwargs) -> None:
        kwargs.setdefault("dtype", keras.config.dtype_policy().variable_dtype)  # never half precision
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
        """One draw per latent from independent Gaussians, in this layer's compute dtype."""
        # a floor far below any variance that matters keeps the gradient of the root finite
        stddev = tf.sqrt(tf.maximum(variance, 1e-30))
        noise = self.per_example(keras.random.normal, tf.shape(mean), dtype=self.compute_dtype)
        return tf.cast(mean, self.compute_dtype) + tf.cast(stddev, self.compute_dtype) * noise

    def per_example(self, draw: Callable[..., tf.Tensor], shape: Sequence[int] | tf.Tensor, **kwargs) -> tf.Tensor:
        """Random numbers for the examples of a batch, the same for an example on one replica or on many.

        Every replica draws for the global batch, from the one state they share, and takes the rows of its examples.

        Args:
            draw: such as `keras.random.normal`.
            shape: of this replica's numbers, examples first.
            kwargs: of ``draw``.
        """
        if num_replicas() == 1:
            return draw(shape, seed=self.generator, **kwargs)
        count, *rest = tf.unstack(tf.convert_to_tensor(shape))
        first, total = local_rows(count)
        return draw(tf.stack([total, *rest]), seed=self.generator, **kwargs)[first : first + count]

    def save_own_variables(self, store: Any) -> None:
        """Write the generator's state."""
        store["generator"] = np.asarray(self.generator.state)

    def load_own_variables(self, store: Any) -> None:
        """Read the generator's state."""
        if "generator" in store.keys():
            self.generator.state.assign(np.asarray(store["generator"]))

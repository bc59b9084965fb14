"""GPPVAE (Casale et al. 2018): an ordinary encoder, and a low-rank GP over the latents of all data."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from svgp_vae_tf.arrays import is_array_like
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features import GPLVM
from svgp_vae_tf.gp import low_rank
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.models import checks
from svgp_vae_tf.models.inputs import CHUNK
from svgp_vae_tf.models.latent_model import LatentModel
from svgp_vae_tf.priors.base import LatentData, LatentPosterior
from svgp_vae_tf.priors.low_rank import LowRankGP

ENCODED_AT_ONCE = 4 * CHUNK


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class GPPVAE(LatentModel):
    """The GP prior VAE of Casale et al.: z_l ~ N(0, V V^T + alpha I) over all data, q(z | y) the encoder's own.

    At each step all N data are encoded for the sums that the prior needs; the gradient then comes from a mini-batch,
    by a Taylor expansion in these sums (`gp.low_rank`). So the model must have all data: `fit` with arrays keeps them,
    for a `tf.data.Dataset` call `set_training_data` first. The sums are computed with the encoder in inference mode,
    so they match those of the batches for encoders without dropout and batch normalisation. For staged training, pass
    trained networks and freeze them.

    In training `kl` is the divergence of all data, per datum; in `evaluate` that of each batch by itself.

    Args:
        encoder, decoder, kwargs: see `LatentModel`.
        kernel: covariance over views, the first columns of the features; the others are the object's vector.
        views: the Q distinct views of the training data, (Q, C).
        num_data: N.
        noise_variance: alpha at the start.
    """

    prior_arguments = ("kernel", "views", "num_data", "noise_variance")

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        kernel: Kernel,
        views: np.ndarray,
        num_data: int | None,
        noise_variance: float = 0.1,
        **kwargs,
    ) -> None:
        table = kwargs.get("auxiliary")
        objects = int(table.vectors.shape[1]) if isinstance(table, GPLVM) else None
        prior = LowRankGP(kernel, views, num_data, noise_variance, num_object_features=objects)
        super().__init__(encoder, decoder, prior, **kwargs)
        self._training_data: tuple[Any, tf.Tensor] | None = None

    def set_training_data(self, aux: Any, observations: Any) -> None:
        """Store all training data, replacing what was stored. They are not saved with the model.

        Args:
            aux, observations: arrays of all N data, as for `fit`.

        Raises:
            DataError: for arrays that cannot be used, or are not N.
        """
        if not is_array_like(aux):
            raise DataError("give all training data as arrays: set_training_data(aux, observations)")
        self.keep(*self.inputs_gate.training(aux, observations, self.prior.num_data))

    def keep(self, aux: Any, observations: Any) -> None:
        """Store checked arrays."""
        # as Keras hands on batches of them
        self._training_data = tree.map_structure(checks.in_keras_floats, (aux, observations))
        self.train_function = None  # the compiled step captured the old data

    def fit(self, x: Any = None, y: Any = None, **kwargs) -> keras.callbacks.History:
        """As for `LatentModel`, but without ``validation_split``.

        Raises:
            DataError: as for `LatentModel`, and for a validation split.
        """
        if kwargs.get("validation_split"):
            raise DataError("the prior is over all data: give validation_data instead of validation_split")
        return super().fit(x, y, **kwargs)

    def before_training(self, x: Any, y: Any) -> None:
        """Keep the arrays that `fit` was given.

        Raises:
            DataError: if there are no training data.
        """
        super().before_training(x, y)
        if is_array_like(x):
            self.keep(x, y)
        self.all_data()

    def compile(self, *args, **kwargs) -> None:
        """As for `LatentModel`, on one device.

        Raises:
            ValueError: on several replicas.
        """
        super().compile(*args, **kwargs)
        if self.distribute_strategy.num_replicas_in_sync > 1:
            raise ValueError("GPPVAE encodes all data at each step, so replicas would share no work: use one device")

    def train_on_batch(self, *args, **kwargs) -> Any:
        """Keras' `train_on_batch`, given all data before."""
        self.all_data()
        return super().train_on_batch(*args, **kwargs)

    def all_data(self) -> tuple[Any, tf.Tensor]:
        """All training data.

        Raises:
            DataError: if there are none.
        """
        if self._training_data is None:
            raise DataError("GPPVAE needs all training data at each step: call set_training_data(aux, observations)")
        return self._training_data

    def latent_posterior(self, data: LatentData, training: bool = False) -> LatentPosterior:
        """The encoder's posterior; in training with the divergence of all data."""
        return self.prior(data, full=self._totals() if training else None)

    def _totals(self) -> low_rank.SufficientStatistics:
        """Statistics of all data with the current networks, in chunks, so that memory does not grow with N."""
        aux, observations = self.all_data()
        parts = []
        for chunk in self.inputs_gate.chunks(aux, observations, ENCODED_AT_ONCE):
            parts.append(self.prior.totals(self.encode(chunk.observations, features=self.features(chunk.aux))))
        return low_rank.SufficientStatistics(*(tf.add_n(list(arrays)) for arrays in zip(*parts, strict=True)))

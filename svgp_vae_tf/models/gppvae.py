"""GPPVAE (Casale et al. 2018): an ordinary encoder, and a low-rank GP over the latents of all data."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features import GPLVM
from svgp_vae_tf.gp import low_rank
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.models import checks
from svgp_vae_tf.models.base import LatentModel
from svgp_vae_tf.models.prediction import CHUNK
from svgp_vae_tf.priors.base import LatentPosterior
from svgp_vae_tf.priors.low_rank import LowRankGP

ENCODED_AT_ONCE = 4 * CHUNK


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class GPPVAE(LatentModel):
    """The GP prior VAE of Casale et al.: z_l ~ N(0, V V^T + alpha I) over all data, q(z | y) the encoder's own.

    At each step all N data are encoded for the sums the prior needs; the gradient then comes from a mini-batch, by a
    Taylor expansion in these sums (`math.low_rank`). The data must therefore be at hand: `fit` with arrays holds them,
    a `tf.data.Dataset` needs a call of `set_training_data` before. The sums are made with the encoder as it predicts,
    so they are those of the batches for encoders without dropout and batch normalisation. For staged training give networks that
    are trained, and freeze them.

    In training `kl` is the divergence of all data, per datum; in `evaluate` that of each batch by itself.

    Args:
        encoder, decoder, kwargs: see `LatentModel`.
        kernel: covariance over views, the first columns of the features; the others are the object's vector.
        views: the Q distinct views of the training data, (Q, C).
        num_data: N.
        noise_variance: alpha at the start.
    """

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
        self._held: tuple[Any, tf.Tensor] | None = None

    def set_training_data(self, aux: Any, observations: Any) -> None:
        """Keep all training data at hand, in the place of any before. They are not saved with the model.

        Args:
            aux, observations: arrays of all N data, as for `fit`.

        Raises:
            DataError: for arrays that cannot be used, or are not N.
        """
        aux, observations = self._check_arrays(aux, observations, self.prior.num_data)
        self.features(aux)
        self._ensure_built(observations.shape)
        # as Keras hands on batches of them
        self._held = tree.map_structure(checks.in_keras_floats, (aux, observations))
        self.train_function = None  # a compiled step knows the data of its time

    def validate_replicas(self) -> None:
        super().validate_replicas()
        if self.num_replicas > 1:
            raise ValueError("GPPVAE encodes all data at each step, so replicas would share no work: use one device")

    def fit(self, x: Any = None, y: Any = None, **kwargs) -> keras.callbacks.History:
        if checks.is_array_like(x) and y is not None:
            if kwargs.get("validation_split"):
                raise DataError("the prior is over all data: give validation_data in the place of validation_split")
            self.set_training_data(x, y)
        self._all_data()
        return super().fit(x, y, **kwargs)

    def train_on_batch(self, *args, **kwargs) -> Any:
        self._all_data()
        return super().train_on_batch(*args, **kwargs)

    def _all_data(self) -> tuple[Any, tf.Tensor]:
        if self._held is None:
            raise DataError(
                "GPPVAE needs all of its training data at each step: call set_training_data(aux, observations) first"
            )
        return self._held

    def _posterior(
        self, features: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, training: bool = False
    ) -> LatentPosterior:
        return self.prior(features, mean, variance, whole=self._whole() if training else None)

    def _whole(self) -> low_rank.Sums:
        """Sums over all data with the present networks, in parts, so that memory does not grow with N."""
        aux, observations = self._all_data()
        parts = []
        for start in range(0, len(observations), ENCODED_AT_ONCE):
            part = slice(start, start + ENCODED_AT_ONCE)
            features = self.features(tree.map_structure(lambda a, part=part: a[part], aux))
            parts.append(self.prior.total(features, *self.encode(observations[part], features=features)))
        return low_rank.Sums(*(tf.add_n(list(arrays)) for arrays in zip(*parts, strict=True)))

    def _prior_config(self) -> dict[str, Any]:
        config = self.prior.get_config()
        return {name: config[name] for name in ("kernel", "views", "num_data", "noise_variance")}

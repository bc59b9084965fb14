"""The interface that all priors over the latents share, and the types that pass through it.

The encoder turns observations into a *latent data set* (`LatentData`): features of the auxiliary data with a mean and
a variance per latent channel. A prior maps it to the posterior of the latents at the data and its divergence from the
prior (training), and to *sufficient statistics*, from which `Prior.posterior` predicts at new inputs.

Two settings, told apart by `num_data`:

* ``num_data=None``: each example is a whole series with a GP of its own; features (batch, n, D), moments (batch, n, L).
* ``num_data=N``: one GP over a data set of N points, of which a batch shows b; features (b, D), moments (b, L).

Networks want channels last, (..., n, L), batched Cholesky factors want channels first, (..., L, n). The views of
`LatentData`, `LatentPosterior.from_channels_first` and `Posterior.predict` are the only places that convert.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import whole_number
from svgp_vae_tf.gp import linalg

Functions = Callable[[tf.Tensor], tf.Tensor]
"""Draws of latent functions: from features (..., r, D) to latents (S, ..., r, L)."""

SufficientStatistics = Any
"""A NamedTuple of tensors, each prior's own type, `Prior.statistics_type`."""


class LatentData(NamedTuple):
    """The latent data set: what the encoder makes of observations, beside the features of their auxiliary data."""

    features: tf.Tensor
    """Shape (..., n, D), float64."""
    mean: tf.Tensor
    """y~, shape (..., n, L), float64; None without an encoder."""
    variance: tf.Tensor
    """s2 > 0, shape (..., n, L), float64; None without an encoder."""

    @classmethod
    def of(cls, features: Any, mean: Any = None, variance: Any = None) -> "LatentData":
        """From arrays of any float type."""
        cast = (
            None if x is None else tf.cast(tf.convert_to_tensor(x), linalg.DTYPE) for x in (features, mean, variance)
        )
        return cls(*cast)

    @property
    def x(self) -> tf.Tensor:
        """Features with a latent axis, (..., 1, n, D): kernels may have parameters per latent channel."""
        return with_latent_axis(self.features)

    @property
    def y(self) -> tf.Tensor:
        """Means with channels first, (..., L, n)."""
        return tf.linalg.matrix_transpose(self.mean)

    @property
    def s2(self) -> tf.Tensor:
        """Variances with channels first, (..., L, n)."""
        return tf.linalg.matrix_transpose(self.variance)


class LatentPosterior(NamedTuple):
    """q(z | x, y) at the data themselves, float64."""

    mean: tf.Tensor
    """Shape (batch, n, L) or, for one GP over a data set, (b, L)."""
    variance: tf.Tensor
    """Marginal variances, non-negative; shape as `mean`."""
    kl: tf.Tensor
    """What the ELBO subtracts, per example: shape (batch,), or () where all examples of a batch share it."""

    @classmethod
    def from_channels_first(cls, mean: tf.Tensor, variance: tf.Tensor, kl: tf.Tensor) -> "LatentPosterior":
        """From moments (..., L, n)."""
        return cls(tf.linalg.matrix_transpose(mean), tf.linalg.matrix_transpose(variance), kl)


class Posterior:
    """A prior conditioned on data: factored once, then evaluated at any inputs.

    Args:
        prior: whose posterior it is; its kernel is evaluated at new inputs.
        arrays: a NamedTuple of tensors that say everything about the data.
    """

    def __init__(self, prior: "Prior", arrays: Any) -> None:
        self.prior, self.arrays = prior, arrays

    @property
    def num_anchors(self) -> int:
        """Inputs at which `functions` evaluates the prior beforehand, such as those of the data."""
        return 1

    @property
    def num_random(self) -> int:
        """Random features of an input in one draw of `functions`; both say how much memory draws need."""
        return 1

    def predict(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and marginal variance of the latents at new features (..., r, D), each (..., r, L)."""
        mean, variance = self._marginals(with_latent_axis(features))
        return tf.linalg.matrix_transpose(mean), tf.linalg.matrix_transpose(variance)

    def predict_joint(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean (..., r, L) and covariances (..., L, r, r) of the latents at new features (..., r, D)."""
        mean, covariance = self._joint(with_latent_axis(features))
        return tf.linalg.matrix_transpose(mean), covariance

    def _marginals(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`predict` at features with a latent axis (..., 1, r, D), channels first."""
        raise NotImplementedError

    def _joint(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`predict_joint` at features with a latent axis (..., 1, r, D), channels first."""
        raise NotImplementedError

    def functions(self, generators: Sequence[np.random.Generator]) -> Functions | None:
        """Draws of latent functions, which can be evaluated anywhere; None where the kernel has no features for that.

        By Matheron's rule, a draw of the posterior is a draw f of the prior that is corrected by what the data say:

            f_post(x) = f(x) + k(x, X) C^-1 (y - f(X) - noise)

        at a cost of O(n) for n inputs. Source: Wilson et al. (2020), "Efficiently Sampling Functions from Gaussian
        Process Posteriors".

        Args:
            generators: one per draw, S of them.

        Returns:
            From features (..., r, D) to latents (S, ..., r, L), float64.
        """
        return None

    def draw_jointly(self, features: tf.Tensor, generators: Sequence[np.random.Generator]) -> tf.Tensor:
        """Draws from the joint posterior at features (..., r, D), in O(r^3) and a matrix (L, r, r): (S, ..., r, L)."""
        mean, covariance = self.predict_joint(features)
        factor = linalg.semidefinite_root(covariance)
        noise = standard_normal(generators, (*mean.shape[:-2], mean.shape[-1], mean.shape[-2]))
        return mean + tf.linalg.matrix_transpose(tf.linalg.matvec(factor, noise))

    def draw_marginally(self, features: tf.Tensor, generators: Sequence[np.random.Generator]) -> tf.Tensor:
        """Draws of each latent from its marginal at features (..., r, D): (S, ..., r, L)."""
        mean, variance = self.predict(features)
        return mean + tf.sqrt(variance) * standard_normal(generators, mean.shape)


def standard_normal(generators: Sequence[np.random.Generator], shape: Sequence[int]) -> tf.Tensor:
    """Standard normal numbers, (S, *shape), the first index from the first generator."""
    return tf.constant(np.stack([rng.normal(size=tuple(shape)) for rng in generators]))


class Prior(keras.layers.Layer):
    """Base of the priors.

    Args:
        num_data: N for one GP over a data set, None for a GP per series.
    """

    statistics_type: ClassVar[Any]
    """The type of the sufficient statistics."""
    keeps_data: ClassVar[bool] = True
    """Whether the statistics say anything about the data, and so depend on the weights that they were computed with."""

    def __init__(self, num_data: int | None = None, **kwargs) -> None:
        kwargs.setdefault("dtype", "float64")
        super().__init__(**kwargs)
        self.num_data = None if num_data is None else whole_number("num_data", num_data)
        self.built = True

    def call(self, data: LatentData) -> LatentPosterior:
        """Posterior of the latents of a batch given that batch, and its divergence from the prior."""
        raise NotImplementedError

    def factors(self) -> tuple[tf.Tensor, ...]:
        """What `statistics` of every chunk of a data set shares, such as a factor of K_mm."""
        return ()

    def statistics(self, data: LatentData, factors: tuple[tf.Tensor, ...] | None = None) -> SufficientStatistics:
        """Sufficient statistics of a latent data set.

        Args:
            data: a data set, or a chunk of one.
            factors: result of `factors`, if it has been computed already.
        """
        raise NotImplementedError

    def merge(self, one: SufficientStatistics, other: SufficientStatistics) -> SufficientStatistics:
        """Statistics of both data sets together: by default, sums."""
        return type(one)(*(a + b for a, b in zip(one, other, strict=True)))

    def remove(self, full: SufficientStatistics, removed: SufficientStatistics) -> SufficientStatistics:
        """Statistics of ``full`` without ``removed``, which must be part of it.

        Raises:
            DataError: if it clearly is not.
        """
        raise NotImplementedError

    def posterior(self, statistics: SufficientStatistics) -> Posterior:
        """The prior conditioned on data, factored once. Statistics of no data give the prior itself."""
        raise NotImplementedError

    @property
    def num_features(self) -> int | None:
        """How wide features must be; None where any width will do, or `validate_features` alone can tell."""
        return None

    def validate_features(self, features_shape: tuple[int | None, ...]) -> None:
        """Raise ValueError if features of this shape cannot be used."""

    def validate_training(self, features_shape: tuple[int | None, ...]) -> None:
        """Raise ValueError if features of this shape cannot be trained on."""

    def validate_replicas(self) -> None:
        """Raise ValueError if several replicas cannot compute the posterior of a batch from parts of it."""

    def validate_latents(self, num_latents: int) -> None:
        """Raise ValueError if the prior is not for this number of latent channels."""

    def get_config(self) -> dict[str, Any]:
        """The constructor\'s arguments."""
        return {**super().get_config(), "num_data": self.num_data}


def with_latent_axis(features: tf.Tensor) -> tf.Tensor:
    """(..., n, D) to (..., 1, n, D)."""
    return features[..., tf.newaxis, :, :]

"""Features of groups (all frames of one character, say), pooled from their members' observations."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.distribution import gather_replicas
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features.base import Features, as_columns
from svgp_vae_tf.features.batches import checked_ids
from svgp_vae_tf.gp import linalg

CHUNK = 256
"""Observations that go through the network at a time."""


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class PooledFeatures(Features):
    """Features of a group, pooled from its observations: a representation network.

    The network turns each observation into a vector, and the mean over the observations of a group stands for the
    group in the features of all its members, after those of ``others``. It is trained through the kernel with
    everything else, and describes groups that training never saw.

    Auxiliary data are named arrays: what ``others`` wants, and either the observations and the group's id of each
    row, or the vectors themselves where they are known (see `pool`). A batch must hold whole groups, for the mean is
    over the members it holds: `whole_groups` makes such batches.

    Args:
        network: from single observations to vectors (M,), built.
        others: features beside, such as a `GPLVM` with ``names``; None for none.
        observations: the name in the auxiliary data of the observations, (n, ...).
        group: the name of the ids, (n,): rows of one id belong together.
        pooled: the name of vectors that are known, (n, M); they come before observations.

    Raises:
        DataError: for auxiliary data without these names.
    """

    def __init__(
        self,
        network: keras.Model,
        others: Features | None = None,
        observations: str = "image",
        group: str = "group",
        pooled: str = "style",
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if not network.built or len(network.output_shape) != 2:
            raise ValueError("the representation network must be built and give one vector (M,) per observation")
        self.network, self.others = network, others
        self.observations, self.group, self.pooled = observations, group, pooled
        self.allow_near_duplicates = (observations, pooled)  # two groups may look alike
        self.ids = (group,)

    def call(self, aux: Any, batch_rank: int, training: bool = False) -> tf.Tensor:
        self._check_names(aux)
        if batch_rank != 1:
            raise DataError("pooled features are for one GP over a data set: give the model num_data=N")
        own = as_columns(aux[self.pooled], batch_rank) if self.pooled in aux else self._pool_batch(aux, training)
        if own.shape[-1] not in (None, self.network.output_shape[-1]):
            raise DataError(f"{self.pooled} has {own.shape[-1]} column(s), not {self.network.output_shape[-1]}")
        return own if self.others is None else tf.concat([self.others.call(aux, batch_rank, training), own], axis=-1)

    def _check_names(self, aux: Any) -> None:
        wanted = f"{self.group} and {self.observations}, or {self.pooled}"
        if not isinstance(aux, Mapping):
            raise DataError(f"auxiliary data must be a dict with {wanted}, got {type(aux).__name__}")
        if self.pooled not in aux and not {self.group, self.observations} <= set(aux):
            raise DataError(f"auxiliary data must hold {wanted}; they hold {', '.join(aux) or 'nothing'}")

    def _pool_batch(self, aux: Mapping[str, tf.Tensor], training: bool) -> tf.Tensor:
        """The mean vector of each row's group, over the members in the batch of all replicas, (b, M)."""
        if tf.as_dtype(aux[self.group].dtype) == tf.string:
            raise DataError(f"{self.group} holds text: groups.whole_groups(...) makes numbers of it")
        group, own = gather_replicas(tf.cast(tf.reshape(aux[self.group], [-1]), linalg.DTYPE))
        ids, member = tf.unique(group)
        vectors, _ = gather_replicas(self._vectors(aux[self.observations], training))
        means = tf.math.unsorted_segment_mean(vectors, member, tf.size(ids))
        return tf.gather(means, tf.gather(member, own))

    def _vectors(self, observations: Any, training: bool = False) -> tf.Tensor:
        inputs = tf.cast(observations, self.network.compute_dtype)
        return tf.cast(self.network(inputs, training=training), linalg.DTYPE)

    def pool(self, observations: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of groups from any of their observations: context for groups that training never saw.

        Args:
            observations: (n, ...).
            group: an id for each, numbers or text, (n,).

        Returns:
            The distinct ids, ascending, (G,), and their vectors, (G, M).

        Raises:
            DataError: if there is no observation, or not one id for each; for observations that are not finite, or of
                another shape than the network's.
        """
        observations, group = np.asarray(observations), checked_ids(group, self.group)
        if len(group) == 0 or len(group) != len(np.atleast_1d(observations)):
            raise DataError(
                f"pooling needs at least one observation, and an id for each: got observations of shape "
                f"{observations.shape} and ids of shape {group.shape}"
            )
        self._check_observations(observations)
        ids, member = np.unique(group, return_inverse=True)
        sums = np.zeros((len(ids), self.network.output_shape[-1]))
        for start in range(0, len(group), CHUNK):
            part = slice(start, start + CHUNK)
            np.add.at(sums, member[part], self._vectors(observations[part]).numpy())
        return ids, sums / np.bincount(member)[:, np.newaxis]

    def _check_observations(self, observations: np.ndarray) -> None:
        wanted = self.network.input_shape[1:]
        fit = len(wanted) == observations.ndim - 1 and all(
            size in (None, own) for size, own in zip(wanted, observations.shape[1:], strict=True)
        )
        if not fit:
            raise DataError(f"the representation network takes (n, ...) = (n, {', '.join(map(str, wanted))}), got "
                            f"observations of shape {observations.shape}")  # fmt: skip
        if not np.isfinite(observations).all():
            raise DataError("observations to pool hold values that are NaN or infinite")

    def prepare(self, aux: Any) -> Any:
        """The same auxiliary data with vectors in the place of observations: chunks may then part a group."""
        self._check_names(aux)
        if self.pooled in aux:
            return aux
        group = checked_ids(aux[self.group], self.group)
        ids, vectors = self.pool(aux[self.observations], group)
        used = {self.observations} | ({self.group} if group.dtype.kind in "US" else set())  # none computes with text
        others = {name: value for name, value in aux.items() if name not in used}
        return {**others, self.pooled: gather_groups(group, ids, vectors)}

    def validate_batches(self, aux: Any) -> None:
        if isinstance(aux, Mapping) and self.pooled not in aux:
            raise DataError("Keras would part groups between batches of arrays: give groups.whole_groups(...) instead")

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        names = {"observations": self.observations, "group": self.group, "pooled": self.pooled}
        parts = {"network": serialize(self.network), "others": serialize(self.others)}
        return {**super().get_config(), **parts, **names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PooledFeatures":
        restore = keras.saving.deserialize_keras_object
        return cls(**{**config, "network": restore(config["network"]), "others": restore(config["others"])})


def gather_groups(wanted: np.ndarray, ids: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The vector of the group of each row.

    Args:
        wanted: the group's id of each row, (n,).
        ids: distinct ids, ascending, (G,), as `PooledFeatures.pool` gives them.
        vectors: of these groups, (G, M).

    Returns:
        (n, M).

    Raises:
        DataError: naming groups that have no vector, for nothing was pooled of them.

    >>> gather_groups(["b", "a", "b"], ["a", "b"], np.array([[1.0], [2.0]])).tolist()
    [[2.0], [1.0], [2.0]]
    """
    wanted, ids = np.asarray(wanted), np.asarray(ids)
    unknown = np.setdiff1d(wanted, ids)
    if len(unknown):
        few = ", ".join(str(one) for one in unknown[:3])
        raise DataError(f"{len(unknown)} group(s) have no vector, as no observation of them was pooled: {few}"
                        f"{', ...' if len(unknown) > 3 else ''}")  # fmt: skip
    return vectors[np.searchsorted(ids, wanted)]

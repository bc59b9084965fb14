"""Features of groups (all frames of one character, say), pooled from their members' observations."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import instance_of, nonempty_text
from svgp_vae_tf.arrays import as_array
from svgp_vae_tf.distribution import gather_replicas
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.features.base import Features, with_feature_axis
from svgp_vae_tf.features.batches import checked_ids
from svgp_vae_tf.gp import linalg
from svgp_vae_tf.network_shapes import input_events, output_event, told_output_event

CHUNK = 256
"""Number of observations that go through the network at a time."""


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class PooledFeatures(Features):
    """Features of a group, pooled from its observations by a representation network.

    The network turns each observation into a vector. The mean vector of a group is appended to the features that
    ``others`` give each of its members. The network is trained with everything else, through the kernel, and can
    describe groups that training never saw.

    Auxiliary data are named arrays: those of ``others``, and either the observations and the group's id of each row, or
    the group's vector of each row where it is known (see `pool`). As the mean is over the members in a batch, a batch
    must hold whole groups; `whole_groups` makes such batches.

    Source: the representation network for SPRITES of Jazbec et al. (2021), "Scalable Gaussian Process Variational
    Autoencoders".

    Args:
        network: a built model from single observations to vectors (M,); a subclass of `keras.Model` is built by a call.
        others: features to put before the vectors, such as a `GPLVM` with ``names``; None for none.
        observations: name of the observations in the auxiliary data, (n, ...).
        group: name of the ids, (n,); rows with the same id belong to one group.
        pooled: name of known vectors, (n, M), used instead of observations if they are given.

    Raises:
        ValueError: for a network that is not built, or does not give vectors.
        DataError: from `call` and `validate`, for auxiliary data without these names, or vectors of another width.
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
        self.width = _width(instance_of("network", network, keras.layers.Layer))
        self.network = network
        self.others = None if others is None else instance_of("others", others, Features)
        names = {"observations": observations, "group": group, "pooled": pooled}
        self.observations, self.group, self.pooled = (nonempty_text(name, own) for name, own in names.items())
        self.allow_near_duplicates = (observations, pooled)  # two groups may look alike
        self.ids = (group,)

    @property
    def names(self) -> list[str]:
        """Names of the arrays that may be used: those of ``others``, ids, observations and known vectors."""
        others = [] if self.others is None else self.others.names or []
        return [*others, self.group, self.observations, self.pooled]

    def call(self, aux: Any, batch_rank: int, training: bool = False) -> tf.Tensor:
        """See `Features.call`."""
        self._validate_names(aux, batch_rank)
        if self.pooled in aux:
            vectors = tf.cast(with_feature_axis(tf.convert_to_tensor(aux[self.pooled]), batch_rank), linalg.DTYPE)
            self._validate_width(vectors.shape[-1])
        else:
            vectors = self._pool_batch(aux, training)
        if self.others is None:
            return vectors
        return tf.concat([self.others.call(aux, batch_rank, training), vectors], axis=-1)

    def validate(self, aux: Any, batch_rank: int) -> None:
        """See `Features.validate`."""
        self._validate_names(aux, batch_rank)
        if self.pooled in aux:
            self._validate_width(with_feature_axis(np.asarray(aux[self.pooled]), batch_rank).shape[-1])
        if self.others is not None:
            self.others.validate(aux, batch_rank)

    def _validate_names(self, aux: Any, batch_rank: int = 1) -> None:
        required = f"{self.group} and {self.observations}, or {self.pooled}"
        if not isinstance(aux, Mapping):
            raise DataError(f"auxiliary data must be a dict with {required}, got {type(aux).__name__}")
        if self.pooled not in aux and not {self.group, self.observations} <= set(aux):
            raise DataError(f"auxiliary data must hold {required}; they hold {', '.join(aux) or 'nothing'}")
        if batch_rank != 1:
            raise DataError("pooled features are for one GP over a data set: give the model num_data=N")

    def _validate_width(self, width: int | None) -> None:
        if width not in (None, self.width):
            raise DataError(f"{self.pooled} has {width} column(s), not {self.width}")

    def _pool_batch(self, aux: Mapping[str, tf.Tensor], training: bool) -> tf.Tensor:
        """The mean vector of each row's group over its members in the global batch of all replicas, (b, M)."""
        if tf.as_dtype(aux[self.group].dtype) == tf.string:
            raise DataError(f"{self.group} holds text: features.whole_groups(...) turns it into numbers")
        group, local = gather_replicas(tf.cast(tf.reshape(aux[self.group], [-1]), linalg.DTYPE))
        ids, member = tf.unique(group)
        vectors, _ = gather_replicas(self._vectors(aux[self.observations], training))
        means = tf.math.unsorted_segment_mean(vectors, member, tf.size(ids))
        return tf.gather(means, tf.gather(member, local))

    def _vectors(self, observations: Any, training: bool = False) -> tf.Tensor:
        """The network's vector of each observation, (n, M), float64."""
        inputs = tf.cast(observations, self.network.compute_dtype)
        return tf.cast(self.network(inputs, training=training), linalg.DTYPE)

    def pool(self, observations: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the vectors of groups from some of their observations, also of groups that training never saw.

        Args:
            observations: (n, ...).
            group: an id for each observation, numbers or text, (n,).

        Returns:
            The distinct ids in ascending order, (G,), and their vectors, (G, M), float64.

        Raises:
            DataError: without observations, or without an id for each; for observations that are not finite, or of
                another shape than the network's.
        """
        observations, group = as_array(self.observations, observations), checked_ids(group, self.group)
        if len(group) == 0 or len(group) != len(np.atleast_1d(observations)):
            raise DataError(
                f"pooling needs at least one observation, and an id for each: got observations of shape "
                f"{observations.shape} and ids of shape {group.shape}"
            )
        self._validate_observations(observations)
        ids, member = np.unique(group, return_inverse=True)
        sums = np.zeros((len(ids), self.width))
        for start in range(0, len(group), CHUNK):
            part = slice(start, start + CHUNK)
            np.add.at(sums, member[part], self._vectors(observations[part]).numpy())
        return ids, sums / np.bincount(member)[:, np.newaxis]

    def _validate_observations(self, observations: np.ndarray) -> None:
        expected = getattr(self.network, "input_shape", (None, *observations.shape[1:]))[1:]  # subclasses have none
        matches = len(expected) == observations.ndim - 1 and all(
            size in (None, own) for size, own in zip(expected, observations.shape[1:], strict=True)
        )
        if not matches:
            raise DataError(f"the representation network takes (n, ...) = (n, {', '.join(map(str, expected))}), got "
                            f"observations of shape {observations.shape}")  # fmt: skip
        if not np.isfinite(observations).all():
            raise DataError("observations to pool hold values that are NaN or infinite")

    def prepare(self, aux: Any) -> Any:
        """The same data with the group's vector of each row instead of observations, so that chunks may split groups.

        Args:
            aux: a dict of NumPy arrays; returned as it is if it holds the vectors already.

        Raises:
            DataError: for data without the names that are needed, and as from `pool`.
        """
        self._validate_names(aux)
        if self.pooled in aux:
            return aux
        group = checked_ids(aux[self.group], self.group)
        ids, vectors = self.pool(aux[self.observations], group)
        dropped = {self.observations} | (
            {self.group} if group.dtype.kind in "US" else set()
        )  # TensorFlow needs no text
        others = {name: value for name, value in aux.items() if name not in dropped}
        return {**others, self.pooled: gather_groups(group, ids, vectors)}

    def validate_batches(self, aux: Any) -> None:
        """Raise DataError for observations in arrays, which Keras would split without regard to groups."""
        if isinstance(aux, Mapping) and self.pooled not in aux:
            raise DataError(
                "Keras would split groups between batches of arrays: give features.whole_groups(...) instead"
            )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        serialize = keras.saving.serialize_keras_object
        names = {"observations": self.observations, "group": self.group, "pooled": self.pooled}
        parts = {"network": serialize(self.network), "others": serialize(self.others)}
        return {**super().get_config(), **parts, **names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PooledFeatures":
        """The features with these constructor's arguments."""
        restore = keras.saving.deserialize_keras_object
        return cls(**{**config, "network": restore(config["network"]), "others": restore(config["others"])})


def _width(network: keras.Model) -> int:
    """M, the width of a representation network's vectors.

    Raises:
        ValueError: for a network that is not built, or does not give vectors.
    """
    shape = told_output_event(network) if network.built else None
    events = input_events(network) if network.built else None
    if shape is None and events is not None:
        items = tf.zeros((1, *(8 if size is None else size for size in events[0])))
        shape = output_event(network, items)
    if shape is not None and len(shape) == 1 and shape[0] is not None:
        return shape[0]
    raise ValueError("the representation network must be built and give one vector (M,) per observation")


def gather_groups(group: np.ndarray, ids: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The vector of each row's group.

    Args:
        group: the id of each row's group, (n,).
        ids: distinct ids in ascending order, (G,), as from `PooledFeatures.pool`.
        vectors: the vectors of these groups, (G, M).

    Returns:
        (n, M).

    Raises:
        DataError: naming groups that have no vector.

    >>> gather_groups(["b", "a", "b"], ["a", "b"], np.array([[1.0], [2.0]])).tolist()
    [[2.0], [1.0], [2.0]]
    """
    group, ids, vectors = as_array("group", group), as_array("ids", ids), as_array("vectors", vectors)
    unknown = np.setdiff1d(group, ids)
    if len(unknown):
        first = ", ".join(str(one) for one in unknown[:3])
        raise DataError(f"{len(unknown)} group(s) have no vector, as none of their observations was pooled: {first}"
                        f"{', ...' if len(unknown) > 3 else ''}")  # fmt: skip
    return vectors[np.searchsorted(ids, group)]

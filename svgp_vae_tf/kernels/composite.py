"""Sums and products of kernels."""

import functools
import operator
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.kernels.base import Kernel, register


class _Composite(Kernel):
    """Several kernels joined elementwise. Every part selects its own columns."""

    _symbol: str

    def __init__(self, kernels: Sequence[Kernel], **kwargs) -> None:
        super().__init__(**kwargs)
        if not kernels or not all(isinstance(kernel, Kernel) for kernel in kernels):
            raise ValueError(f"{type(self).__name__} joins kernels of this module, got {kernels!r}")
        if self.columns is not None:
            raise ValueError(f"{type(self).__name__} takes no columns; every part selects its own")
        counts = {kernel.num_latents for kernel in kernels if kernel.num_latents is not None}
        if len(counts) > 1:
            raise ValueError(f"{type(self).__name__}: the parts disagree on num_latents: {sorted(counts)}")
        self.kernels = list(kernels)
        if not self.trainable:
            for kernel in self.kernels:
                kernel.trainable = False
        self.num_latents = counts.pop() if counts else None

    @property
    def parameters(self) -> dict[str, tf.Tensor]:
        """Parameters of all parts, as "index.name"."""
        return {f"{i}.{name}": value for i, k in enumerate(self.kernels) for name, value in k.parameters.items()}

    def validate_features(self, num_features: int | None) -> None:
        for kernel in self.kernels:
            kernel.validate_features(num_features)

    def get_config(self) -> dict[str, Any]:
        config = {key: value for key, value in super().get_config().items() if key not in ("columns", "num_latents")}
        return {**config, "kernels": [keras.saving.serialize_keras_object(kernel) for kernel in self.kernels]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "_Composite":
        kernels = [keras.saving.deserialize_keras_object(kernel) for kernel in config.pop("kernels")]
        return cls(kernels, **config)


@register
class Sum(_Composite):
    """``k_1 + k_2 + ...``: independent effects."""

    def _base_kernel(self) -> Any:
        return functools.reduce(operator.add, [kernel.psd_kernel() for kernel in self.kernels])

    def _matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        return functools.reduce(operator.add, [kernel._matrix(x, z) for kernel in self.kernels])


@register
class Product(_Composite):
    """``k_1 k_2 ...``: interacting effects."""

    def _base_kernel(self) -> Any:
        return functools.reduce(operator.mul, [kernel.psd_kernel() for kernel in self.kernels])

    def _matrix(self, x: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        return functools.reduce(operator.mul, [kernel._matrix(x, z) for kernel in self.kernels])

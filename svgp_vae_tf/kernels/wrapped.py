"""Kernels of TensorFlow Probability as layers, with or without a class of their own."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import finite_number, positive_array, positive_number
from svgp_vae_tf.gp import linalg
from svgp_vae_tf.kernels.base import Kernel, psd_kernels, register


@register
class TFPKernel(Kernel):
    """Any kernel of `tfp.math.psd_kernels` with positive parameters.

    Args:
        class_name: name of the TFP class, such as "GammaExponential".
        positive: initial values of its positive parameters, by the TFP class's argument names.
        constants: further arguments of the TFP class, fixed numbers.
        scales: None, or one positive length scale per selected feature column, by which inputs are divided first
            (automatic relevance determination, ARD).
        kwargs: `columns`, `num_latents` and `trainable` of `Kernel`.

    Raises:
        ValueError: for an unknown class, or a parameter that is not positive.
    """

    def __init__(
        self,
        class_name: str,
        positive: Mapping[str, Any] | None = None,
        constants: Mapping[str, float] | None = None,
        scales: Sequence[float] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        _check_class(class_name)
        if type(self) is TFPKernel:  # subclasses may have arguments of their own
            _check_arguments(class_name, [*(positive or {}), *(constants or {})])
        self.class_name = class_name
        self.positive = {name: positive_array(name, value).tolist() for name, value in (positive or {}).items()}
        self.constants = {name: finite_number(name, value) for name, value in (constants or {}).items()}
        self.scales = None if scales is None else [positive_number("a scale", scale) for scale in scales]
        for name, value in self.positive.items():
            self._add_positive(name, value)
        if self.scales is not None:
            self._add_positive("scales", self.scales)

    def _base_kernel(self) -> Any:
        kernels = psd_kernels()
        parameters = self.parameters
        scales = parameters.pop("scales", None)
        constants = {name: tf.constant(value, linalg.DTYPE) for name, value in self.constants.items()}
        kernel = getattr(kernels, self.class_name)(**parameters, **constants)
        return kernel if scales is None else kernels.FeatureScaled(kernel, scale_diag=scales)

    def validate_features(self, num_features: int | None) -> None:
        """Raise ValueError if the data lack a selected column, or have more or fewer columns than length scales."""
        super().validate_features(num_features)
        selected = num_features if self.columns is None else len(self.columns)
        if self.scales is not None and selected is not None and len(self.scales) != selected:
            raise ValueError(
                f"{type(self).__name__} has {len(self.scales)} length scales for {selected} selected feature column(s)"
            )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"positive": self.positive, "constants": self.constants, "scales": self.scales}
        return {**super().get_config(), "class_name": self.class_name, **own}


def _check_class(class_name: str) -> None:
    """Raise ValueError for a class that `tfp.math.psd_kernels` lacks."""
    available = [name for name in dir(psd_kernels()) if name[0].isupper()]
    if class_name not in available:
        raise ValueError(f"tfp.math.psd_kernels has no class {class_name!r}; it has {', '.join(available)}")


def _check_arguments(class_name: str, names: list[str]) -> None:
    """Raise ValueError for arguments that a class of `tfp.math.psd_kernels` lacks."""
    taken = inspect.signature(getattr(psd_kernels(), class_name)).parameters
    for name in names:
        if name not in taken:
            raise ValueError(f"tfp.math.psd_kernels.{class_name} has no argument {name}; it has {', '.join(taken)}")


class NamedKernel(TFPKernel):
    """A TFP kernel with a class and constructor arguments of its own.

    Args:
        class_name: name of the TFP class.
        arguments: the subclass's arguments by their TFP names; None leaves a parameter out, and a sequence of length
            scales means automatic relevance determination.
        constants, kwargs: see `TFPKernel`.
    """

    def __init__(
        self, class_name: str, arguments: dict[str, Any], constants: Mapping[str, float] | None = None, **kwargs
    ) -> None:
        own = type(self).__name__
        self._arguments: dict[str, Any] = {}
        for name, value in arguments.items():
            if name == "length_scale":
                self._arguments[name] = positive_array(f"{own}: {name}", value).tolist()
            elif value is None and name.endswith("amplitude"):
                self._arguments[name] = None
            else:
                self._arguments[name] = positive_number(f"{own}: {name}", value)
        positive = {name: value for name, value in self._arguments.items() if value is not None}
        if np.ndim(positive.get("length_scale", 0.0)) > 1:
            raise ValueError(f"{own}: length_scale must be a number, or one per selected column")
        scales = positive.pop("length_scale") if np.ndim(positive.get("length_scale", 0.0)) == 1 else None
        super().__init__(class_name, positive=positive, constants=constants, scales=scales, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, under their TFP names."""
        return {**Kernel.get_config(self), **self._arguments}

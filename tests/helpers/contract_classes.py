"""The public classes of each kind, found by inspection, for the contract suites."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable

import keras

import svgp_vae_tf
from run_experiments import original
from svgp_vae_tf.features import Features
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.likelihoods import Likelihood
from svgp_vae_tf.models import LatentModel
from svgp_vae_tf.objectives import Objective
from svgp_vae_tf.priors import Prior

BASES: dict[str, tuple[type, ...]] = {
    "kernels": (Kernel,),
    "priors": (Prior,),
    "features": (Features,),
    "likelihoods": (Likelihood,),
    "objectives": (Objective,),
    "models": (LatentModel,),
    "optimizers": (keras.optimizers.Optimizer, keras.optimizers.schedules.LearningRateSchedule),
    "layers": (keras.layers.Layer,),  # those that are of no other kind
}
ABSTRACT = {"Kernel", "NamedKernel", "Prior", "Likelihood", "Objective"}
"""Bases that compute nothing by themselves."""
PARTS_OF_A_MODEL = {"Conditioning", "LatentSampler"}
"""Layers that every model makes for itself; the contracts of models cover them."""


def public_classes(kind: str) -> set[type]:
    """The concrete public classes of a kind in the library, and in the original programs' variants."""
    return {cls for cls in _classes() if _kind_of(cls) == kind} - _excepted()


def without_entry(kind: str, made: Iterable[type], extra: Iterable[type] = ()) -> list[str]:
    """Names of the public classes of a kind, and of further ones, that are not among those made."""
    classes = public_classes(kind) | {cls for cls in extra if _kind_of(cls) == kind}
    return sorted(cls.__name__ for cls in classes - set(made))


def _classes() -> set[type]:
    found: set[type] = set()
    for package in (svgp_vae_tf, original):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            members = inspect.getmembers(module, inspect.isclass)
            found |= {cls for name, cls in members if not name.startswith("_") and cls.__module__ == module.__name__}
    return found


def _kind_of(cls: type) -> str | None:
    return next((kind for kind, bases in BASES.items() if issubclass(cls, bases)), None)


def _excepted() -> set[type]:
    return {cls for cls in _classes() if cls.__name__ in ABSTRACT | PARTS_OF_A_MODEL}

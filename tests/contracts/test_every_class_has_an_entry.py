"""Every public class of the library takes part in the contracts of its kind."""

import keras
import pytest

import svgp_vae_tf as svgp
from svgp_vae_tf.features import Features
from svgp_vae_tf.kernels import SquaredExponential
from svgp_vae_tf.likelihoods import Gaussian
from svgp_vae_tf.priors import StandardNormal
from tests.helpers import contract_models, contract_parts
from tests.helpers.contract_classes import BASES, public_classes, without_entry


def made(kind: str) -> set[type]:
    """The classes that the table of a kind makes."""
    parts = contract_parts
    tables = {
        "kernels": lambda: [make() for make in parts.KERNELS.values()],
        "priors": lambda: [case.make(parts.kernel()) for case in parts.PRIORS.values()],
        "features": lambda: [case.make() for case in parts.FEATURES.values()],
        "likelihoods": lambda: [make() for make in parts.LIKELIHOODS.values()],
        "objectives": lambda: [make() for make in parts.OBJECTIVES.values()],
        "layers": lambda: [make() for make, _ in parts.LAYERS.values()],
        "models": lambda: [case.make() for case in contract_models.MODELS.values()],
        "optimizers": _optimizers_and_schedules,
    }
    return {type(instance) for instance in tables[kind]()}


def _optimizers_and_schedules() -> list[object]:
    instances = [make() for make in contract_parts.OPTIMIZERS.values()]
    of_objectives = [setting for make in contract_parts.OBJECTIVES.values() for setting in make()._settings.values()]
    return [*instances, *(instance._learning_rate for instance in instances), *of_objectives]


SUBCLASSES: dict[str, type] = {
    "kernels": SquaredExponential,
    "priors": StandardNormal,
    "features": Features,
    "likelihoods": Gaussian,
    "objectives": svgp.ELBO,
    "models": svgp.VAE,
    "optimizers": svgp.optimizers.SOAP,
    "layers": keras.layers.Dense,
}


@pytest.mark.parametrize("kind", BASES)
def test_the_table_of_each_kind_makes_every_public_class(kind):
    assert public_classes(kind)
    assert without_entry(kind, made(kind)) == []


@pytest.mark.parametrize("kind", BASES)
def test_a_class_without_an_entry_is_reported(kind):
    newcomer = type("Newcomer", (SUBCLASSES[kind],), {})
    assert without_entry(kind, made(kind), extra=[newcomer]) == ["Newcomer"]


def test_the_public_names_of_the_package_are_found():
    found = set().union(*(public_classes(kind) for kind in BASES))
    exported = {getattr(svgp, name) for name in svgp.__all__}
    assert {cls for cls in exported if isinstance(cls, type) and issubclass(cls, keras.layers.Layer)} <= found

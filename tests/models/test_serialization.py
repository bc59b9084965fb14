"""What a model's configuration says."""

import pytest

import svgp_vae_tf as svgp
from tests.helpers import small_models


@pytest.mark.parametrize("name", ["hensman", "vae"])
def test_bounds_of_variances_and_the_seed_survive_a_round_trip(name):
    model = small_models.make(name, variance_bounds=(1e-3, 10.0), seed=5)
    copy = type(model).from_config(model.get_config())
    assert copy.variance_bounds == (1e-3, 10.0) and copy.seed == 5
    assert copy.name == model.name


def test_the_objective_and_the_optimizer_are_those_that_were_compiled():
    model, copy = small_models.make("vae"), small_models.make("vae")
    model.compile("sgd", objective=svgp.GECO(0.3, decay=0.5))
    copy.compile_from_config(model.get_compile_config())
    assert isinstance(copy.objective, svgp.GECO) and copy.objective.get_config()["tolerance"] == 0.3
    assert type(copy.optimizer).__name__ == "SGD"

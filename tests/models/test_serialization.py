"""What a model's configuration says."""

import pytest

from tests.helpers import small_models


@pytest.mark.parametrize("name", ["hensman", "vae"])
def test_bounds_of_variances_and_the_seed_survive_a_round_trip(name):
    model = small_models.make(name, variance_bounds=(1e-3, 10.0), seed=5)
    copy = type(model).from_config(model.get_config())
    assert copy.variance_bounds == (1e-3, 10.0) and copy.seed == 5
    assert copy.name == model.name

"""Saved models answer the same in another process, and two replicas train as one device does."""

import numpy as np
import pytest

from tests.helpers.contract_checks import assert_same
from tests.helpers.contract_classes import BASES, without_entry
from tests.helpers.contract_files import MAKERS
from tests.helpers.contract_models import MODELS


@pytest.mark.parametrize("kind", BASES)
def test_every_public_class_is_in_a_saved_model(kind, other_process):
    assert without_entry(kind, other_process.classes) == []


@pytest.mark.parametrize("name", MAKERS)
def test_a_new_process_gives_the_same_answers(name, other_process):
    here = other_process.saved[name]
    there = {key: other_process.loaded[f"{name}/{key}"] for key in here}
    assert {"predict", "latent mean", "latent variance", "elbo kl", "elbo log_likelihood"} <= set(here)
    for key in here:
        assert_same(here[key], there[key], 1e-12)
    compiled = name.startswith("training")
    assert any(key.startswith("weight") for key in here) == compiled
    assert np.ptp(here["predict"]) > 0


REFUSING = [name for name, case in MODELS.items() if case.refuses_replicas]
TESTED = [name for name, case in MODELS.items() if case.replicas_tested]


def assert_equal_training(found: dict) -> None:
    assert found["replicas"] == 2
    assert found["moved"] > 1e-3
    assert found["losses"] < 1e-9 and found["weights"] < 1e-9


@pytest.mark.parametrize("name", [name for name in MODELS if name not in REFUSING + TESTED])
def test_two_replicas_train_as_one_device(name, other_process):
    assert_equal_training(other_process.replicas[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", TESTED)
def test_two_replicas_train_as_one_device_in_double_precision(name, more_replicas):
    assert_equal_training(more_replicas[name])


@pytest.mark.parametrize("name", REFUSING)
def test_models_that_replicas_cannot_share_say_so_in_one_line(name, other_process):
    line = other_process.replicas[name]
    assert isinstance(line, str) and "\n" not in line
    assert MODELS[name].refuses_replicas in line

"""The loss from the terms of the ELBO, and GECO's own state."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from run_experiments.original.geco import OriginalGECO
from svgp_vae_tf.objectives import ELBO, GECO, ElboTerms

TERMS = ElboTerms(tf.constant([-3.0, -5.0]), tf.constant([0.5, 2.0]), tf.constant([0.1, 0.3]), tf.constant(8))


def terms_of(mse: float) -> ElboTerms:
    return ElboTerms(tf.zeros(2), tf.constant([2.0, 4.0]), tf.constant([mse - 0.01, mse + 0.01]), tf.constant(8))


@pytest.mark.parametrize(("beta", "expected"), [(1.0, [3.5, 7.0]), (0.0, [3.0, 5.0]), (4.0, [5.0, 13.0])])
def test_the_loss_is_the_negative_beta_elbo(beta, expected):
    np.testing.assert_allclose(ELBO(beta)(TERMS), expected)


def test_the_default_is_the_evidence_lower_bound():
    np.testing.assert_allclose(ELBO()(TERMS), TERMS.kl - TERMS.log_likelihood)
    assert ELBO().logs() == {}


@pytest.mark.parametrize("objective", [ELBO(0.25), GECO(0.05, 0.9, 10.0, (2.0, 20.0)), OriginalGECO(0.05)])
def test_configuration_survives_a_round_trip(objective):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(objective))
    assert type(copy) is type(objective)
    assert copy.get_config() == objective.get_config()


@pytest.mark.parametrize("beta", [-1e-3, -1.0])
def test_a_negative_weight_is_an_error(beta):
    with pytest.raises(ValueError, match="beta must be finite and not negative"):
        ELBO(beta)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": 0.0}, "tolerance"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"tolerance": 1.0, "decay": 1.0}, "decay"),
        ({"tolerance": 1.0, "initial_multiplier": 9.0, "multiplier_bounds": (1.0, 8.0)}, "initial_multiplier"),
        ({"tolerance": 1.0, "multiplier_bounds": (0.0, 8.0)}, "multiplier_bounds"),
    ],
)
def test_bad_settings_of_geco_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        GECO(**arguments)


def test_the_constraint_and_the_multiplier_move_as_worked_out_by_hand():
    """Batch means .12, .08, .05, .019 at tolerance .02: worked by hand."""
    objective = GECO(0.02, initial_multiplier=1.0, multiplier_bounds=(1.0, 100.0))
    averages, used = [], []
    for mse in (0.12, 0.08, 0.05, 0.019):
        used.append(np.exp(objective.logs()["log_multiplier"]))
        objective(terms_of(mse), training=True)
        averages.append(float(objective.logs()["constraint"]))
    np.testing.assert_allclose(averages, [0.1, 0.0996, 0.098904, 0.09790496], rtol=1e-5)
    np.testing.assert_allclose(used, [1, 1.1051709181, 1.2209142948, 1.3478409285], rtol=1e-6)
    np.testing.assert_allclose(np.exp(objective.logs()["log_multiplier"]), 1.4864771029, rtol=1e-6)


def test_the_loss_of_geco_weighs_the_kl_by_the_multiplier_before_the_step():
    loss = GECO(0.02, initial_multiplier=4.0, multiplier_bounds=(1.0, 8.0))(terms_of(0.12), training=True)
    np.testing.assert_allclose(loss, [0.09 + 0.5, 0.11 + 1.0], rtol=1e-5)
    loss = OriginalGECO(0.02, initial_multiplier=4.0)(terms_of(0.12), training=True)
    np.testing.assert_allclose(loss, [2 * 2.0 + 4 * 0.09, 2 * 4.0 + 4 * 0.11], rtol=1e-5)


def test_evaluation_leaves_the_state_alone():
    objective = GECO(0.02)
    before = {name: float(value) for name, value in objective.logs().items()}
    objective(terms_of(0.5), training=False)
    assert {name: float(value) for name, value in objective.logs().items()} == before


def test_the_multiplier_stays_within_its_bounds():
    objective = GECO(0.02, decay=0.0, initial_multiplier=2.0, multiplier_bounds=(1.0, 4.0))
    for mse, expected in ((50.0, 4.0), (1e-9, 4.0 * np.exp(1e-9 - 0.02))):
        objective(terms_of(mse), training=True)
        np.testing.assert_allclose(np.exp(objective.logs()["log_multiplier"]), expected, rtol=1e-5)


def test_the_default_upper_bound_goes_before_a_lower_bound_above_it():
    """K / (2 tolerance) = 8 / 20 = 0.4 is below the lower bound of 1."""
    objective = GECO(10.0)
    for mse in (50.0, 0.5):
        np.testing.assert_allclose(objective(terms_of(mse), training=True), mse - 10 + np.array([4.99, 10.01]), 1e-5)
        np.testing.assert_allclose(np.exp(objective.logs()["log_multiplier"]), 0.4, rtol=1e-5)


def test_the_multiplier_and_the_average_are_weights_that_are_saved():
    assert len(GECO(0.02).non_trainable_weights) == 3


def test_it_starts_as_the_elbo_with_noise_variance_at_the_tolerance_and_goes_no_higher():
    """K / (2 s2) mse + kl is the negative Gaussian ELBO up to a constant; here divided by the multiplier."""
    objective, multiplier = GECO(0.02), 8 / (2 * 0.02)
    for _ in range(3):
        np.testing.assert_allclose(objective(terms_of(0.12)), [0.09 + 2.0 / multiplier, 0.11 + 4.0 / multiplier], 1e-5)
        objective(terms_of(0.12), training=True)
    assert float(objective.logs()["log_multiplier"]) == pytest.approx(np.log(multiplier))
    for _ in range(300):
        objective(terms_of(0.011), training=True)
    assert float(objective.logs()["log_multiplier"]) < np.log(multiplier)

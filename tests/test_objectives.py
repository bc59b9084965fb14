"""The loss from the two terms of the ELBO."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.objectives import ELBO

LOG_LIKELIHOOD, KL = tf.constant([-3.0, -5.0]), tf.constant([0.5, 2.0])


@pytest.mark.parametrize(("beta", "expected"), [(1.0, [3.5, 7.0]), (0.0, [3.0, 5.0]), (4.0, [5.0, 13.0])])
def test_the_loss_is_the_negative_beta_elbo(beta, expected):
    np.testing.assert_allclose(ELBO(beta)(LOG_LIKELIHOOD, KL), expected)


def test_the_default_is_the_evidence_lower_bound():
    np.testing.assert_allclose(ELBO()(LOG_LIKELIHOOD, KL), -(LOG_LIKELIHOOD - KL))


def test_configuration_survives_a_round_trip():
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(ELBO(0.25)))
    assert isinstance(copy, ELBO)
    assert copy.beta == 0.25


@pytest.mark.parametrize("beta", [-1e-3, -1.0])
def test_a_negative_weight_is_an_error(beta):
    with pytest.raises(ValueError, match="beta must not be negative"):
        ELBO(beta)

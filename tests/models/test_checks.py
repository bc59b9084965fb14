"""Checks of arrays."""

import numpy as np
import pytest

from svgp_vae_tf.errors import DataError
from svgp_vae_tf.models import checks


def test_inputs_must_vary_by_a_thousand_times_what_single_precision_resolves():
    """At 1 it resolves 2^-24 = 6e-8, so that a standard deviation of 6e-5 is the least."""
    around_one = np.tile([-1.0, 1.0], 10)[:, np.newaxis]
    checks.check_resolution(1.0 + 7e-5 * around_one, batch_rank=1)
    with pytest.raises(DataError, match=r"aux varies by 5e-05 around 1 in column 0, too little for single precision"):
        checks.check_resolution(1.0 + 5e-5 * around_one, batch_rank=1)


@pytest.mark.parametrize(("shape", "batch_rank"), [((20,), 1), ((2, 10), 2)])
def test_a_single_feature_without_an_axis_is_one_column(shape, batch_rank):
    around_one = np.reshape(np.tile([-1.0, 1.0], 10), shape)
    with pytest.raises(DataError, match="aux varies by 5e-05 around 1 in column 0"):
        checks.check_resolution(1.0 + 5e-5 * around_one, batch_rank)

"""Inputs of kernels."""

import numpy as np
import pytest

from tests.helpers.kernel_cases import points


@pytest.fixture
def x():
    return points(5)


@pytest.fixture
def z(x):
    """Four points, the first of which is among x."""
    return np.concatenate([x[2:3], points(3, seed=1)])

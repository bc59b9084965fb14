"""Shared by tests and doctests."""

import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest

signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored by what runs in the background of a script


@pytest.fixture(autouse=True)
def seeds() -> None:
    """Every test starts from the same random state."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def names(doctest_namespace: dict) -> None:
    """Names that examples in docstrings use."""
    import svgp_vae_tf as svgp

    doctest_namespace |= {"np": np, "keras": keras, "SVGPVAE": svgp.SVGPVAE, "svgp": svgp}
    doctest_namespace |= {name: getattr(svgp.kernels, name) for name in ("Linear", "Periodic", "SquaredExponential")}

"""Model files that version 0.1.0 wrote before its classes and modules moved: they load, answer the same and train on.

tests/reference/old holds the files, and what the program that wrote them predicted, in double precision.
"""

import pathlib

import numpy as np
import pytest

import run_experiments.original.ball  # noqa: F401  registers the prior of one of the files
import svgp_vae_tf as svgp
from svgp_vae_tf.priors import VariationalGP

OLD = pathlib.Path(__file__).parents[1] / "reference" / "old"


@pytest.fixture(scope="module")
def old() -> dict[str, np.ndarray]:
    with np.load(OLD / "predictions.npz") as file:
        return dict(file)


def inputs_of(name: str, old: dict[str, np.ndarray]) -> np.ndarray:
    if name == "svgpvae":
        return old["aux"]
    return old["aux"][:, 1:] if name == "free_form" else old["times"]


@pytest.mark.parametrize("name", ["svgpvae", "free_form", "original_ball", "gpvae"])
def test_an_old_file_predicts_what_it_did(old, name):
    model = svgp.load_model(OLD / f"{name}.keras")
    x = inputs_of(name, old)
    moments = model.predict_latent(x)
    for got, key in ((moments.mean, "mean"), (moments.variance, "variance"), (model.predict(x, verbose=0), "predict")):
        np.testing.assert_allclose(got, old[f"{name}_{key}"], rtol=1e-12, atol=1e-12, err_msg=key)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # GECO has no use for the learned noise
def test_an_old_file_trains_on_as_it_would_have(old):
    model = svgp.load_model(OLD / "svgpvae.keras")
    model.fit(old["aux"], old["y"], batch_size=20, epochs=2, shuffle=False, verbose=0)
    weights = np.concatenate([np.ravel(weight) for weight in model.get_weights()])
    np.testing.assert_allclose(weights, old["svgpvae_after_training"], rtol=1e-9, atol=1e-10)


def test_old_names_are_read():
    assert isinstance(svgp.load_model(OLD / "free_form.keras").prior, VariationalGP)
    np.testing.assert_array_equal(svgp.load_model(OLD / "svgpvae.keras").prior.inducing_scale > 0, True)

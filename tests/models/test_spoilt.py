"""Training that leaves weights which are not finite, although the loss of every step was."""

import numpy as np
import pytest

import svgp_vae_tf as svgp
from tests.helpers import small_models


def test_a_kernel_without_a_gradient_at_equal_inputs_is_noticed():
    kernel = svgp.kernels.TFPKernel("GammaExponential", {"length_scale": 2.0}, {"power": 0.5})
    model = small_models.make("hensman", kernel=kernel)
    model.compile("sgd")
    x, y = small_models.series()
    with pytest.raises(svgp.DataError, match="not finite after training: lower the learning rate, .* GammaExponential"):
        model.fit(x, y, batch_size=len(x), verbose=0)


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5"])
def test_a_model_is_not_saved_as_what_could_not_be_loaded(name, tmp_path):
    with pytest.raises(ValueError, match=f"a model is saved as a .keras file, not as .*{name}"):
        small_models.make("vae").save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_class_in_place_of_an_instance_is_named():
    with pytest.raises(ValueError, match="must be an instance of Kernel, got the class SquaredExponential"):
        small_models.make("gpvae", kernel=svgp.kernels.SquaredExponential)
    assert np.isfinite(small_models.kernel().matrix(np.zeros((1, 1)), np.zeros((1, 1)))).all()

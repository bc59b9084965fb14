"""Every argument of every model's constructor is in its configuration, and comes back from it."""

import inspect

import keras
import numpy as np
import pytest

import svgp_vae_tf as svgp
from svgp_vae_tf import features, kernels, likelihoods, models, priors
from tests.helpers.contract_checks import without_names
from tests.helpers.contract_models import GROUPS, LATENTS, PIXELS, VIEWS, N, Z, conditional, decoder, encoder

NETWORKS = {"encoder": encoder, "decoder": decoder}
CONDITIONAL = {
    "encoder": lambda: conditional(PIXELS, 2 * LATENTS),
    "decoder": lambda: conditional(LATENTS, PIXELS),
}
COMMON = {
    "likelihood": lambda: likelihoods.Gaussian(0.7, train_stddev=True),
    "auxiliary": lambda: features.NamedColumns(["time"]),
    "variance_bounds": lambda: (1e-3, 50.0),
    "seed": lambda: 11,
    "name": lambda: "own_name",
    "dtype": lambda: "float64",
}
KERNEL = {"kernel": lambda: kernels.Matern32(0.7, 1.3)}
POINTS = {
    "inducing_points": lambda: Z + 0.5,
    "num_data": lambda: N,
    "train_inducing_points": lambda: False,
    "inducing_scale": lambda: [0.3],
}
GIVEN = {
    models.LatentModel: {**NETWORKS, "prior": lambda: priors.StandardNormal(num_data=N)},
    svgp.VAE: {**NETWORKS, "num_data": lambda: N},
    svgp.GPVAE: {**NETWORKS, **KERNEL, "num_data": lambda: N},
    models.NeuralProcessGPVAE: {**NETWORKS, **KERNEL},
    svgp.SVGPVAE: {**NETWORKS, **KERNEL, **POINTS, "bound": lambda: "titsias", "jitter": lambda: 1e-4},
    svgp.SVIGP: {"decoder": decoder, **KERNEL, **POINTS},
    svgp.GPPVAE: {
        **NETWORKS, **KERNEL,
        "views": lambda: VIEWS + 0.5,
        "num_data": lambda: N,
        "noise_variance": lambda: 0.4,
        "auxiliary": lambda: features.GPLVM(np.ones((GROUPS, 2))),
    },
    svgp.CVAE: {**CONDITIONAL, "num_groups": lambda: GROUPS, "num_data": lambda: N, "num_conditions": lambda: 1},
}  # fmt: skip
NO_CHOICE = {models.NeuralProcessGPVAE: {"num_data"}, svgp.SVIGP: {"encoder"}}
"""Arguments that can only be None."""


def arguments_of(cls: type) -> set[str]:
    named = {*inspect.signature(cls.__init__).parameters, *inspect.signature(models.LatentModel.__init__).parameters}
    made_here = set() if cls is models.LatentModel else {"prior"}
    made_here |= {"encoder"} if cls is svgp.SVIGP else set()
    return named - {"self", "kwargs"} - made_here - NO_CHOICE.get(cls, set())


def test_every_model_has_an_entry():
    assert set(GIVEN) == {getattr(models, name) for name in models.__all__}


@pytest.mark.parametrize("cls", GIVEN, ids=lambda cls: cls.__name__)
def test_every_argument_comes_back(cls):
    makers = {**COMMON, **GIVEN[cls]}
    assert arguments_of(cls) <= set(makers)
    given = {name: make() for name, make in makers.items()}
    copy = cls.from_config(cls(**given).get_config())
    config = copy.get_config()
    for name, value in given.items():
        plain = isinstance(value, str | int | float | tuple | list | np.ndarray)
        if name == "dtype":
            assert copy.dtype_policy.name == value
        elif plain:
            np.testing.assert_array_equal(config[name], value, err_msg=name)
        else:
            assert without_names(config[name]) == without_names(keras.saving.serialize_keras_object(value)), name
    assert (copy.seed, copy.variance_bounds) == (11, (1e-3, 50.0))
    np.testing.assert_array_equal(copy.sampler.generator.state, keras.random.SeedGenerator(11).state)

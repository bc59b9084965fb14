"""Models that hold classes of the user's own: what is missing when they are loaded, and how to give it."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf import features, kernels, likelihoods, objectives, priors
from tests.helpers import small_models
from tests.helpers.contract_checks import refused
from tests.helpers.small_models import N


class OwnLikelihood(likelihoods.Gaussian):
    pass


class OwnKernel(kernels.Matern32):
    pass


class OwnObjective(objectives.ELBO):
    pass


class OwnFeatures(features.Features):
    pass


class OwnPrior(priors.StandardNormal):
    pass


class OwnLayer(keras.layers.Dense):
    pass


class OwnOptimizer(keras.optimizers.SGD):
    pass


class OwnModel(svgp.VAE):
    pass


def own_activation(x: tf.Tensor) -> tf.Tensor:
    return x


def model(**kwargs) -> svgp.LatentModel:
    return small_models.make("hensman", N, **kwargs)


def compiled(optimizer: str | keras.optimizers.Optimizer = "sgd", **kwargs) -> svgp.LatentModel:
    made = model()
    made.compile(optimizer, **kwargs)
    return made


def with_encoder(layer: keras.layers.Layer) -> svgp.LatentModel:
    encoder = keras.Sequential([keras.layers.Input((3,)), keras.Sequential([layer])])
    return svgp.VAE(encoder, small_models.decoder(), num_data=N)


def pooled() -> svgp.LatentModel:
    network = keras.Sequential([keras.layers.Input((3,)), OwnLayer(1)])
    return model(auxiliary=features.PooledFeatures(network))


MAKERS: dict[str, tuple[type | Callable, Callable[[], svgp.LatentModel]]] = {
    "likelihood": (OwnLikelihood, lambda: model(likelihood=OwnLikelihood())),
    "kernel": (OwnKernel, lambda: model(kernel=OwnKernel(2.0))),
    "kernel in a sum": (OwnKernel, lambda: model(kernel=OwnKernel(2.0) + kernels.Linear())),
    "features": (OwnFeatures, lambda: model(auxiliary=OwnFeatures())),
    "prior": (
        OwnPrior,
        lambda: svgp.LatentModel(small_models.encoder(), small_models.decoder(), OwnPrior(num_data=N)),
    ),
    "layer": (OwnLayer, lambda: with_encoder(OwnLayer(4))),
    "activation": (own_activation, lambda: with_encoder(keras.layers.Dense(4, own_activation))),
    "representation network": (OwnLayer, pooled),
    "objective": (OwnObjective, lambda: compiled(objective=OwnObjective())),
    "optimizer": (OwnOptimizer, lambda: compiled(OwnOptimizer())),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_missing_class_is_named_with_the_way_to_give_it(name, tmp_path):
    missing, make = MAKERS[name]
    path, own = tmp_path / "model.keras", missing.__name__
    make().save(path)
    line = refused(lambda: keras.models.load_model(path))
    assert line == (
        f"the {'function' if name == 'activation' else 'class'} {own} is not known here: decorate it with "
        f"@keras.saving.register_keras_serializable() before the model is saved, or load with "
        f'custom_objects={{"{own}": {own}}}'
    )
    assert refused(lambda: svgp.load_model(path), svgp.ModelFileError).endswith(line)
    assert isinstance(svgp.load_model(path, custom_objects={own: missing}), svgp.LatentModel)


def test_a_model_of_an_unknown_class(tmp_path):
    path = tmp_path / "model.keras"
    OwnModel(small_models.encoder(), small_models.decoder()).save(path)
    assert 'custom_objects={"OwnModel": OwnModel}' in refused(lambda: svgp.load_model(path), svgp.ModelFileError)
    assert type(svgp.load_model(path, custom_objects={"OwnModel": OwnModel})) is OwnModel


def test_a_decorated_class_is_named_as_it_was_registered(tmp_path):
    @keras.saving.register_keras_serializable(package="mine")
    class Decorated(likelihoods.Gaussian):
        pass

    path = tmp_path / "model.keras"
    made = model(likelihood=Decorated(0.3))
    made.save(path)
    assert type(svgp.load_model(path).likelihood) is Decorated
    del keras.saving.get_custom_objects()["mine>Decorated"]
    line = refused(lambda: svgp.load_model(path), svgp.ModelFileError)
    assert line.endswith(
        "the class Decorated is not known here: import the module whose @keras.saving.register_keras_serializable() "
        'registers it, or load with custom_objects={"mine>Decorated": Decorated}'
    )
    loaded = svgp.load_model(path, custom_objects={"mine>Decorated": Decorated})
    np.testing.assert_allclose(loaded.likelihood.stddev, 0.3, rtol=1e-6)


def test_another_type_error_stays_what_it_is():
    config = model().get_config()
    config["kernel"]["config"]["unknown"] = 1
    with pytest.raises(TypeError, match="unknown"):
        svgp.SVGPVAE.from_config(config)

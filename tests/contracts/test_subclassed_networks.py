"""Networks of every form, above all subclasses of `keras.Model`, which build themselves when they are first called."""

import re
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf import features
from tests.helpers import contract_models
from tests.helpers.contract_checks import assert_same, refused
from tests.helpers.contract_models import GAUSSIAN, GROUPS, LATENTS, PIXELS, N, Z


@keras.saving.register_keras_serializable(package="contracts")
class Subclassed(keras.Model):
    """Two layers, which it owns without an input layer."""

    def __init__(self, outputs: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.outputs_ = outputs
        self.hidden, self.last = keras.layers.Dense(4, "tanh"), keras.layers.Dense(outputs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.last(self.hidden(inputs))

    def get_config(self) -> dict:
        return {**super().get_config(), "outputs": self.outputs_}


MODELS = {
    "sparse, data set": lambda *networks: contract_models.sparse(networks, num_data=N),
    "exact, series": lambda *networks: svgp.GPVAE(*networks, kernel=contract_models.kernel(), likelihood="gaussian"),
}


@pytest.mark.parametrize("name", MODELS)
def test_subclassed_networks_train_save_and_load(name, tmp_path):
    aux, observations = contract_models.MODELS[name].observed()
    model = MODELS[name](Subclassed(2 * LATENTS), Subclassed(PIXELS))
    assert not model.built
    model.compile("sgd", run_eagerly=True)
    history = model.fit(aux, observations, batch_size=N, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert len(model.encoder.trainable_weights) == len(model.decoder.trainable_weights) == 4
    model.condition(aux, observations)
    model.save(tmp_path / "model.keras")
    loaded = svgp.load_model(tmp_path / "model.keras")
    assert type(loaded.encoder) is type(loaded.decoder) is Subclassed
    assert_same(model.predict_latent(aux), loaded.predict_latent(aux))
    assert_same(model.predict(aux, verbose=0), loaded.predict(aux, verbose=0), 1e-6)  # eager here, in a graph there
    further = [trained.train_on_batch(aux, observations) for trained in (model, loaded)]
    np.testing.assert_allclose(further[0], further[1], rtol=1e-5)
    for one, two in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_a_subclassed_network_that_gives_another_shape_is_refused():
    aux, observations = contract_models.MODELS["sparse, series"].observed()
    model = contract_models.sparse((Subclassed(2 * LATENTS), Subclassed(PIXELS + 1)))
    model.compile("sgd")
    with pytest.raises(
        ValueError, match=r"the decoder gives outputs of shape \(4,\), but observations have shape \(3,\)"
    ):
        model.fit(aux, observations, verbose=0)


@keras.saving.register_keras_serializable(package="contracts")
class WithBuild(Subclassed):
    """The same, which makes its weights by itself."""

    def build(self, input_shape: tuple) -> None:
        self.hidden.build(input_shape)
        self.last.build((*input_shape[:-1], 4))
        self.built = True


@keras.saving.register_keras_serializable(package="contracts")
class WithModes(Subclassed):
    """The same, with layers that training changes, around a model within."""

    def __init__(self, outputs: int, **kwargs) -> None:
        super().__init__(outputs, **kwargs)
        self.inner = Subclassed(3)
        self.normalization, self.dropout = keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        normalized = self.normalization(self.inner(inputs), training=training)
        return super().call(self.dropout(normalized, training=training))


@keras.saving.register_keras_serializable(package="contracts")
class OwnLayer(keras.layers.Layer):
    """A layer that is no model."""

    def __init__(self, outputs: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.outputs_ = outputs

    def build(self, input_shape: tuple) -> None:
        self.matrix = self.add_weight(shape=(input_shape[-1], self.outputs_), name="matrix")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs @ self.matrix

    def get_config(self) -> dict:
        return {**super().get_config(), "outputs": self.outputs_}


@keras.saving.register_keras_serializable(package="contracts")
class Conditional(Subclassed):
    """A network of two inputs."""

    def call(self, inputs: list) -> tf.Tensor:
        return super().call(tf.concat(inputs, axis=-1))


def functional(inputs: int, outputs: int) -> keras.Model:
    layer = keras.layers.Input((inputs,))
    within = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(outputs)])
    return keras.Model(layer, within(keras.layers.Dense(5)(layer)))


def called(network: keras.layers.Layer, *widths: int) -> keras.layers.Layer:
    inputs = [np.ones((7, width), np.float32) for width in widths]
    network(inputs if len(widths) > 1 else inputs[0])
    return network


layers = keras.layers
FORMS: dict[str, Callable[[int, int], keras.layers.Layer]] = {
    "sequential without input": lambda inputs, outputs: keras.Sequential([layers.Dense(outputs)]),
    "sequential, called": lambda inputs, outputs: called(keras.Sequential([layers.Dense(outputs)]), inputs),
    "functional, nested": functional,
    "subclass": lambda inputs, outputs: Subclassed(outputs),
    "subclass, called": lambda inputs, outputs: called(Subclassed(outputs), inputs),
    "subclass that builds": lambda inputs, outputs: WithBuild(outputs),
    "subclass that builds, called": lambda inputs, outputs: called(WithBuild(outputs), inputs),
    "subclass with modes": lambda inputs, outputs: WithModes(outputs),
    "subclass with modes, called": lambda inputs, outputs: called(WithModes(outputs), inputs),
    "subclass of a layer": lambda inputs, outputs: OwnLayer(outputs),
    "subclass of a layer, called": lambda inputs, outputs: called(OwnLayer(outputs), inputs),
    "sequential of subclasses": lambda inputs, outputs: keras.Sequential([Subclassed(6), OwnLayer(outputs)]),
    "mixed precision": lambda inputs, outputs: Subclassed(outputs, dtype="mixed_bfloat16"),
    "double precision": lambda inputs, outputs: WithModes(outputs, dtype="float64"),
}
BUILT = [name for name in FORMS if "called" in name or "functional" in name]


def assert_saved(model: svgp.LatentModel, aux, observations: np.ndarray, path) -> None:
    model.compile("sgd", run_eagerly=True)
    model.train_on_batch(aux, observations)
    model.condition(aux, observations)
    model.save(path)
    loaded = svgp.load_model(path)
    assert_same(model.get_weights(), loaded.get_weights(), 0.0)
    assert_same(model.predict_latent(aux), loaded.predict_latent(aux), 1e-7)
    assert_same(model.predict_on_batch(aux), loaded.predict_on_batch(aux), 1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_network_saves_and_loads(form, tmp_path):
    networks = FORMS[form](PIXELS, 2 * LATENTS), FORMS[form](LATENTS, PIXELS)
    model = contract_models.sparse(networks, num_data=N)
    assert_saved(model, *contract_models.MODELS["svigp"].observed(), tmp_path / "model.keras")


@pytest.mark.parametrize("form", BUILT)
def test_a_decoder_alone_says_how_many_latents_there_are(form, tmp_path):
    decoder = FORMS[form](LATENTS, PIXELS)
    model = svgp.SVIGP(decoder, kernel=contract_models.kernel(), inducing_points=Z, num_data=N, **GAUSSIAN)
    assert_saved(model, *contract_models.MODELS["svigp"].observed(), tmp_path / "model.keras")


@pytest.mark.parametrize("form", BUILT)
def test_representation_networks_of_every_form(form, tmp_path):
    auxiliary = features.PooledFeatures(FORMS[form](PIXELS, 2), features.NamedColumns(["time"]))
    points = np.random.default_rng(1).normal(size=(4, 3))
    model = contract_models.sparse(inducing_points=points, num_data=N, auxiliary=auxiliary)
    assert_saved(model, *contract_models.MODELS["sparse, pooled"].observed(), tmp_path / "model.keras")


@pytest.mark.parametrize("before", [False, True])
def test_conditional_networks_that_are_subclasses(before, tmp_path):
    networks = Conditional(2 * LATENTS), Conditional(PIXELS)
    if before:
        called(networks[0], PIXELS, 1), called(networks[1], LATENTS, 1)
    width = {} if before else {"num_conditions": 1}
    model = svgp.CVAE(*networks, num_groups=GROUPS, num_data=N, **width, **GAUSSIAN)
    assert_saved(model, *contract_models.MODELS["cvae"].observed(), tmp_path / "model.keras")


def several(inputs: int, outputs: int) -> keras.Model:
    layer = keras.layers.Input((inputs,))
    return keras.Model(layer, [keras.layers.Dense(outputs)(layer), keras.layers.Dense(outputs)(layer)])


def conditional_model(encoder: keras.Model, decoder: keras.Model, **kwargs) -> svgp.CVAE:
    return svgp.CVAE(encoder, decoder, num_groups=GROUPS, num_data=N, **kwargs)


REFUSED = {
    "an encoder of several outputs": (
        lambda: contract_models.sparse((several(PIXELS, 4), contract_models.decoder())),
        r"a network must give one tensor, but \w+ gives 2 outputs",
    ),
    "a decoder of several outputs": (
        lambda: contract_models.sparse((contract_models.encoder(), several(LATENTS, PIXELS))),
        r"a network must give one tensor, but \w+ gives 2 outputs",
    ),
    "a representation network of several outputs": (
        lambda: features.PooledFeatures(several(PIXELS, 2)),
        r"a network must give one tensor, but \w+ gives 2 outputs",
    ),
    "a representation network that was not called": (
        lambda: features.PooledFeatures(Subclassed(2)),
        r"the representation network must be built and give one vector \(M,\) per observation",
    ),
    "a decoder of other latents": (
        lambda: contract_models.sparse((contract_models.encoder(), called(Subclassed(PIXELS), 5))),
        "there are 2 latents, but the decoder takes 5",
    ),
    "a decoder alone that was not called": (
        lambda: svgp.SVIGP(Subclassed(PIXELS), kernel=contract_models.kernel(), inducing_points=Z, num_data=N),
        r"the decoder must begin with keras.layers.Input\(\(L,\)\), or have been called: .*",
    ),
    "conditions of no known width": (
        lambda: conditional_model(Conditional(4), Conditional(3)),
        "the networks do not say how many conditions they take: give num_conditions",
    ),
    "conditions of two widths": (
        lambda: conditional_model(called(Conditional(4), PIXELS, 2), Conditional(3), num_conditions=1),
        "num_conditions is 1, but the encoder takes conditions of width 2",
    ),
    "conditional networks of one input": (
        lambda: conditional_model(called(Subclassed(4), PIXELS), Conditional(3)),
        "the networks of a conditional VAE take two inputs, .*",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_networks_that_do_not_fit_get_one_line(name):
    make, line = REFUSED[name]
    assert re.fullmatch(line, refused(make))


def test_lambdas_are_loaded_only_if_the_file_is_trusted(tmp_path):
    encoder = keras.Sequential([layers.Input((PIXELS,)), layers.Lambda(lambda x: 2.0 * x), layers.Dense(2 * LATENTS)])
    contract_models.sparse((encoder, contract_models.decoder())).save(tmp_path / "model.keras")
    line = refused(lambda: svgp.load_model(tmp_path / "model.keras"), svgp.ModelFileError)
    assert "safe_mode=False" in line
    assert svgp.load_model(tmp_path / "model.keras", safe_mode=False).built

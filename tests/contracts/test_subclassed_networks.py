"""Networks that are subclasses of `keras.Model`, and build themselves when they are first called."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from tests.helpers import contract_models
from tests.helpers.contract_checks import assert_same
from tests.helpers.contract_models import LATENTS, PIXELS, N


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

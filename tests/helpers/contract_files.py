"""Models that carry each part through a file, and what they answer before and after."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf.priors import SparseGP, VariationalGP
from tests.helpers import contract_models, contract_parts
from tests.helpers.contract_checks import moved
from tests.helpers.contract_models import GAUSSIAN, MODELS, N, Z, decoder, encoder
from tests.helpers.contract_parts import FEATURES, KERNELS, LAYERS, LIKELIHOODS, OBJECTIVES, OPTIMIZERS, PRIORS

Made = tuple[svgp.LatentModel, Any, np.ndarray]
"""A model, auxiliary data and observations."""


def with_kernel(name: str) -> Made:
    kernel = KERNELS[name](num_latents=contract_models.LATENTS)
    return svgp.LatentModel(encoder(), decoder(), SparseGP(kernel, Z, num_data=N), **GAUSSIAN), *MODELS[
        "svigp"
    ].observed()


def with_prior(name: str) -> Made:
    prior, data = PRIORS[name].make(contract_parts.kernel()), PRIORS[name].data
    first = None if isinstance(prior, VariationalGP) else encoder()
    observations = np.cos(np.arange(3.0) + data.mean.numpy()[..., :1]).astype(np.float32)
    return svgp.LatentModel(first, decoder(), prior, **GAUSSIAN), data.features.numpy(), observations


def with_features(name: str) -> Made:
    case = FEATURES[name]
    points = np.random.default_rng(0).normal(size=(4, case.width))
    model = contract_models.sparse(num_data=N, auxiliary=case.make(), inducing_points=points)
    return model, case.aux, MODELS["svigp"].observed()[1]


def with_likelihood(name: str) -> Made:
    return contract_models.sparse(likelihood=LIKELIHOODS[name]()), *MODELS["any prior"].observed()


def with_layer(name: str) -> Made:
    shape = LAYERS[name][1]
    latents = [keras.layers.Input((2,)), keras.layers.Dense(math.prod(shape)), keras.layers.Reshape(shape)]
    images = keras.Sequential([*latents, LAYERS[name][0]()])
    flat = [keras.layers.Input(images.output_shape[1:]), keras.layers.Flatten(), keras.layers.Dense(4)]
    observations = np.random.default_rng(0).uniform(size=(N, *images.output_shape[1:])).astype(np.float32)
    return svgp.VAE(keras.Sequential(flat), images, num_data=N, **GAUSSIAN), contract_models.data_set()[0], observations


def trained(optimizer: Any = "sgd", objective: Any = None) -> Made:
    """A model after two steps."""
    data = MODELS["svigp"].observed()
    model = contract_models.sparse(num_data=N)
    model.compile(optimizer, objective=objective, run_eagerly=True)
    for _ in range(2):
        model.train_on_batch(*data)
    return model, *data


MAKERS: dict[str, Callable[[], Made]] = {
    **{f"models: {name}": lambda name=name: (MODELS[name].make(), *MODELS[name].observed()) for name in MODELS},
    **{f"kernels: {name}": lambda name=name: with_kernel(name) for name in KERNELS},
    **{f"priors: {name}": lambda name=name: with_prior(name) for name in PRIORS},
    **{f"features: {name}": lambda name=name: with_features(name) for name in FEATURES},
    **{f"likelihoods: {name}": lambda name=name: with_likelihood(name) for name in LIKELIHOODS},
    **{f"layers: {name}": lambda name=name: with_layer(name) for name in LAYERS},
    **{f"objectives: {name}": lambda name=name: trained(objective=OBJECTIVES[name]()) for name in OBJECTIVES},
    **{f"optimizers: {name}": lambda name=name: trained(OPTIMIZERS[name]()) for name in OPTIMIZERS},
}


def make(name: str) -> Made:
    """A conditioned model, none of its weights where it started, with its data."""
    keras.utils.set_random_seed(5)
    model, aux, observations = MAKERS[name]()
    if not model.compiled:
        moved(model, 0.03)
    model.condition(aux, observations)
    return model, aux, observations


def answers(model: svgp.LatentModel, aux: Any, observations: np.ndarray) -> dict[str, np.ndarray]:
    """What a model gives for its data; of one that was trained, also its weights after a further step."""
    found = {f"latent {key}": value for key, value in model.predict_latent(aux)._asdict().items()}
    found["predict"] = model(_tensors(aux)).numpy()
    with_noise, model.sample_latents = model.sample_latents, lambda mean, variance: tf.cast(mean, model.compute_dtype)
    terms = model.elbo_terms(_tensors(aux), tf.constant(observations))
    model.sample_latents = with_noise
    found |= {f"elbo {key}": value.numpy() for key, value in terms._asdict().items()}
    if model.compiled:
        model.run_eagerly = True
        model.train_on_batch(aux, observations)
        weights = [*model.weights, *model.optimizer.variables, *model.objective.weights]
        found |= {f"weight {i}": np.asarray(weight) for i, weight in enumerate(weights)}
    return found


def _tensors(aux: Any) -> Any:
    return tf.nest.map_structure(tf.constant, aux)

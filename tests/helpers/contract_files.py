"""Models that carry each part through a file, and what they answer before and after."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf import kernels
from svgp_vae_tf.priors import SparseGP
from tests.helpers import contract_models
from tests.helpers.contract_checks import moved
from tests.helpers.contract_models import GAUSSIAN, MODELS, N, Z, decoder, encoder
from tests.helpers.contract_parts import FEATURES, KERNELS, LAYERS, LIKELIHOODS, OBJECTIVES, OPTIMIZERS

Made = tuple[svgp.LatentModel, Any, np.ndarray]
"""A model, auxiliary data and observations."""


def all_kernels() -> Made:
    """A model whose kernel is the sum of all."""
    kernel = kernels.Sum([make(num_latents=contract_models.LATENTS) for make in KERNELS.values()])
    return svgp.LatentModel(encoder(), decoder(), SparseGP(kernel, Z, num_data=N), **GAUSSIAN), *MODELS[
        "svigp"
    ].observed()


def named_table() -> Made:
    case = FEATURES["gplvm, named"]
    points = np.random.default_rng(0).normal(size=(4, case.width))
    model = contract_models.sparse(num_data=N, auxiliary=case.make(), inducing_points=points)
    return model, case.aux, MODELS["svigp"].observed()[1]


def trained_likelihood() -> Made:
    model = contract_models.sparse(likelihood=LIKELIHOODS["gaussian, trained"]())
    return model, *MODELS["any prior"].observed()


def with_layer(name: str) -> Made:
    shape = LAYERS[name][1]
    latents = [keras.layers.Input((2,)), keras.layers.Dense(math.prod(shape)), keras.layers.Reshape(shape)]
    images = keras.Sequential([*latents, LAYERS[name][0]()])
    flat = [keras.layers.Input(images.output_shape[1:]), keras.layers.Flatten(), keras.layers.Dense(4)]
    observations = np.random.default_rng(0).uniform(size=(N, *images.output_shape[1:])).astype(np.float32)
    return svgp.VAE(keras.Sequential(flat), images, num_data=N, **GAUSSIAN), contract_models.data_set()[0], observations


def training(objective: str | None, optimizer: str | None) -> Made:
    """A model after two steps."""
    data = MODELS["svigp"].observed()
    model = contract_models.sparse(num_data=N)
    chosen = OPTIMIZERS[optimizer]() if optimizer else "sgd"
    model.compile(chosen, objective=OBJECTIVES[objective]() if objective else None, run_eagerly=True)
    for _ in range(2):
        model.train_on_batch(*data)
    return model, *data


MAKERS: dict[str, Callable[[], Made]] = {
    **{f"models: {name}": lambda name=name: (MODELS[name].make(), *MODELS[name].observed()) for name in MODELS},
    **{f"layers: {name}": lambda name=name: with_layer(name) for name in LAYERS},
    **{
        f"training: {objective}, {optimizer}": lambda objective=objective, optimizer=optimizer: training(
            objective, optimizer
        )
        for objective, optimizer in itertools.zip_longest(OBJECTIVES, OPTIMIZERS)
    },
    "all kernels": all_kernels,
    "a table by name": named_table,
    "a likelihood that is trained": trained_likelihood,
}


def classes_within(model: svgp.LatentModel) -> set[type]:
    """Classes of a model, all layers within it, and what it is compiled with."""
    found = {type(layer) for layer in model._flatten_layers(recursive=True)}
    if model.compiled:
        found |= {type(model.optimizer), type(model.optimizer._learning_rate), type(model.objective)}
        found |= {type(setting) for setting in model.objective._settings.values()}
    return found


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
    for i, part in enumerate(getattr(getattr(model.prior, "kernel", None), "kernels", [])):
        found[f"kernel {i}"] = part.matrix(Z[np.newaxis], Z[np.newaxis] + 0.1).numpy()
    if model.compiled:
        model.run_eagerly = True
        model.train_on_batch(aux, observations)
        weights = [*model.weights, *model.optimizer.variables, *model.objective.weights]
        found |= {f"weight {i}": np.asarray(weight) for i, weight in enumerate(weights)}
    return found


def write_data(path: str, aux: Any, observations: np.ndarray) -> None:
    """Auxiliary data, an array or a dict of arrays, and observations."""
    parts = {f"aux {key}": value for key, value in aux.items()} if isinstance(aux, dict) else {"aux": aux}
    np.savez(path, observations=observations, **parts)


def read_data(path: str) -> tuple[Any, np.ndarray]:
    """What `write_data` wrote."""
    with np.load(path) as file:
        parts = dict(file)
    observations = parts.pop("observations")
    named = {key.removeprefix("aux "): value for key, value in parts.items()}
    return named.get("aux", named), observations


def _tensors(aux: Any) -> Any:
    return tf.nest.map_structure(tf.constant, aux)

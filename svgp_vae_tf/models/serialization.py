"""What a `.keras` file says of a model, the constructor's arguments and how it was compiled; and how it is written."""

import functools
from typing import Any

import keras

from svgp_vae_tf.files import write_with_keras
from svgp_vae_tf.priors.sparse import renamed

PARTS = ("encoder", "decoder", "likelihood", "auxiliary")


def get_config(model: Any) -> dict[str, Any]:
    """The constructor's arguments of a `LatentModel`; of named models, with the arguments that make the prior."""
    serialize = keras.saving.serialize_keras_object
    if model.prior_arguments is None:
        prior = {"prior": serialize(model.prior)}
    else:
        config = model.prior.get_config()
        prior = {name: config[name] for name in model.prior_arguments}
    return {
        **{name: serialize(getattr(model, name)) for name in PARTS},
        **prior,
        "variance_bounds": list(model.variance_bounds),
        "seed": model.seed,
        "name": model.name,
        "dtype": serialize(model.dtype_policy),
    }


def get_compile_config(model: Any) -> dict[str, Any] | None:
    """Optimiser and objective; None for a model that was not compiled."""
    if not model.compiled:
        return None
    serialize = keras.saving.serialize_keras_object
    return {"optimizer": serialize(model.optimizer), "objective": serialize(model.objective)}


def arguments(config: dict[str, Any], custom_objects: Any = None) -> dict[str, Any]:
    """A configuration with its objects restored."""
    restore = keras.saving.deserialize_keras_object
    return {
        name: restore(value, custom_objects) if isinstance(value, dict) and "class_name" in value else value
        for name, value in renamed(config).items()
    }


def save(model: keras.Model, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Keras' `save`; OSError if the file cannot be written, and the one that was there is kept."""
    write = functools.partial(keras.Model.save, model)
    write_with_keras(write, filepath, ".keras", overwrite, zipped=zipped, **kwargs)


def save_weights(
    model: keras.Model, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None
) -> None:
    """Keras' `save_weights`; OSError if the file cannot be written, and the one that was there is kept."""
    write = functools.partial(keras.Model.save_weights, model)
    write_with_keras(write, filepath, ".weights.h5", overwrite, max_shard_size=max_shard_size)

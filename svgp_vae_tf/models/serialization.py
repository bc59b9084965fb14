"""What a `.keras` file says of a model, the constructor's arguments and how it was compiled; and how it is written."""

import functools
import re
from collections.abc import Iterator
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
    """A configuration with its objects restored.

    Raises:
        ValueError: naming a class or function within it that is not known, and how to give it.
    """
    restore = keras.saving.deserialize_keras_object
    try:
        return {
            name: restore(value, custom_objects) if isinstance(value, dict) and "class_name" in value else value
            for name, value in renamed(config).items()
        }
    except TypeError as error:
        line = unknown_object(error, config)
        if line is None:
            raise
        raise ValueError(line) from None  # to a TypeError, Keras would add pages of configuration


def unknown_object(error: Exception, config: Any) -> str | None:
    """One line for an error of Keras about a class or function that is not known; None for another error.

    Args:
        error: what Keras raised; configurations make it pages long.
        config: that was to be restored; it says under which name the class was registered.
    """
    found = re.findall(r"Could not locate (class|function) '([^']+)'", str(error))
    if not found:
        return None
    kind, name = found[-1]  # the innermost
    registered = next((part["registered_name"] for part in _objects(config) if part["class_name"] == name), name)
    short = name.rpartition(">")[2]
    decorator = "@keras.saving.register_keras_serializable()"
    if ">" in registered:
        remedy = f"import the module whose {decorator} registers it, or load"
    else:  # a decorator gives a class another name, so that this file would not find it
        remedy = f"decorate it with {decorator} before the model is saved, or load"
    return f'the {kind} {short} is not known here: {remedy} with custom_objects={{"{registered}": {short}}}'


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """All parts of a configuration that name a class."""
    if isinstance(config, list | tuple):
        for part in config:
            yield from _objects(part)
    elif isinstance(config, dict):
        if config.get("registered_name") and "class_name" in config:
            yield config
        for part in config.values():
            yield from _objects(part)


def save(model: keras.Model, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Keras' `save` to a ``.keras`` file.

    Raises:
        OSError: if the file cannot be written; the one that was there is kept.
        ValueError: for the name of an HDF5 file: Keras' old format could not be loaded again.
    """
    if str(filepath).endswith((".h5", ".hdf5")):
        raise ValueError(f"a model is saved as a .keras file, not as {filepath}")
    write = functools.partial(keras.Model.save, model)
    write_with_keras(write, filepath, ".keras", overwrite, zipped=zipped, **kwargs)


def save_weights(
    model: keras.Model, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None
) -> None:
    """Keras' `save_weights`; OSError if the file cannot be written, and the one that was there is kept."""
    write = functools.partial(keras.Model.save_weights, model)
    write_with_keras(write, filepath, ".weights.h5", overwrite, max_shard_size=max_shard_size)

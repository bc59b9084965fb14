"""Reading saved models. Writing is Keras' own `model.save("name.keras")`."""

import os
import zipfile
from typing import Any

import keras

from svgp_vae_tf.errors import ModelFileError
from svgp_vae_tf.models.latent_model import LatentModel


def load_model(path: str | os.PathLike[str], custom_objects: Any = None, safe_mode: bool = True) -> LatentModel:
    """Load a model that was saved with `model.save`: networks, kernel, inducing points, posterior, optimiser.

    Args:
        path: the file.
        custom_objects: your own layers and functions by name, as for Keras.
        safe_mode: False also loads code that the file holds (lambdas); only for files you trust.

    Raises:
        ModelFileError: if the file does not exist, is damaged, or holds something else.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise ModelFileError(f"there is no file {path}")
    if not zipfile.is_zipfile(path):
        raise ModelFileError(f"{path} is not a model file, or was cut short: it is no whole .keras archive")
    try:
        model = keras.saving.load_model(path, custom_objects=custom_objects, safe_mode=safe_mode)
    except Exception as error:  # Keras raises many kinds, from zipfile's to h5py's
        reason = str(error).strip().splitlines() or [type(error).__name__]
        short = reason[0].split(" Full object config")[0]  # which goes on for pages
        raise ModelFileError(f"{path} is not a readable model file: {short}") from error
    if not isinstance(model, LatentModel):
        raise ModelFileError(f"{path} holds a {type(model).__name__}, not a model of this package")
    return model

"""Loading saved models. They are saved with Keras' `model.save("name.keras")`."""

import os
import zipfile
from typing import Any

import keras

from svgp_vae_tf.errors import ModelFileError
from svgp_vae_tf.models import LatentModel


def load_model(path: str | os.PathLike[str], custom_objects: Any = None, safe_mode: bool = True) -> LatentModel:
    """Load a model that was saved with `model.save`.

    The file holds the networks, kernel, inducing points, the posterior's data and the state of the optimizer.

    Args:
        path: the file, ``.keras``.
        custom_objects: your own layers and functions by name, as in `keras.saving.load_model`.
        safe_mode: False also loads code from the file (lambda functions); use it only for files you trust.

    Returns:
        The model, of the class that was saved.

    Raises:
        ModelFileError: if the file does not exist, is damaged, or holds something other than a model of this package.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise ModelFileError(f"there is no file {path}")
    if not zipfile.is_zipfile(path):
        raise ModelFileError(f"{path} is not a model file, or was cut short: it is not a complete .keras archive")
    try:
        model = keras.saving.load_model(path, custom_objects=custom_objects, safe_mode=safe_mode)
    except Exception as error:  # Keras raises many kinds, from zipfile's to h5py's
        reason = str(error).strip().splitlines() or [type(error).__name__]
        short = reason[0].split(" Full object config")[0]  # the configuration can take pages
        raise ModelFileError(f"{path} is not a readable model file: {short}") from error
    if not isinstance(model, LatentModel):
        raise ModelFileError(f"{path} holds a {type(model).__name__}, not a model of this package")
    return model

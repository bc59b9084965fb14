"""Loading saved models. They are saved with Keras' `model.save("name.keras")`."""

import contextlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py
import keras

from svgp_vae_tf.errors import ModelFileError
from svgp_vae_tf.models import LatentModel, serialization

WEIGHTS = "model.weights.h5"
"""The member of a ``.keras`` archive that holds the weights."""
RENAMED = {"evidence": "conditioning", "layers/free_form_gp": "layers/variational_gp"}
"""Groups of weight files that had other names before attributes and classes were renamed."""


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
        with _with_current_names(path) as current:
            model = keras.saving.load_model(current, custom_objects=custom_objects, safe_mode=safe_mode)
    except Exception as error:  # Keras raises many kinds, from zipfile's to h5py's
        reason = str(error).strip().splitlines() or [type(error).__name__]
        line = serialization.unknown_object(error, _config(path)) or reason[0]
        raise ModelFileError(f"{path} is not a readable model file: {line}") from error
    if not isinstance(model, LatentModel):
        raise ModelFileError(f"{path} holds a {type(model).__name__}, not a model of this package")
    return model


def load_weights(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Load weights, and the optimizer's state, that were saved with `model.save_weights`.

    Args:
        model: a model of the same structure, compiled if the optimizer's state matters.
        path: the file, ``.weights.h5``.

    Raises:
        Exception: of many kinds, from Keras and h5py, if the file is damaged or of another model.
    """
    with tempfile.TemporaryDirectory() as folder:
        model.load_weights(_renamed(os.fspath(path), folder))


def _config(path: str) -> Any:
    """The configuration in a ``.keras`` archive, None if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))
    except Exception:  # of many kinds, from zipfile's to json's: then there is nothing to say of it
        return None


@contextlib.contextmanager
def _with_current_names(path: str) -> Iterator[str]:
    """The path of a ``.keras`` archive whose weights have today's names: the file itself, or a temporary copy."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            weights = archive.extract(WEIGHTS, folder) if WEIGHTS in archive.namelist() else ""
        renamed = _renamed(weights, folder) if weights else ""
        if renamed == weights:
            yield path
            return
        current = os.path.join(folder, os.path.basename(path))
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(current, "w") as copy:
            for name in archive.namelist():
                if name != WEIGHTS:
                    copy.writestr(name, archive.read(name))
            copy.write(renamed, WEIGHTS)
        yield current


def _renamed(path: str, folder: str) -> str:
    """A weight file with today's names: the file itself, or a copy in a folder."""
    with h5py.File(path) as file:
        names = [name for name in RENAMED if name in file]
    if not names:
        return path
    copy = shutil.copy(path, os.path.join(folder, f"renamed_{os.path.basename(path)}"))
    with h5py.File(copy, "r+") as file:
        for name in names:
            file.move(name, RENAMED[name])
    return copy

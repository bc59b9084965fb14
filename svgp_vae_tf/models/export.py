"""Exported models: a TensorFlow SavedModel that predicts without this package, and without Keras."""

import functools
import os
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from svgp_vae_tf.features import GPLVM, Features, NamedColumns, PooledFeatures
from svgp_vae_tf.gp import linalg
from svgp_vae_tf.models import prediction
from svgp_vae_tf.models.inputs import CHUNK

FORMAT = "tf_saved_model"
AUX = "aux"
"""Name of auxiliary data that are a single array."""


def export(
    model: Any,
    filepath: str | os.PathLike[str],
    format: str = FORMAT,
    verbose: bool | None = None,
    input_signature: Any = None,
    **kwargs,
) -> None:
    """Write a TensorFlow SavedModel that predicts as the model does now, and needs only TensorFlow.

    Its function `serve`, which is also its default signature, takes auxiliary data in double precision: ``aux``
    (points, D) or, of all conditioned series in their order, (series, points, D); named arrays as a dict, groups by
    their vectors (`PooledFeatures.pool`). It returns a dict of ``mean``, as `predict` gives it, and ``latent_mean`` and
    ``latent_variance``, as `predict_latent` does. Rows pass through in chunks, so any number of them may be given.

    Args:
        model: a `LatentModel`.
        filepath: the folder to write.
        format: "tf_saved_model"; there is no other.
        verbose: False does not print the signature.
        input_signature: `tf.TensorSpec` of auxiliary data, or a dict of them, where it does not follow from the model.
        kwargs: none.

    Raises:
        NotConditionedError: before `condition`.
        ValueError: for another format, other arguments, or if ``input_signature`` is needed.
    """
    model.conditioning.require()
    if format != FORMAT:
        raise ValueError(f"a model can be exported with format={FORMAT!r}, not {format!r}")
    if kwargs:
        raise ValueError(f"export has no argument {', '.join(kwargs)}")
    specs = default_signature(model) if input_signature is None else input_signature
    if isinstance(specs, list | tuple):  # Keras has a list of the function's arguments
        (specs,) = specs
    model.conditioning.prepare()
    archive = keras.export.ExportArchive()
    archive.add_endpoint("serve", functools.partial(_serve, model, model.conditioning.num_series), [specs])
    archive.write_out(os.fspath(filepath), verbose=verbose is not False)


def _serve(model: Any, num_series: int | None, aux: Any) -> dict[str, tf.Tensor]:
    """Predictions at rows of auxiliary data, in chunks of equal size, the last filled up with the last row."""
    count = _checked_count(aux, num_series)
    size = tf.minimum(count, CHUNK)
    chunks = -(-count // size)
    rows = tf.reshape(tf.minimum(tf.range(chunks * size), count - 1), [chunks, size])
    leading = [None] * model.batch_rank
    latents = tf.TensorSpec([*leading, model.num_latents], linalg.DTYPE)
    specs = {
        "mean": tf.TensorSpec([*leading, *model.observation_shape], model.variable_dtype),
        "latent_mean": latents,
        "latent_variance": latents,
    }

    def predict(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        features = model.features(tree.map_structure(lambda array: tf.gather(array, rows), aux))
        mean, variance = model.conditioning.prepared(rows).predict(features)
        decoded = tf.cast(prediction.decode_mean(model, mean, features), model.variable_dtype)
        return {"mean": decoded, "latent_mean": mean, "latent_variance": variance}

    found = tf.map_fn(predict, rows, fn_output_signature=specs, parallel_iterations=1)
    return {name: _without_filling(values, count) for name, values in found.items()}


def _checked_count(aux: Any, num_series: int | None) -> tf.Tensor:
    """The number of rows, which must be there, and of series as many as were conditioned."""
    count = tf.shape(tree.flatten(aux)[0])[0]
    checks = [tf.debugging.assert_positive(count, "auxiliary data are empty")]
    if num_series is not None:
        message = f"the posterior holds {num_series} series: give auxiliary data of all of them, in their order"
        checks.append(tf.debugging.assert_equal(count, num_series, message))
    with tf.control_dependencies(checks):
        return tf.identity(count)


def _without_filling(values: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """(chunks, size, ...) as (count, ...)."""
    shape = tf.concat([[-1], tf.shape(values)[2:]], axis=0)
    return tf.ensure_shape(tf.reshape(values, shape)[:count], [None, *values.shape[2:]])


def default_signature(model: Any) -> Any:
    """`tf.TensorSpec` of a model's auxiliary data, or a dict of them, in double precision.

    Raises:
        ValueError: if their shapes do not follow from the model.
    """
    width = model.prior.num_features
    if width is None and hasattr(model.conditioning.statistics, "features"):  # an exact posterior holds them
        width = int(model.conditioning.statistics.features.shape[-1])
    widths = _widths(model.auxiliary, width)
    if widths is None:
        raise ValueError(
            "the shapes of auxiliary data do not follow from the model: give input_signature, a tf.TensorSpec, or a "
            'dict of them such as {"time": tf.TensorSpec((None, 1), "float64")}'
        )
    leading = [None] * model.batch_rank
    specs = {name: tf.TensorSpec([*leading, columns], linalg.DTYPE, name) for name, columns in widths.items()}
    return specs if model.auxiliary.names else specs[AUX]


def _widths(auxiliary: Features, width: int | None) -> dict[str, int | None] | None:
    """Columns of the arrays that give features of this width, by name; None if they do not follow from it."""
    if isinstance(auxiliary, PooledFeatures):
        rest = None if width is None else width - auxiliary.width
        others = {} if auxiliary.others is None else _widths(auxiliary.others, rest)
        return None if others is None else {**others, auxiliary.pooled: auxiliary.width}
    if type(auxiliary) is Features:
        return {AUX: width}
    if isinstance(auxiliary, GPLVM):  # an id stands for its vector
        width = None if width is None else width - int(auxiliary.vectors.shape[-1]) + 1
    elif not isinstance(auxiliary, NamedColumns):
        return None
    names = auxiliary.names or [AUX]
    if len(names) == 1 and width is not None:
        return {names[0]: width}
    return dict.fromkeys(names, 1) if len(names) == width else None

"""Draws of the latents and of observations at new inputs.

The functions whose first argument is a model are methods of `LatentModel`, unless their name begins with an underscore.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from svgp_vae_tf.arguments import random_seed, whole_number
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.models.inputs import CHUNK
from svgp_vae_tf.models.prediction import decode_mean, new_inputs
from svgp_vae_tf.priors.base import Posterior

MOST_FEATURES = 2**24
"""How many random features are held at a time, over draws, series and points; in double precision, 128 MB of them."""
SERIES = 32
"""How many series are drawn at a time. The functions of a seed depend on it."""
MOST_BYTES = 2**31
"""The largest covariance that is factored for joint draws."""


def sample_latent(
    model: Any, aux: Any, num_samples: int = 1, joint: bool = True, seed: int | None = None
) -> np.ndarray:
    """Draws of the latents at new inputs, (num_samples, ..., n, L).

    Joint draws are functions: with the same seed, a model that was conditioned on the same data gives the values of the
    same functions at other inputs, and the first draws do not depend on how many follow. They cost O(n), see
    `priors.base.Posterior.functions`; for kernels without random features, such as `TFPKernel`, they come from a
    covariance matrix, hold for one call, and cost O(n^3). Latents whose prior is independent for each datum (`VAE`,
    `CVAE`) are no functions of the inputs: each is drawn by itself.

    Args:
        model: a `LatentModel`.
        aux: auxiliary data, as for `predict`.
        num_samples: number of draws.
        joint: True draws whole functions, False draws each latent from its marginal.
        seed: of these draws, a whole number; None continues the model's own generator.

    Raises:
        NotConditionedError, DataError: as `predict` does; DataError also for a covariance matrix that is too large.
        ValueError: for a number of draws or a seed that is not a whole number.
    """
    return _draws(model, aux, num_samples, joint, seed)[0]


def sample(model: Any, aux: Any, num_samples: int = 1, joint: bool = True, seed: int | None = None) -> np.ndarray:
    """Mean observations of latent draws, (num_samples, ..., n, *observation). Arguments as in `sample_latent`."""
    latents, features = _draws(model, aux, num_samples, joint, seed)
    return np.stack([
        np.concatenate([decode_mean(model, draw[part], features[part]).numpy() for part in _parts(len(draw), CHUNK)])
        for draw in latents
    ])  # fmt: skip


def _draws(model: Any, aux: Any, num_samples: int, joint: bool, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Draws of the latents at new inputs, and the features there."""
    num_samples, key = whole_number("num_samples", num_samples), _key(model, seed)
    aux, rows = new_inputs(model, aux)
    chunks = list(model.inputs_gate.chunks(aux, None, CHUNK))
    features = np.concatenate([model.features(chunk.aux) for chunk in chunks])
    model.conditioning.prepare()
    parts, of_part = [slice(None)], [key]
    if model.prior.num_data is None:
        parts = list(_parts(len(rows), SERIES))
        of_part = [[*key, part.start] for part in parts]
    found = [
        _draw(model.conditioning.prepared(tf.constant(rows[part])), features[part], num_samples, joint, own)
        for part, own in zip(parts, of_part, strict=True)
    ]
    return np.concatenate(found, axis=1), features


def _draw(posterior: Posterior, features: np.ndarray, num_samples: int, joint: bool, key: list[int]) -> np.ndarray:
    """Draws (num_samples, ..., n, L) at features (..., n, D): each with a generator of its own, some at a time."""
    points, found, at_once = features.shape[-2], [], num_samples
    if joint:  # draws from marginals take no more memory than they have themselves
        rows = math.prod(features.shape[:-2]) * max(min(points, CHUNK), posterior.num_anchors)
        at_once = max(1, MOST_FEATURES // (rows * posterior.num_random))
    for draws in _parts(num_samples, at_once):
        generators = [np.random.default_rng([*key, draw]) for draw in range(num_samples)[draws]]
        at = _evaluator(posterior, generators, joint)
        if at is None:
            _require_room(posterior, features)
            found.append(posterior.draw_jointly(tf.constant(features), generators).numpy())
        else:
            columns = [at(tf.constant(features[..., part, :])).numpy() for part in _parts(points, CHUNK)]
            found.append(np.concatenate(columns, axis=-2))
    return np.concatenate(found)


def _evaluator(
    posterior: Posterior, generators: list[np.random.Generator], joint: bool
) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """A function from features of some points to their draws; None where all points must be drawn together."""
    if joint:
        return posterior.functions(generators)
    return lambda features: posterior.draw_marginally(features, generators)


def _require_room(posterior: Posterior, features: np.ndarray) -> None:
    """Raise DataError if the covariances at these features are too large to be factored."""
    points = features.shape[-2]
    num_latents = posterior.predict(tf.constant(features[..., :1, :]))[0].shape[-1]
    size = 8.0 * num_latents * float(np.prod(features.shape[:-2])) * points**2
    if size > MOST_BYTES:
        raise DataError(
            f"joint draws at {points} inputs need covariances of {size / 1e9:.1f} GB, as this kernel has no random "
            "features: draw from the marginals (joint=False), or jointly at fewer inputs"
        )


def _key(model: Any, seed: int | None) -> list[int]:
    """Seed words for the generators of one call."""
    given = random_seed("seed", seed)
    return [int(word) for word in model.sampler.generator.next().numpy()] if given is None else [given]


def _parts(count: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover ``count``."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))

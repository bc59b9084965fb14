"""What a model needs to know of the user's encoder, decoder and likelihood: shapes, and the encoder's moments."""

from typing import Any

import keras
import tensorflow as tf

from svgp_vae_tf.arguments import item_list, one_of, positive_number, shown
from svgp_vae_tf.gp import linalg
from svgp_vae_tf.likelihoods import Bernoulli, Gaussian, Likelihood
from svgp_vae_tf.network_shapes import Shape, input_events, output_event, told_output_event

LIKELIHOODS = {"bernoulli": Bernoulli, "gaussian": Gaussian}


def resolve_likelihood(likelihood: str | Likelihood) -> Likelihood:
    """A likelihood, also by name.

    Raises:
        ValueError: for an unknown name, or anything else.
    """
    if isinstance(likelihood, str):
        return LIKELIHOODS[one_of("likelihood", likelihood, LIKELIHOODS)]()
    if not isinstance(likelihood, Likelihood):
        raise ValueError(f"likelihood must be a name or a `Likelihood`, got {shown(likelihood)}")
    return likelihood


def validate_bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    """Bounds of the encoder's variances.

    Raises:
        ValueError: unless they are positive and rising.
    """
    pair = item_list("variance_bounds", bounds)
    if len(pair) != 2:
        raise ValueError(f"variance_bounds must be two numbers, got {shown(bounds)}")
    low, high = (positive_number("variance_bounds", bound) for bound in pair)
    if low >= high:
        raise ValueError(f"variance_bounds must be positive and rising, got {shown(bounds)}")
    return low, high


def build(model: Any, event: Shape) -> int:
    """Build the networks of a `LatentModel` for observations of shape ``event``; returns the number of latents L.

    Raises:
        ValueError: if encoder, decoder and prior do not fit together, or a network has several outputs.
    """
    encoder, prior = model.encoder, model.prior
    num_latents = int(prior.num_latents) if encoder is None else _count_latents(output_shape(model, encoder, event))
    _validate_decoder(model, num_latents, event)
    prior.validate_latents(num_latents)
    return num_latents


def bounded_moments(outputs: tf.Tensor, bounds: tuple[float, float]) -> tuple[tf.Tensor, tf.Tensor]:
    """Means and variances (..., L), float64, from an encoder's outputs (..., 2 L): means, then log-variances.

    Variances stay within the bounds, by a smooth bound on their logarithm.
    """
    mean, log_variance = tf.split(tf.cast(outputs, linalg.DTYPE), 2, axis=-1)
    low, high = (tf.math.log(tf.constant(bound, linalg.DTYPE)) for bound in bounds)
    log_variance = tf.clip_by_value(log_variance, low - 50.0, high + 50.0)  # beyond, the bound holds to e^-50
    bounded = low + tf.nn.softplus(log_variance - low) - tf.nn.softplus(log_variance - high)
    return mean, tf.exp(bounded)


def _count_latents(encoded: Shape) -> int:
    """L, from the shape of an encoder's output."""
    outputs = int(encoded[-1] or 0) if encoded else 0
    if outputs % 2:
        raise ValueError(f"the encoder must give 2 L outputs (means, log-variances), but gives {outputs}")
    return outputs // 2


def _validate_decoder(model: Any, num_latents: int, event: Shape) -> None:
    """Check the decoder's input and output shapes; builds it if necessary.

    Raises:
        ValueError: if it takes another number of latents, or gives outputs of another shape than observations.
    """
    expected = (input_events(model.decoder) or [(num_latents,)])[0][-1]
    if expected not in (None, num_latents):
        raise ValueError(f"there are {num_latents} latents, but the decoder takes {expected}")
    given = output_shape(model, model.decoder, (num_latents,))
    if None not in given and None not in event and given != tuple(event):
        raise ValueError(f"the decoder gives outputs of shape {given}, but observations have shape {tuple(event)}")


def known_event(encoder: keras.layers.Layer | None, decoder: keras.layers.Layer) -> Shape | None:
    """The shape of single observations, if the networks are built and say it themselves.

    A subclass of `keras.Model` does not: that it was called with images of one size need not mean that it takes no
    others.
    """
    if not decoder.built or not (encoder is None or encoder.built):
        return None
    if encoder is None:
        shape = getattr(decoder, "output_shape", None)
    else:
        shape = getattr(encoder, "input_shape", None)
    if not shape:
        return None
    return tuple(shape[0] if isinstance(shape, list) else shape)[1:] or None


def output_shape(model: Any, network: keras.layers.Layer, event: Shape) -> Shape:
    """Shape of a network's output for one item of shape ``event``; builds the network if necessary."""
    if network.built and None in event:
        told = told_output_event(network)
        return tuple(network.compute_output_shape((None, *event))[1:]) if told is None else told
    items = tf.zeros((1, *(8 if size is None else size for size in event)))
    features = tf.zeros((1, model.prior.num_features or 1), linalg.DTYPE)
    return output_event(network, model.network_inputs(items, features))

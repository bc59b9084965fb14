"""What a model needs to know of the user's encoder, decoder and likelihood: shapes, and the encoder's moments."""

import keras
import tensorflow as tf

from svgp_vae_tf.arguments import item_list, positive_number, shown
from svgp_vae_tf.gp import linalg
from svgp_vae_tf.likelihoods import Bernoulli, Gaussian, Likelihood
from svgp_vae_tf.priors.base import Prior

Shape = tuple[int | None, ...]
LIKELIHOODS = {"bernoulli": Bernoulli, "gaussian": Gaussian}


def resolve_likelihood(likelihood: str | Likelihood) -> Likelihood:
    """A likelihood, also by name.

    Raises:
        ValueError: for an unknown name, or anything else.
    """
    if isinstance(likelihood, str):
        if likelihood not in LIKELIHOODS:
            raise ValueError(f"unknown likelihood {shown(likelihood)}; choose one of {', '.join(LIKELIHOODS)}")
        return LIKELIHOODS[likelihood]()
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


def build(encoder: keras.Model | None, decoder: keras.Model, prior: Prior, event: Shape) -> int:
    """Build the networks for observations of shape ``event``; returns the number of latents L.

    Raises:
        ValueError: if encoder, decoder and prior do not fit together.
    """
    num_latents = int(prior.num_latents) if encoder is None else count_latents(encoder, event)
    validate_decoder(decoder, num_latents, event)
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


def count_latents(encoder: keras.Model, event: Shape) -> int:
    """L, from an encoder of observations of shape ``event``; builds the encoder if necessary.

    Raises:
        ValueError: if the number of outputs is odd.
    """
    outputs = int(output_shape(encoder, event)[-1] or 0)
    if outputs % 2:
        raise ValueError(f"the encoder must give 2 L outputs (means, log-variances), but gives {outputs}")
    return outputs // 2


def validate_decoder(decoder: keras.Model, num_latents: int, event: Shape) -> None:
    """Check a decoder's input and output shapes; builds it if necessary.

    Raises:
        ValueError: if it takes another number of latents, or gives outputs of another shape than observations.
    """
    expected = input_event(decoder, (num_latents,))[-1]
    if expected != num_latents:
        raise ValueError(f"there are {num_latents} latents, but the decoder takes {expected}")
    given = output_shape(decoder, (num_latents,))
    if None not in given and None not in event and given != tuple(event):
        raise ValueError(f"the decoder gives outputs of shape {given}, but observations have shape {tuple(event)}")


def known_event(encoder: keras.Model | None, decoder: keras.Model) -> Shape | None:
    """The shape of single observations, if the networks are built and tell."""
    if not decoder.built or not (encoder is None or encoder.built):
        return None
    if encoder is not None:
        return input_event(encoder, ()) or None
    shape = getattr(decoder, "output_shape", None)  # subclasses of `keras.Model` have none
    return None if shape is None else tuple(shape[1:])


def input_event(network: keras.Model, unknown: Shape) -> Shape:
    """Shape of one item of a network's (first) input; ``unknown`` if it cannot tell."""
    shape = getattr(network, "input_shape", None)
    if shape is None:
        return unknown
    return tuple(shape[0] if isinstance(shape, list) else shape)[1:]


def output_shape(network: keras.Model, event: Shape) -> Shape:
    """Shape of a network's output for one item of shape ``event``; builds the network if necessary."""
    if network.built and isinstance(getattr(network, "input_shape", None), list):  # a conditional network
        return tuple(network.output_shape[1:])
    if not network.built or None not in event:
        return tuple(network(tf.zeros((1, *(8 if size is None else size for size in event)))).shape[1:])
    return tuple(network.compute_output_shape((None, *event))[1:])

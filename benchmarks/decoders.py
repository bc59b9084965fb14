"""A step of each decoder, with its up-sampling convolutions and with the two layers that each of them replaces.

    python -m benchmarks.decoders --output=results/decoders.json

A step runs the decoder forward and backward on a batch of the paper's size, for rotated MNIST and for sprites. Both
kinds have the same weights, and their outputs are compared.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks import command
from benchmarks.rounds import alternate, median_ratio
from run_experiments.common import provenance
from run_experiments.rotated_mnist.networks import mnist_decoder
from run_experiments.sprites.networks import sprites_decoder
from svgp_vae_tf.layers import UpsampledConv2D

DECODERS: dict[str, tuple[Callable[[], keras.Sequential], int]] = {
    "rotated MNIST": (mnist_decoder, 256),
    "sprites": (sprites_decoder, 500),
}
"""Decoders and their batch sizes."""


def with_two_layers(decoder: keras.Sequential) -> keras.Sequential:
    """The same decoder, with nearest up-sampling and a convolution after it instead of `UpsampledConv2D`."""

    def replaced(layer: keras.layers.Layer) -> keras.layers.Layer:
        if not isinstance(layer, UpsampledConv2D):
            return layer.__class__.from_config(layer.get_config())
        convolution = keras.layers.Conv2D(layer.filters, 3, padding=layer.padding, activation=layer.activation)
        return keras.Sequential([keras.layers.UpSampling2D(), convolution])

    plain = keras.models.clone_model(decoder, clone_function=replaced)
    plain.set_weights(decoder.get_weights())
    return plain


def step_of(decoder: keras.Sequential, latents: tf.Tensor) -> Callable[[], None]:
    """A function that decodes latents and computes the gradients of a loss."""

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(latents)
            loss = tf.reduce_sum(tf.square(decoder(latents, training=True)))
        gradients = tape.gradient(loss, [latents, *decoder.trainable_weights])
        return tf.add_n([tf.reduce_sum(gradient) for gradient in gradients])

    return lambda: step().numpy()


def compare(name: str, rounds: int, calls: int) -> dict[str, Any]:
    """Compare both kinds of a decoder.

    Args:
        name: a decoder in `DECODERS`.
        rounds: rounds that count.
        calls: calls of each kind in a round.

    Returns:
        milliseconds per step of both kinds, the median of their ratios, and the largest difference of their outputs
        relative to the largest output.
    """
    make, batch = DECODERS[name]
    decoder = make()
    plain = with_two_layers(decoder)
    latents = tf.constant(np.random.default_rng(0).normal(size=(batch, *decoder.input_shape[1:])), tf.float32)
    apart = tf.reduce_max(tf.abs(decoder(latents) - plain(latents))) / tf.reduce_max(tf.abs(plain(latents)))
    seconds = alternate({"ours": step_of(decoder, latents), "plain": step_of(plain, latents)}, rounds, calls)
    return {
        "decoder": name,
        **{f"{kind}_ms": 1e3 * float(np.median(values)) for kind, values in seconds.items()},
        "ratio": median_ratio(seconds["plain"], seconds["ours"]),
        "relative_difference": float(apart),
    }


def measure(rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a report on all decoders."""
    provenance.make_repeatable()
    keras.utils.set_random_seed(0)
    rows = []
    for name, calls in (("rotated MNIST", 16), ("sprites", 2)):
        row = compare(name, rounds, calls)
        rows.append(row)
        print(f"{name}: {row['plain_ms']:.1f} ms, {row['ours_ms']:.1f} ms, ratio {row['ratio']:.2f}", flush=True)
    yield {"rows": rows}


if __name__ == "__main__":
    command.main(measure, "results/decoders.json", rounds=command.Count(5, "Rounds that count."))

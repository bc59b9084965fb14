"""A step of each decoder, with its up-sampling convolutions and with the two layers that each of them stands for.

    python -m benchmarks.decoders --output=results/decoders.json

A step is the decoder of a batch, forward and backward, as in `epochs`: rotated MNIST and sprites at the paper's sizes.
Both decoders have the same weights, and their outputs are compared.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from benchmarks.rounds import alternate
from run_experiments.common import run_folder
from run_experiments.rotated_mnist.networks import mnist_decoder
from run_experiments.sprites.networks import sprites_decoder
from svgp_vae_tf.layers import UpsampledConv2D

DECODERS: dict[str, tuple[Callable[[], keras.Sequential], int]] = {
    "rotated MNIST": (mnist_decoder, 256),
    "sprites": (sprites_decoder, 500),
}
"""Decoders and batches."""


def with_two_layers(decoder: keras.Sequential) -> keras.Sequential:
    """The same decoder, with nearest up-sampling and a convolution after it in the place of `UpsampledConv2D`."""

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
    """Milliseconds per step of both kinds of a decoder, the median of their ratios, and how far they are apart."""
    make, batch = DECODERS[name]
    decoder = make()
    plain = with_two_layers(decoder)
    latents = tf.constant(np.random.default_rng(0).normal(size=(batch, *decoder.input_shape[1:])), tf.float32)
    apart = tf.reduce_max(tf.abs(decoder(latents) - plain(latents))) / tf.reduce_max(tf.abs(plain(latents)))
    seconds = alternate({"ours": step_of(decoder, latents), "plain": step_of(plain, latents)}, rounds, calls)
    return {
        "decoder": name,
        **{f"{kind}_ms": 1e3 * float(np.median(values)) for kind, values in seconds.items()},
        "ratio": float(np.median(np.array(seconds["plain"]) / np.array(seconds["ours"]))),
        "relative_difference": float(apart),
    }


def _main(_: list[str]) -> None:
    run_folder.make_repeatable()
    keras.utils.set_random_seed(0)
    rows = []
    for name, calls in (("rotated MNIST", 16), ("sprites", 2)):
        row = compare(name, flags.FLAGS.rounds, calls)
        rows.append(row)
        print(f"{name}: {row['plain_ms']:.1f} ms, {row['ours_ms']:.1f} ms, ratio {row['ratio']:.2f}", flush=True)
    run_folder.write_json(flags.FLAGS.output, {"rows": rows, "made_by": run_folder.provenance()})


if __name__ == "__main__":
    flags.DEFINE_string("output", "results/decoders.json", "The file to write.")
    flags.DEFINE_integer("rounds", 5, "Rounds that count.")
    app.run(_main)

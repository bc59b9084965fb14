"""Conditioning on up to a million streamed points: time, and memory over what the data source takes by itself.

    python -m benchmarks.conditioning --output=results/conditioning.json

Points are made as they are read, so no data set is ever in memory. Small networks; m = 64, L = 16.
"""

import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

import svgp_vae_tf as svgp
from benchmarks import memory
from run_experiments.common import run_folder

COUNTS = (10_000, 100_000, 1_000_000)
BATCH, INDUCING, LATENTS, PIXELS = 1_000, 64, 16, 8


def stream(count: int) -> tf.data.Dataset:
    """Batches of places (b, 2) and observations (b, PIXELS), the same at each pass."""

    def batch(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seed = tf.stack([number, 0])
        places = tf.random.stateless_uniform((BATCH, 2), seed, 0.0, 10.0)
        noise = tf.random.stateless_normal((BATCH, PIXELS), seed + 1)
        return places, tf.sin(places[:, :1] + tf.range(float(PIXELS))) + 0.1 * noise

    return tf.data.Dataset.range(count // BATCH).map(batch)


def make_model(count: int) -> svgp.SVGPVAE:
    """A model with one dense layer on either side."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return svgp.SVGPVAE(
        keras.Sequential([layers.Input((PIXELS,)), layers.Dense(2 * LATENTS)]),
        keras.Sequential([layers.Input((LATENTS,)), layers.Dense(PIXELS)]),
        kernel=svgp.kernels.SquaredExponential(2.0),
        inducing_points=np.random.default_rng(0).uniform(0.0, 10.0, (INDUCING, 2)),
        likelihood="gaussian",
        num_data=count,
    )


def read(count: int) -> dict[str, float]:
    """Seconds and MB of growth to read the points and do nothing with them."""
    list(stream(3 * BATCH))
    return _measured(lambda: [None for _ in stream(count)])


def condition(count: int) -> dict[str, float]:
    """Seconds and MB of growth to condition a model on the points, once all is compiled."""
    model = make_model(count)
    model.condition(stream(3 * BATCH))  # chunks after the first are compiled
    return _measured(lambda: model.condition(stream(count)))


def _measured(call: Any) -> dict[str, float]:
    start = time.perf_counter()
    growth = memory.growth(call)
    return {"seconds": time.perf_counter() - start, "growth_mb": growth}


def _main(_: list[str]) -> None:
    rows = []
    for count in COUNTS:
        source, model = (memory.in_fresh_process(function, count) for function in (read, condition))
        rows.append({"points": count, "source": source, "conditioning": model})
        over = model["growth_mb"] - source["growth_mb"]
        print(f"{count:>9,} points: {model['seconds']:.1f} s, {over:.0f} MB over the source's own", flush=True)
    run_folder.write_json(flags.FLAGS.output, {"rows": rows, "made_by": run_folder.provenance()})


if __name__ == "__main__":
    flags.DEFINE_string("output", "results/conditioning.json", "The file to write.")
    app.run(_main)

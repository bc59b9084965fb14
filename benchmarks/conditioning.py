"""Conditioning on up to a million streamed points: time, and memory beyond that of the data source alone.

    python -m benchmarks.conditioning --output=results/conditioning.json

Points are generated as they are read, so the data set is never in memory. Small networks; m = 64, L = 16.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from benchmarks import command, memory

COUNTS = (10_000, 100_000, 1_000_000)
BATCH, INDUCING, LATENTS, PIXELS = 1_000, 64, 16, 8


def stream(count: int) -> tf.data.Dataset:
    """Batches of places (b, 2) and observations (b, PIXELS), the same in each pass."""

    def batch(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seed = tf.stack([number, 0])
        places = tf.random.stateless_uniform((BATCH, 2), seed, 0.0, 10.0)
        noise = tf.random.stateless_normal((BATCH, PIXELS), seed + 1)
        return places, tf.sin(places[:, :1] + tf.range(float(PIXELS))) + 0.1 * noise

    return tf.data.Dataset.range(count // BATCH).map(batch)


def make_model(count: int) -> svgp.SVGPVAE:
    """A model whose encoder and decoder are one dense layer each."""
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
    """Seconds and MB of growth for reading the points without using them."""
    list(stream(3 * BATCH))
    return _measured(lambda: [None for _ in stream(count)])


def condition(count: int) -> dict[str, float]:
    """Seconds and MB of growth for conditioning a model on the points, after compilation."""
    model = make_model(count)
    model.condition(stream(3 * BATCH))  # compiles: chunks after the first are compiled
    return _measured(lambda: model.condition(stream(count)))


def _measured(call: Callable[[], Any]) -> dict[str, float]:
    start = time.perf_counter()
    growth = memory.growth(call)
    return {"seconds": time.perf_counter() - start, "growth_mb": growth}


def measure() -> Iterator[dict[str, Any]]:
    """Yield a report on all numbers of points."""
    rows = []
    for count in COUNTS:
        source, model = (memory.in_fresh_process(function, count) for function in (read, condition))
        rows.append({"points": count, "source": source, "conditioning": model})
        over = model["growth_mb"] - source["growth_mb"]
        print(f"{count:>9,} points: {model['seconds']:.1f} s, {over:.0f} MB more than the source alone", flush=True)
    yield {"rows": rows}


if __name__ == "__main__":
    command.main(measure, "results/conditioning.json")

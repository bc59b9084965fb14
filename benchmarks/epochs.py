"""Epochs of the three experiments: images per second, and the shares of data, networks, GP and the rest in a step.

    python -m benchmarks.epochs --output=results/epochs.json

For each experiment five candidates alternate in one process: whole training steps; the same on one batch that is kept,
so that the difference is the cost of reading; the networks alone on that batch, forward, backward and optimiser; the GP
alone, its posterior and regulariser and their gradients, on that batch's features and latents; and reading alone, which
overlaps with the other work of a training step. Rounds have several steps, so that a few batches that were read ahead
matter little. The rest is the objective, the metrics, and the clipping and optimiser of the GP's parameters. The same
model is then trained with Keras' `fit`, for as many steps as in the experiment or a tenth of an epoch, which gives the
time of an epoch. A second table varies Keras' ``steps_per_execution``.
"""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from benchmarks import command
from benchmarks.rounds import alternate, median_ratio, training_step
from benchmarks.time_per_image import noise
from data_generators import moving_ball as videos
from run_experiments.common import provenance
from run_experiments.moving_ball import experiment as moving_ball
from run_experiments.moving_ball.settings import Settings as BallSettings
from run_experiments.rotated_mnist import experiment as rotated_mnist
from run_experiments.rotated_mnist.settings import Settings as DigitSettings
from run_experiments.sprites import experiment as sprites
from run_experiments.sprites.model import build_model as sprites_model
from run_experiments.sprites.settings import Settings as SpriteSettings
from svgp_vae_tf.priors import LatentData

EXECUTIONS = (1, 4, 16)


class Experiment(NamedTuple):
    """A model with its batches, and the sizes of its epochs."""

    model: svgp.LatentModel
    stream: tf.data.Dataset
    """Endless batches (aux, observations)."""
    images: int
    """Images per epoch."""
    steps: int
    """Steps per epoch."""
    steps_per_round: int
    steps_per_fit: int
    """Steps of the calls of `fit` that are timed."""


def ball() -> Experiment:
    """Moving ball: videos are generated as they are read; an epoch has as many steps as in the experiment."""
    s = BallSettings()
    stream = videos.stream(s.batch_size, s.num_frames, s.data_length_scale, s.seed)
    images = s.steps_per_epoch * s.batch_size * s.num_frames
    steps = s.steps_per_epoch
    return Experiment(moving_ball.build_model(s), stream, images, steps, 16, steps // 10)


def digits() -> Experiment:
    """Rotated MNIST at the paper's size, N = 4050, b = 256, m = 32, L = 16; images are noise."""
    s, data = DigitSettings(), noise(1)
    model = rotated_mnist.build_model(s, data)
    size = len(data.train.images)
    steps = -(-size // s.batch_size)
    stream = rotated_mnist.batches(s, data.train, s.batch_size, 0)
    return Experiment(model, stream, size, steps, 16, s.evaluate_every * steps)


def characters(folder: str) -> Experiment:
    """Sprites at the paper's sizes, b = 500, m = 72, L = 64, with drawn characters."""
    s = SpriteSettings(characters=40, train_characters=30, poses_per_character=50, characters_per_batch=10)
    data = sprites.load_data(s, folder)
    return Experiment(sprites_model(s, data), sprites.batches(s, data, 10, 0), 50_000, 100, 4, 10)


def networks_alone(model: svgp.LatentModel, batch: tuple[Any, tf.Tensor]) -> Callable[[], None]:
    """A function that runs the networks on a batch: forward, backward, and an optimiser of the model's class."""
    aux, observations = batch
    representation = getattr(model.auxiliary, "network", None)
    networks = [n for n in (model.encoder, model.decoder, representation) if n is not None]
    variables = [weight for network in networks for weight in network.trainable_weights]
    optimizer = type(model.optimizer)(1e-6, global_clipnorm=1.0)
    optimizer.build(variables)
    flat = tf.reshape(observations, (-1, *observations.shape[model.batch_rank :]))

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            mean, scale = tf.split(_joined(model.encoder(flat, training=True)), 2, axis=-1)
            images = model.decoder(mean + scale, training=True)
            loss = tf.reduce_mean(tf.square(images - flat))
            if representation is not None:
                loss += tf.reduce_mean(representation(flat, training=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return lambda: step().numpy()


def gp_alone(model: svgp.LatentModel, batch: tuple[Any, tf.Tensor]) -> Callable[[], None]:
    """A function that computes the GP's part of a step on a batch: posterior, regulariser and their gradients."""
    aux, observations = batch
    features = model.features(aux)
    _, mean, variance = model.encode(observations, features=features)
    weights = model.prior.trainable_weights

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch([features, mean, variance])
            q = model.prior(LatentData(features, mean, variance))
            loss = tf.reduce_sum(tf.square(q.mean)) + tf.reduce_sum(q.variance) + tf.reduce_sum(q.kl)
        gradients = tape.gradient(loss, [features, mean, variance, *weights], unconnected_gradients="zero")
        return tf.add_n([tf.cast(tf.reduce_sum(gradient), loss.dtype) for gradient in gradients])

    return lambda: step().numpy()


def _joined(outputs: Any) -> tf.Tensor:
    return tf.concat(outputs, axis=-1) if isinstance(outputs, list | tuple) else outputs


def shares(experiment: Experiment, rounds: int) -> dict[str, float]:
    """Milliseconds per step of each candidate, and the share of each part in a whole step."""
    model, stream, idle = experiment.model, iter(experiment.stream), iter(experiment.stream)
    batch = next(stream)
    candidates = {
        "whole": training_step(model, stream),
        "held": training_step(model, itertools.repeat(batch)),
        "networks": networks_alone(model, batch),
        "gp": gp_alone(model, batch),
        "reading": lambda: next(idle) and None,
    }
    seconds = alternate(candidates, rounds, experiment.steps_per_round)
    ms = {name: 1e3 * float(np.median(values)) for name, values in seconds.items()}
    fraction = {name: np.array(seconds[name]) / np.array(seconds["whole"]) for name in ("held", "networks", "gp")}
    parts = {
        "networks": fraction["networks"],
        "gp": fraction["gp"],
        "reading": 1.0 - fraction["held"],
        "the_rest": fraction["held"] - fraction["networks"] - fraction["gp"],
    }
    return {
        **{f"{name}_ms": value for name, value in ms.items()},
        **{f"share_of_{name}": float(np.median(values)) for name, values in parts.items()},
    }


def within_fit(experiment: Experiment, rounds: int) -> dict[str, float]:
    """Milliseconds per step of `fit`, seconds per epoch of such steps, and images per second."""
    times = []
    for round_ in range(rounds + 1):
        clock, steps = _Seconds(), experiment.steps_per_fit if round_ else 2  # the first compiles
        experiment.model.fit(experiment.stream, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=[clock])
        times.append(1e3 * clock.seconds / steps)
    ms = float(np.median(times[1:]))
    return {
        "fit_ms": ms,
        "seconds_per_epoch": 1e-3 * ms * experiment.steps,
        "images_per_second": 1e3 * experiment.images / experiment.steps / ms,
    }


class _Seconds(keras.callbacks.Callback):
    """Measures the seconds of an epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds = time.perf_counter() - self._start


def executions(make: Callable[[], Experiment], rounds: int) -> list[dict[str, float]]:
    """Milliseconds per step within `fit` for several ``steps_per_execution``, relative to one."""
    experiments = {}
    for count in EXECUTIONS:
        experiments[count] = make()
        model = experiments[count].model
        model.compile(model.optimizer, objective=model.objective, steps_per_execution=count)
    times: dict[int, list[float]] = {count: [] for count in EXECUTIONS}
    for round_ in range(rounds + 1):
        for count, experiment in experiments.items():
            clock, steps = _Seconds(), max(EXECUTIONS)
            experiment.model.fit(experiment.stream, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=[clock])
            if round_:  # the first compiles
                times[count].append(1e3 * clock.seconds / steps)
    return [
        {
            "steps_per_execution": count,
            "median_ms": float(np.median(values)),
            "ratio_to_one": median_ratio(values, times[EXECUTIONS[0]]),
        }
        for count, values in times.items()
    ]


def measure(rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a report on all experiments."""
    provenance.make_repeatable()
    tf.get_logger().setLevel("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        makes = {"moving ball": ball, "rotated MNIST": digits, "sprites": lambda: characters(folder)}
        rows = [_row(name, make(), rounds if name != "sprites" else 3) for name, make in makes.items()]
    several = {name: executions(makes[name], rounds) for name in ("moving ball", "rotated MNIST")}
    for name, found in several.items():
        print(f"{name}: " + ", ".join(f"{row['steps_per_execution']}: {row['median_ms']:.1f} ms" for row in found))
    yield {"rows": rows, "steps_per_execution": several}


def _row(name: str, experiment: Experiment, rounds: int) -> dict[str, Any]:
    """Measure an experiment, and print the main figures."""
    row = {"experiment": name, **shares(experiment, rounds), **within_fit(experiment, 3)}
    shown = ", ".join(f"{part} {row[f'share_of_{part}']:.0%}" for part in ("networks", "gp"))
    print(f"{name}: {row['whole_ms']:.1f} ms per step, {row['fit_ms']:.1f} in fit, "
          f"{row['seconds_per_epoch']:.2f} s per epoch, {shown}", flush=True)  # fmt: skip
    return row


if __name__ == "__main__":
    command.main(measure, "results/epochs.json", rounds=command.Count(7, "Rounds that count; sprites have three."))

r"""Rotated MNIST: generate digits at an angle never seen (paper, section 4.2).

    python -m run_experiments.rotated_mnist --model=svgpvae --output_dir=runs/rotated_mnist

Each image has an object id and an angle. The GP's kernel is periodic in the angle times linear in a vector that is
learned for each object (GP-LVM). Test images show known objects at the held-out angle; they are generated from object
and angle alone.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from data_generators import rotated_mnist as data
from run_experiments.common import distributed as distribute
from run_experiments.common import figures, projector, run_folder
from run_experiments.common import schedule as batch_phases
from run_experiments.rotated_mnist.model import build_model, plan
from run_experiments.rotated_mnist.settings import Settings
from svgp_vae_tf import callbacks, features

MSE_DEFINITION = "mean squared error per pixel on the test images, which are not clipped to [0, 1]"
SAMPLE_SEED = 20_201_026


NEEDED = ("mse", "seconds_per_epoch", "eval_mse", "test_mse_mean", "test_mse_sampled")
"""What the report takes from each row of the history."""


def load_data(settings: Settings) -> data.RotatedMNIST:
    """The data of a run: a prepared file, or digits rotated here."""
    if settings.data is not None:
        return _lean(data.load(settings.data), settings.num_scores)
    images, labels = data.load_digits(settings.mnist_path)
    return data.rotated(
        images,
        labels,
        digits=[int(digit) for digit in settings.digits],
        images_per_digit=settings.images_per_digit,
        num_scores=settings.num_scores,
        seed=settings.data_seed,
        eval_shuffle=settings.eval_shuffle,
        dtype=np.float32,
    )


def _lean(digits: data.RotatedMNIST, num_scores: int) -> data.RotatedMNIST:
    """The same data in single precision, with the first principal component scores only."""
    held = digits.pca.shape[1]
    if num_scores > held:
        raise ValueError(f"the file of --data holds {held} scores of an object, not --num_scores={num_scores}")
    train, evaluation, test = (
        data.Split(split.images.astype(np.float32), split.aux[:, : 2 + num_scores])
        for split in (digits.train, digits.eval, digits.test)
    )
    return data.RotatedMNIST(train, evaluation, test, digits.pca[:, :num_scores], digits.held_out_angle)


def aux_of(split: data.Split) -> np.ndarray:
    """What models are told of images: object id and angle, (n, 2), float32."""
    return split.aux[:, :2].astype(np.float32)


def images_of(split: data.Split) -> np.ndarray:
    """Images for the networks, (n, 28, 28, 1), float32."""
    return split.images.astype(np.float32, copy=False)


def batches(settings: Settings, split: data.Split, batch_size: int, start_epoch: int) -> tf.data.Dataset:
    """Endless shuffled batches (aux, images); the order of an epoch depends on seed and epoch alone."""
    aux, images = aux_of(split), images_of(split)

    def epoch(index: tf.Tensor) -> tf.data.Dataset:
        seed = tf.stack([tf.cast(settings.seed, tf.int64), index])
        order = tf.random.experimental.stateless_shuffle(tf.range(len(split.images)), seed=seed)
        starts = tf.data.Dataset.range(0, len(split.images), batch_size)
        return starts.map(lambda start: order[start : start + batch_size])  # not one by one: it would cost milliseconds

    def take(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # by NumPy, because TensorFlow would hold two copies of all images
        taken = tf.numpy_function(lambda of: (aux[of], images[of]), [rows], [tf.float32, tf.float32], stateful=False)
        return tf.ensure_shape(taken[0], (None, *aux.shape[1:])), tf.ensure_shape(taken[1], (None, *images.shape[1:]))

    options = tf.data.Options()
    options.autotune.enabled = False  # there is nothing to tune, and its thread holds up the end of `fit`
    stream = tf.data.Dataset.counter(start=start_epoch).flat_map(epoch)
    stream = stream.map(take, num_parallel_calls=1)
    return stream.prefetch(2).with_options(options)


def generate(model: svgp.LatentModel, digits: data.RotatedMNIST) -> tuple[np.ndarray, np.ndarray]:
    """Test images from object and angle alone: at the posterior mean, and of one sample of the latents."""
    model.condition(aux_of(digits.train), images_of(digits.train))
    aux = aux_of(digits.test)
    return model.predict(aux, verbose=0), model.sample(aux, joint=False, seed=SAMPLE_SEED)[0]


def evaluate(model: svgp.LatentModel, digits: data.RotatedMNIST) -> dict[str, float]:
    """Mean squared errors: of generated test images, and of reconstructed evaluation images."""
    mean, sampled = generate(model, digits)
    truth = digits.test.images
    reconstruction = model.evaluate(
        aux_of(digits.eval), images_of(digits.eval), batch_size=256, verbose=0, return_dict=True
    )
    return {
        "test_mse_mean": float(np.mean(np.square(mean - truth))),
        "test_mse_sampled": float(np.mean(np.square(sampled - truth))),
        "eval_mse": float(reconstruction["mse"]),
    }


def gp_numbers(model: svgp.LatentModel) -> dict[str, float]:
    """Kernel parameters by name, and the noise of a prior or a likelihood that learns it."""
    kernel = getattr(model.prior, "kernel", None)
    numbers = {} if kernel is None else {name: float(value) for name, value in kernel.parameters.items()}
    if isinstance(model, svgp.GPPVAE):
        numbers["prior_noise_variance"] = float(model.prior.noise_variance)
    if model.likelihood.trainable_weights:
        numbers["noise_stddev"] = float(model.likelihood.stddev)
    return numbers


def write_objects(model: svgp.LatentModel, digits: data.RotatedMNIST, folder: str) -> None:
    """The learned object vectors for TensorBoard's projector, each with a training image."""
    if not isinstance(model.auxiliary, features.GPLVM):
        return
    ids, first = np.unique(digits.train.aux[:, 0].astype(int), return_index=True)
    vectors = model.auxiliary.vectors.numpy()[ids]
    projector.write_projector(folder, "objects", vectors, {"object": ids.tolist()}, digits.train.images[first, ..., 0])


def digits_figure(model: svgp.LatentModel, digits: data.RotatedMNIST) -> Any:
    """Test images above what the model generates for them."""
    mean, _ = generate(model, digits)
    return figures.image_rows({"truth": digits.test.images[:10], "generated": mean[:10]})


def run(
    settings: Settings,
    output_dir: str,
    resume: bool = False,
    verbose: int | str = "auto",
    distribution: str = "none",
) -> dict[str, Any]:
    """Train, evaluate and leave a run folder behind. Returns the metrics.

    Raises:
        ValueError: for settings or data that cannot work.
        RunFolderError: if the folder cannot be used.
        WorkerLostError: when another worker dies.
    """
    settings.check()
    run_folder.make_repeatable()
    with distribute.team(distribution) as team:
        team.refuse_taken(output_dir, resume)
        digits = load_data(settings)
        with team.strategy.scope():
            model = build_model(settings, digits)
        if isinstance(model, svgp.GPPVAE):
            model.set_training_data(aux_of(digits.train), images_of(digits.train))
        folder = team.folder(output_dir, resume)
        digest = run_folder.digest(*sum(digits[:3], ()), digits.pca)
        folder.start(dataclasses.asdict(settings), data_digest=digest)
        if resume and os.path.exists(folder.checkpoint):
            folder.load_checkpoint(model)
            folder.check_history(callbacks.steps_done(model), NEEDED)
        team.check_start(callbacks.steps_done(model), dataclasses.asdict(settings) | {"digest": digest})
        _train(model, settings, folder, digits, team.verbose(verbose))
        return _report(model, settings, folder, digits)


def _train(
    model: svgp.LatentModel, settings: Settings, folder: run_folder.RunFolder, digits: data.RotatedMNIST, verbose: Any
) -> None:
    passes = settings.evaluate_every  # Keras' epoch is that many passes through the data

    def pictures(trained: svgp.LatentModel) -> Mapping[str, Any]:
        return {"digits": digits_figure(trained, digits)}

    batch_phases.fit(
        model,
        plan(settings, digits),
        lambda batch_size, first: batches(settings, digits.train, batch_size, first),
        [
            batch_phases.Pace(len(digits.train.images), passes),
            callbacks.Evaluation(lambda trained: evaluate(trained, digits)),
            callbacks.HistoryFile(folder.history, gp_numbers),
            callbacks.TensorBoardMonitor(folder.tensorboard, pictures, every=5, extra=gp_numbers),
            callbacks.Checkpoint(folder.checkpoint),
        ],
        passes,
        verbose,
    )


def _report(
    model: svgp.LatentModel, settings: Settings, folder: run_folder.RunFolder, digits: data.RotatedMNIST
) -> dict[str, Any]:
    history = callbacks.read_history(folder.history)
    final = evaluate(model, digits)
    figures.save(digits_figure(model, digits), folder.figure("digits"))
    names = ("mse", "kl", "test_mse_mean", "test_mse_sampled", "eval_mse", "log_multiplier")
    figures.save(figures.curves(history, names), folder.figure("curves"))
    best = min(history, key=lambda row: row["eval_mse"])
    metrics = {
        "epochs": batch_phases.epoch_at(callbacks.steps_done(model), plan(settings, digits)),
        **final,
        "train_mse": history[-1]["mse"],
        "best_by_eval_split": {k: best[k] for k in ("step", "eval_mse", "test_mse_mean", "test_mse_sampled")},
        "mse_definition": MSE_DEFINITION,
        "seconds_per_epoch": float(np.median([row["seconds_per_epoch"] for row in history])),
        "num_data": len(digits.train.images),
        "data_mb": 1e-6 * sum(array.nbytes for split in digits[:3] for array in split),
        "peak_memory_mb": run_folder.peak_memory_mb(),
        **gp_numbers(model),
    }
    write_objects(model, digits, folder.tensorboard)
    folder.save_model(model)
    return folder.write_metrics(metrics)


def said(metrics: dict[str, Any]) -> str:
    """The closing message of a run."""
    return (
        f"test MSE {metrics['test_mse_mean']:.4f} at the posterior mean, {metrics['test_mse_sampled']:.4f} with "
        f"sampled latents, after {metrics['epochs']} epochs ({MSE_DEFINITION})"
    )

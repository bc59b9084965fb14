r"""Rotated MNIST: generate digits at an angle never seen (paper, section 4.2).

    python -m run_experiments.rotated_mnist --model=svgpvae --output_dir=runs/rotated_mnist

Each image has an object id and an angle. The GP's kernel is periodic in the angle times linear in a vector that is
learned for each object (GP-LVM). Test images show known objects at the held-out angle; they are generated from object
and angle alone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import svgp_vae_tf as svgp
from data_generators.rotated_mnist import RotatedMNIST
from run_experiments.common import figures, projector, provenance
from run_experiments.common.run import Experiment, History, Training
from run_experiments.common.run import run as run_experiment
from run_experiments.common.run_folder import RunFolder
from run_experiments.rotated_mnist.data import auxiliary_data, batches, load_data, observations
from run_experiments.rotated_mnist.model import batch_sizes, build_model, gp_parameters
from run_experiments.rotated_mnist.settings import Settings
from svgp_vae_tf import callbacks, features

MSE_DEFINITION = "mean squared error per pixel on the test images, which are not clipped to [0, 1]"
SAMPLE_SEED = 20_201_026


def generate(model: svgp.LatentModel, digits: RotatedMNIST) -> tuple[np.ndarray, np.ndarray]:
    """Test images generated from object and angle alone, by a conditioned model.

    Returns:
        The images at the posterior mean, and those of one sample of the latents, (n, 28, 28, 1) each.
    """
    aux = auxiliary_data(digits.test)
    return model.predict(aux, verbose=0), model.sample(aux, joint=False, seed=SAMPLE_SEED)[0]


def condition(model: svgp.LatentModel, digits: RotatedMNIST) -> None:
    """Condition a model on the training images."""
    model.condition(auxiliary_data(digits.train), observations(digits.train))


def evaluate(model: svgp.LatentModel, digits: RotatedMNIST) -> dict[str, float]:
    """Mean squared errors of generated test images and of reconstructed evaluation images; conditions the model."""
    condition(model, digits)
    mean, sampled = generate(model, digits)
    truth = digits.test.images
    reconstruction = model.evaluate(
        auxiliary_data(digits.eval), observations(digits.eval), batch_size=256, verbose=0, return_dict=True
    )
    return {
        "test_mse_mean": float(np.mean(np.square(mean - truth))),
        "test_mse_sampled": float(np.mean(np.square(sampled - truth))),
        "eval_mse": float(reconstruction["mse"]),
    }


def digits_figure(model: svgp.LatentModel, digits: RotatedMNIST) -> Figure:
    """Test images above those that a conditioned model generates."""
    mean, _ = generate(model, digits)
    return figures.image_rows({"truth": digits.test.images[:10], "generated": mean[:10]})


def write_objects(model: svgp.LatentModel, digits: RotatedMNIST, folder: str) -> None:
    """Write the learned object vectors for TensorBoard's projector, each with a training image."""
    if not isinstance(model.auxiliary, features.GPLVM):
        return
    ids, first = np.unique(digits.train.aux[:, 0].astype(int), return_index=True)
    vectors = model.auxiliary.vectors.numpy()[ids]
    projector.write_projector(folder, "objects", vectors, {"object": ids.tolist()}, digits.train.images[first, ..., 0])


class RotatedDigits(Experiment[Settings, RotatedMNIST]):
    """The rotated-MNIST experiment."""

    repeatable = True
    history_columns = ("mse", "seconds_per_epoch", "eval_mse", "test_mse_mean", "test_mse_sampled")

    def load_data(self, settings: Settings, folder: RunFolder) -> RotatedMNIST:
        """Rotated digits, from a file or rotated here."""
        return load_data(settings)

    def build_model(self, settings: Settings, data: RotatedMNIST, pretrained: Any) -> svgp.LatentModel:
        """The compiled model."""
        return build_model(settings, data)

    def set_training_data(self, model: svgp.LatentModel, data: RotatedMNIST) -> None:
        """Store the training data in a GPPVAE."""
        if isinstance(model, svgp.GPPVAE):
            model.set_training_data(auxiliary_data(data.train), observations(data.train))

    def data_digest(self, data: RotatedMNIST) -> str:
        """A digest of all splits and scores."""
        return provenance.digest(*data.train, *data.eval, *data.test, data.pca)

    def training(self, settings: Settings, data: RotatedMNIST) -> Training:
        """Growing batches; a Keras epoch is as many passes through the data as lie between evaluations."""
        return Training(batch_sizes(settings, data), passes=settings.evaluate_every, num_images=len(data.train.images))

    def batches(self, settings: Settings, data: RotatedMNIST, batch_size: int, first_epoch: int) -> tf.data.Dataset:
        """Shuffled training images."""
        return batches(settings, data.train, batch_size, first_epoch)

    def evaluate(self, model: svgp.LatentModel, settings: Settings, data: RotatedMNIST) -> dict[str, float]:
        """Errors of generated and reconstructed images."""
        return evaluate(model, data)

    def parameters(self, model: svgp.LatentModel) -> dict[str, float]:
        """Kernel parameters and learned noise."""
        return gp_parameters(model)

    def pictures(self, model: svgp.LatentModel, settings: Settings, data: RotatedMNIST) -> Mapping[str, Figure]:
        """Generated test images."""
        return {"digits": digits_figure(model, data)}

    def condition(self, model: svgp.LatentModel, data: RotatedMNIST) -> None:
        """Condition on the training images."""
        condition(model, data)

    def write_figures(
        self, model: svgp.LatentModel, settings: Settings, data: RotatedMNIST, history: History, folder: RunFolder
    ) -> None:
        """Training curves, and the object vectors for TensorBoard's projector."""
        names = ("mse", "kl", "test_mse_mean", "test_mse_sampled", "eval_mse", "log_multiplier")
        figures.save(figures.curves(history, names), folder.figure("curves"))
        write_objects(model, data, folder.tensorboard)

    def metrics(
        self, model: svgp.LatentModel, settings: Settings, data: RotatedMNIST, history: History
    ) -> dict[str, Any]:
        """Final errors and those of the epoch that is best on the evaluation split, cost, and parameters."""
        best = min(history, key=lambda row: row["eval_mse"])
        return {
            "epochs": batch_sizes(settings, data).epoch_at(callbacks.steps_done(model)),
            **evaluate(model, data),
            "train_mse": history[-1]["mse"],
            "best_by_eval_split": {k: best[k] for k in ("step", "eval_mse", "test_mse_mean", "test_mse_sampled")},
            "mse_definition": MSE_DEFINITION,
            "seconds_per_epoch": float(np.median([row["seconds_per_epoch"] for row in history])),
            "num_data": len(data.train.images),
            "data_mb": 1e-6 * sum(array.nbytes for split in (data.train, data.eval, data.test) for array in split),
            "peak_memory_mb": provenance.peak_memory_mb(),
            **gp_parameters(model),
        }


def run(
    settings: Settings,
    output_dir: str,
    resume: bool = False,
    verbose: int | str = "auto",
    distribution: str = "none",
) -> dict[str, Any]:
    """Train, evaluate and write a run folder; see `run_experiments.common.run.run`."""
    return run_experiment(RotatedDigits(), settings, output_dir, resume, verbose, distribution)


def summary(metrics: dict[str, Any]) -> str:
    """The closing message of a run."""
    return (
        f"test MSE {metrics['test_mse_mean']:.4f} at the posterior mean, {metrics['test_mse_sampled']:.4f} with "
        f"sampled latents, after {metrics['epochs']} epochs ({MSE_DEFINITION})"
    )

r"""Sprites: draw characters never seen, in poses of one's choice (paper, section 4.3).

    python -m run_experiments.sprites --output_dir=runs/sprites

The pose of a frame is known by its number and has a vector that is learned (GP-LVM); the character is known only by
its frames, which a representation network turns into a style vector. Without other data the experiment draws its own
characters; `--sheets` takes LPC sprite sheets, `--data` shards written by data_generators.sprites.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import svgp_vae_tf as svgp
from data_generators.sprites import dataset
from data_generators.sprites.dataset import SpriteSet
from run_experiments.common import figures, provenance
from run_experiments.common.run import Experiment, History, Training
from run_experiments.common.run import run as run_experiment
from run_experiments.common.run_folder import RunFolder
from run_experiments.sprites import generation
from run_experiments.sprites.data import batches, load_data
from run_experiments.sprites.model import batch_sizes, build_model, pretrained_weights, summarise_frames
from run_experiments.sprites.settings import Settings

SAMPLE_SEED = 20_201_026
CHUNK = 500
"""Frames in a chunk of training data for `condition`; smaller chunks under-use the CPU."""


def unseen(settings: Settings, sprites: SpriteSet) -> Iterator[generation.Unseen]:
    """The unseen characters, with their context."""
    return generation.unseen(sprites, settings.num_context, settings.context, settings.seed)


def condition(model: svgp.SVGPVAE, sprites: SpriteSet) -> None:
    """Condition a model on all training frames, in chunks of whole characters."""
    characters = max(1, CHUNK * len(sprites.ids["train"]) // sprites.num_frames("train"))
    model.condition(dataset.batches(sprites, "train", characters))


def evaluate(model: svgp.SVGPVAE, settings: Settings, sprites: SpriteSet) -> dict[str, float]:
    """Errors of generated frames of unseen characters; conditions the model."""
    condition(model, sprites)
    errors = generation.generation_errors(model, unseen(settings, sprites), SAMPLE_SEED)
    return {
        "test_mse_mean": errors.mse_mean,
        "test_mse_sampled": errors.mse_sampled,
        "smallest_variance": errors.smallest_variance,
        "smallest_unexplained": errors.smallest_unexplained,
    }


def characters_figure(model: svgp.SVGPVAE, settings: Settings, sprites: SpriteSet) -> Figure:
    """Frames of unseen characters above those that a conditioned model generates."""
    return figures.image_rows(generation.rows_of_characters(model, next(unseen(settings, sprites))))


class Sprites(Experiment[Settings, SpriteSet]):
    """The sprites experiment."""

    repeatable = True
    history_columns = ("epoch", "mse", "seconds_per_epoch")

    def load_data(self, settings: Settings, folder: RunFolder) -> SpriteSet:
        """The characters; those drawn or composed here are written into the run folder."""
        sprites = load_data(settings, folder.path)
        with self.translate_data_errors(sprites):
            next(unseen(settings, sprites))  # a num_context that cannot work is refused before training
        return sprites

    @contextlib.contextmanager
    def translate_data_errors(self, data: SpriteSet) -> Iterator[None]:
        """Records that cannot be read raise the SpriteError that names their file."""
        try:
            yield
        except tf.errors.OpError:
            dataset.verify(data.folder)
            raise

    def pretrain(self, settings: Settings, data: SpriteSet) -> list[np.ndarray] | None:
        """Weights of the representation network."""
        return pretrained_weights(settings, data)

    def build_model(self, settings: Settings, data: SpriteSet, pretrained: Any) -> svgp.LatentModel:
        """The compiled model."""
        return build_model(settings, data, pretrained)

    def data_digest(self, data: SpriteSet) -> str:
        """A digest of all frames."""
        return data.digest()

    def training(self, settings: Settings, data: SpriteSet) -> Training:
        """Batches of more and more characters."""
        every = settings.evaluate_every
        num_images = data.num_frames("train")
        return Training(batch_sizes(settings, data), evaluate_every=every, pictures_every=every, num_images=num_images)

    def batches(self, settings: Settings, data: SpriteSet, batch_size: int, first_epoch: int) -> tf.data.Dataset:
        """Shuffled training characters; the batch size counts characters."""
        return batches(settings, data, batch_size, first_epoch)

    def evaluate(self, model: svgp.LatentModel, settings: Settings, data: SpriteSet) -> dict[str, float]:
        """Errors on unseen characters."""
        return evaluate(model, settings, data)

    def pictures(self, model: svgp.LatentModel, settings: Settings, data: SpriteSet) -> Mapping[str, Figure]:
        """Generated frames of unseen characters."""
        return {"unseen_characters": characters_figure(model, settings, data)}

    def condition(self, model: svgp.LatentModel, data: SpriteSet) -> None:
        """Condition on all training frames."""
        condition(model, data)

    def write_figures(
        self, model: svgp.LatentModel, settings: Settings, data: SpriteSet, history: History, folder: RunFolder
    ) -> None:
        """Training curves."""
        names = ("mse", "kl", "test_mse_mean", "test_mse_sampled", "log_multiplier")
        figures.save(figures.curves(history, names), folder.figure("curves"))

    def metrics(self, model: svgp.LatentModel, settings: Settings, data: SpriteSet, history: History) -> dict[str, Any]:
        """Errors on unseen characters, of the model and of baselines, and cost."""
        errors = generation.generation_errors(model, unseen(settings, data), SAMPLE_SEED)
        mean_frames = summarise_frames(data, model.auxiliary.network).mean_frames
        return {
            "epochs": history[-1]["epoch"],
            "test_mse_mean": errors.mse_mean,
            "test_mse_sampled": errors.mse_sampled,
            "test_mse_mean_without_repeats": errors.mse_without_repeats,
            "share_of_repeats": errors.share_of_repeats,
            "test_mse_mean_context_in_the_posterior": _mse_with_context_in_the_posterior(model, settings, data),
            **{f"baseline_{k}": v for k, v in generation.baselines(unseen(settings, data), mean_frames).items()},
            "test_mse_by_pose": errors.mse_by_pose.tolist(),
            **{
                name: min([getattr(errors, name), *(row[name] for row in history if name in row)])
                for name in ("smallest_variance", "smallest_unexplained")
            },
            "train_mse": history[-1]["mse"],
            "mse_definition": generation.MSE_DEFINITION,
            "seconds_per_epoch": float(np.median([row["seconds_per_epoch"] for row in history])),
            "num_data": data.num_frames("train"),
            "data_mb": 1e-6 * data.num_frames("train") * np.prod(dataset.SHAPE),
            # of the process until its last epoch, with the evaluations between epochs; and until its end
            "training_peak_memory_mb": max(row.get("peak_memory_mb", np.nan) for row in history),
            "peak_memory_mb": max([provenance.peak_memory_mb(), *(r.get("peak_memory_mb", 0.0) for r in history)]),
        }


def _mse_with_context_in_the_posterior(model: svgp.SVGPVAE, settings: Settings, sprites: SpriteSet) -> float:
    """The error at the posterior mean when the context frames are added to the model's posterior."""
    for some in unseen(settings, sprites):
        model.update(generation.context_aux(model, some), some.context_images)
    return generation.generation_errors(model, unseen(settings, sprites), SAMPLE_SEED).mse_mean


def run(
    settings: Settings,
    output_dir: str,
    resume: bool = False,
    verbose: int | str = "auto",
    distribution: str = "none",
) -> dict[str, Any]:
    """Train, evaluate and write a run folder; see `run_experiments.common.run.run`."""
    return run_experiment(Sprites(), settings, output_dir, resume, verbose, distribution)


def summary(metrics: dict[str, Any]) -> str:
    """The closing message of a run."""
    repeated = metrics["share_of_repeats"]
    also = f"; {100 * repeated:.0f} % of the frames equal a context frame" if repeated else ""
    return (
        f"test MSE {metrics['test_mse_mean']:.4f} at the posterior mean, {metrics['test_mse_sampled']:.4f} with "
        f"sampled latents, after {metrics['epochs']:.0f} epochs ({generation.MSE_DEFINITION}{also})"
    )

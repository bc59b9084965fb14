r"""Sprites: draw characters never seen, in poses of one's choice (paper, section 4.3).

    python -m run_experiments.sprites --output_dir=runs/sprites

The pose of a frame is known by its number and has a vector that is learned (GP-LVM); the character is known by its
frames alone, which a representation network turns into a style vector. Without data of your own the experiment draws
its characters itself; `--sheets` takes LPC sprite sheets, `--data` shards of data_generators.sprites.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from data_generators.sprites import dataset as data
from run_experiments.common import distributed as distribute
from run_experiments.common import figures, run_folder
from run_experiments.common import schedule as batch_phases
from run_experiments.sprites import generation
from run_experiments.sprites.model import build_model, look_at, plan, pretrained_weights
from run_experiments.sprites.settings import Settings
from svgp_vae_tf import callbacks

SAMPLE_SEED = 20_201_026
CHUNK = 500
"""Frames at a time when the posterior is given all of them; less than these leave the processor waiting."""


def load_data(settings: Settings, output_dir: str) -> data.SpriteSet:
    """The data of a run: prepared shards, or shards made here from sheets or drawings, in the run's folder."""
    if settings.data is not None:
        return data.open_set(settings.data)
    folder = os.path.join(output_dir, "data")
    frames, source = data.source(settings.sheets)
    known, others = data.split(
        num_train=settings.train_characters, num_test=settings.characters - settings.train_characters
    )
    made: dict[str, Any] = {
        "source": source,
        "seed": settings.data_seed,
        "poses_per_character": settings.poses_per_character,
    }
    with contextlib.suppress(data.SpriteError):  # of a start that failed, or damaged since
        found = data.open_set(folder)
        ids = {"train": tuple(known.tolist()), "test": tuple(others.tolist())}
        if found.ids == ids and all(found.about[key] == value for key, value in made.items()):
            return found
    return data.write(frames, folder, train_characters=known, test_characters=others, overwrite=True, **made)


def batches(settings: Settings, sprites: data.SpriteSet, characters: int, start_epoch: int) -> tf.data.Dataset:
    """Endless batches of whole characters; the order of an epoch depends on seed and epoch alone."""
    return data.batches(sprites, "train", characters, seed=settings.seed, start_epoch=start_epoch, repeat=True)


def unseen(settings: Settings, sprites: data.SpriteSet) -> Iterator[generation.Unseen]:
    """The unseen characters, with their context."""
    return generation.unseen(sprites, settings.num_context, settings.context, settings.seed)


def condition(model: svgp.SVGPVAE, sprites: data.SpriteSet) -> None:
    """Give the posterior all training frames, some hundred at a time, of whole characters."""
    some = max(1, CHUNK * len(sprites.ids["train"]) // sprites.num_frames("train"))
    model.condition(data.batches(sprites, "train", some))


def evaluate(model: svgp.SVGPVAE, settings: Settings, sprites: data.SpriteSet) -> dict[str, float]:
    """Errors of generated frames of unseen characters; conditions the model."""
    condition(model, sprites)
    errors = generation.generation_errors(model, unseen(settings, sprites), SAMPLE_SEED)
    return {
        "test_mse_mean": errors.mse_mean,
        "test_mse_sampled": errors.mse_sampled,
        "smallest_variance": errors.smallest_variance,
        "smallest_unexplained": errors.smallest_unexplained,
    }


def characters_figure(model: svgp.SVGPVAE, settings: Settings, sprites: data.SpriteSet) -> Any:
    """Frames of unseen characters above what a conditioned model generates."""
    return figures.image_rows(generation.rows_of_characters(model, next(unseen(settings, sprites))))


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
        folder = team.folder(output_dir, resume)
        sprites = load_data(settings, folder.path)
        with _damage_named(sprites):
            return _run(settings, folder, sprites, resume, team, verbose)


def _run(
    settings: Settings,
    folder: run_folder.RunFolder,
    sprites: data.SpriteSet,
    resume: bool,
    team: distribute.Team,
    verbose: int | str,
) -> dict[str, Any]:
    next(unseen(settings, sprites))  # settings that cannot work are told before training
    going_on = resume and os.path.exists(folder.checkpoint)
    pretrained = None if going_on else pretrained_weights(settings, sprites)
    with team.strategy.scope():
        model = build_model(settings, sprites, pretrained)
    folder.start(dataclasses.asdict(settings), data_digest=sprites.digest())
    if going_on:
        folder.load_checkpoint(model)
        folder.check_history(callbacks.steps_done(model), ("epoch", "mse", "seconds_per_epoch"))
    team.check_start(callbacks.steps_done(model), dataclasses.asdict(settings) | {"digest": sprites.digest()})
    _train(model, settings, folder, sprites, team.verbose(verbose))
    return _report(model, settings, folder, sprites)


@contextlib.contextmanager
def _damage_named(sprites: data.SpriteSet) -> Iterator[None]:
    """Records that cannot be read raise the SpriteError that names their file."""
    try:
        yield
    except tf.errors.OpError:
        data.verify(sprites.folder)
        raise


def _train(
    model: svgp.SVGPVAE, settings: Settings, folder: run_folder.RunFolder, sprites: data.SpriteSet, verbose: Any
) -> None:
    def pictures(trained: svgp.SVGPVAE) -> Mapping[str, Any]:
        return {"unseen_characters": characters_figure(trained, settings, sprites)}

    every = settings.evaluate_every
    batch_phases.fit(
        model,
        plan(settings, sprites),
        lambda characters, first: batches(settings, sprites, characters, first),
        [
            batch_phases.Pace(sprites.num_frames("train")),
            callbacks.Evaluation(lambda trained: evaluate(trained, settings, sprites), every),
            callbacks.HistoryFile(folder.history),
            callbacks.TensorBoardMonitor(folder.tensorboard, pictures, every),
            callbacks.Checkpoint(folder.checkpoint),
        ],
        verbose=verbose,
    )


def _report(
    model: svgp.SVGPVAE, settings: Settings, folder: run_folder.RunFolder, sprites: data.SpriteSet
) -> dict[str, Any]:
    history = callbacks.read_history(folder.history)
    condition(model, sprites)
    errors = generation.generation_errors(model, unseen(settings, sprites), SAMPLE_SEED)
    figures.save(characters_figure(model, settings, sprites), folder.figure("unseen_characters"))
    names = ("mse", "kl", "test_mse_mean", "test_mse_sampled", "log_multiplier")
    figures.save(figures.curves(history, names), folder.figure("curves"))
    folder.save_model(model)
    mean_frames = look_at(sprites, model.auxiliary.network).mean_frames
    metrics = {
        "epochs": history[-1]["epoch"],
        "test_mse_mean": errors.mse_mean,
        "test_mse_sampled": errors.mse_sampled,
        "test_mse_mean_without_repeats": errors.mse_without_repeats,
        "share_of_repeats": errors.share_of_repeats,
        "test_mse_mean_context_in_the_posterior": _with_context(model, settings, sprites),
        **{f"baseline_{k}": v for k, v in generation.baselines(unseen(settings, sprites), mean_frames).items()},
        "test_mse_by_pose": errors.mse_by_pose.tolist(),
        **{
            name: min([getattr(errors, name), *(row[name] for row in history if name in row)])
            for name in ("smallest_variance", "smallest_unexplained")
        },
        "train_mse": history[-1]["mse"],
        "mse_definition": generation.MSE_DEFINITION,
        "seconds_per_epoch": float(np.median([row["seconds_per_epoch"] for row in history])),
        "num_data": sprites.num_frames("train"),
        "data_mb": 1e-6 * sprites.num_frames("train") * np.prod(data.SHAPE),
        # of the process up to its last epoch, evaluations between epochs among it; and to its end
        "training_peak_memory_mb": max(row.get("peak_memory_mb", np.nan) for row in history),
        "peak_memory_mb": max([run_folder.peak_memory_mb(), *(r.get("peak_memory_mb", 0.0) for r in history)]),
    }
    return folder.write_metrics(metrics)


def _with_context(model: svgp.SVGPVAE, settings: Settings, sprites: data.SpriteSet) -> float:
    """The error at the posterior mean when the context frames join the GP's data."""
    for some in unseen(settings, sprites):
        model.update(generation.shown_to(model, some), some.context_images)
    return generation.generation_errors(model, unseen(settings, sprites), SAMPLE_SEED).mse_mean


def said(metrics: dict[str, Any]) -> str:
    """The closing message of a run."""
    repeated = metrics["share_of_repeats"]
    also = f"; {100 * repeated:.0f} % of the frames equal a context frame" if repeated else ""
    return (
        f"test MSE {metrics['test_mse_mean']:.4f} at the posterior mean, {metrics['test_mse_sampled']:.4f} with "
        f"sampled latents, after {metrics['epochs']:.0f} epochs ({generation.MSE_DEFINITION}{also})"
    )

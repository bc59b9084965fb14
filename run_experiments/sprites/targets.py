"""Runs on sprites: Figure 8 of the paper, and choices of the model compared in short runs."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import svgp_vae_tf as svgp
from run_experiments.common import figures, run_folder
from run_experiments.sprites import experiment as sprites
from run_experiments.sprites import generation as sprites_generation
from run_experiments.sprites.settings import Settings
from svgp_vae_tf import callbacks

SMOKE: dict[str, Any] = {
    "epochs": 2, "evaluate_every": 1, "characters": 6, "train_characters": 4, "poses_per_character": 24,
}  # fmt: skip
MEASURES = (
    "epochs", "num_data", "test_mse_sampled", "test_mse_mean", "test_mse_mean_without_repeats", "share_of_repeats",
    "test_mse_mean_context_in_the_posterior",
    "baseline_mean_character", "baseline_nearest_context", "baseline_mean_character_without_repeats",
    "baseline_nearest_context_without_repeats", "smallest_variance", "smallest_unexplained", "seconds_per_epoch",
    "training_peak_memory_mb", "peak_memory_mb", "data_mb", "session_minutes",
)  # fmt: skip
SHORT = Settings(characters=540, train_characters=500, epochs=4, evaluate_every=2, optimizer="adam", tolerance=0.0075)
CHOICES: dict[str, dict[str, Any]] = {
    "base": {},
    "pretrained": {"pretrain_epochs": 5, "pretrain_learning_rate": 3e-3},
    "squared_exponential": {"kernel": "squared_exponential"},
    "soap": {"optimizer": "soap"},
    "two_inducing_points_per_pose": {"inducing_per_pose": 2},
    "style_of_32": {"style_size": 32},
}
"""What differs from `SHORT`, one thing at a time."""
CONTEXTS = (("random", 1), ("random", 4), ("random", 16), ("random", 36), ("first", 36))
"""Which frames of a character are shown, and how many."""


def figure8_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> dict[str, Settings]:
    """The characters that the project draws itself, in a short run; at the paper's size those of ``data``, if given."""
    runs = {"sprites_drawn": Settings(seed=seeds[0])}
    if source.get("data") is not None:
        ten: dict[str, Any] = {"characters_per_batch": 10, "final_characters_per_batch": 10}
        runs["sprites_full"] = Settings(data=source["data"], **ten, epochs=20, evaluate_every=5, seed=seeds[0])
    return runs


def figure8(names: list[str], runs_dir: str) -> tuple[Any, dict[str, Any]]:
    """Frames of unseen characters above what a run generates, and the errors of all runs.

    The art of sprite sheets has licences of its own: where there are characters that the project draws, the picture
    shows these alone. Each run's own folder has its picture.
    """
    rows: dict[str, Any] = {}
    table, curves = {}, {}
    for name in names:
        folder = os.path.join(runs_dir, name)
        settings = _settings_of(folder)
        metrics = run_folder.read_json(os.path.join(folder, "metrics.json"))
        if settings.data is None or not rows:
            model = svgp.load_model(os.path.join(folder, "model.keras"))
            some = next(sprites.unseen(settings, sprites.load_data(settings, folder)))
            rows = sprites_generation.rows_of_characters(model, some)
        table[name] = {key: metrics.get(key) for key in MEASURES}
        curves[name] = _by_epoch(folder)
    return figures.image_rows(rows), {
        "table": table,
        "by_epoch": curves,
        "mse_definition": sprites_generation.MSE_DEFINITION,
    }


def _settings_of(folder: str) -> Settings:
    return Settings(**run_folder.EARLIER | run_folder.read_json(os.path.join(folder, "config.json"))["settings"])


def _by_epoch(folder: str) -> list[dict[str, float]]:
    """The errors of a run at each of its evaluations."""
    history = callbacks.read_history(os.path.join(folder, "history.csv"))
    names = ("epoch", "test_mse_sampled", "test_mse_mean")
    return [{key: row[key] for key in names} for row in history if "test_mse_mean" in row]


def choices_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> dict[str, Settings]:
    """Short runs on characters that the project draws, each with one other choice."""
    return {name: dataclasses.replace(SHORT, **choice, seed=seeds[0]) for name, choice in CHOICES.items()}


def choices(names: list[str], runs_dir: str) -> tuple[Any, dict[str, Any]]:
    """Errors on characters never seen, during training, and with other contexts."""
    curves = {name: _by_epoch(os.path.join(runs_dir, name)) for name in names}
    points = {name: [(row["epoch"], row["test_mse_sampled"]) for row in rows] for name, rows in curves.items()}
    lines = {name.replace("_", " "): [(x, y, f"{y:.4f}") for x, y in found] for name, found in points.items()}
    figure = figures.labelled_points(lines, "epoch", "MSE of unseen characters, sampled latents")
    contexts = _by_context(os.path.join(runs_dir, names[0]))
    return figure, {"by_epoch": curves, "by_context": contexts, "mse_definition": sprites_generation.MSE_DEFINITION}


def _by_context(folder: str) -> list[dict[str, Any]]:
    """Errors of a run's model when other frames of a character are shown."""
    settings = _settings_of(folder)
    model, characters = svgp.load_model(os.path.join(folder, "model.keras")), sprites.load_data(settings, folder)
    found = []
    for choice, count in CONTEXTS:
        changed = dataclasses.replace(settings, context=choice, num_context=count)
        blocks = sprites.unseen(changed, characters)
        errors = sprites_generation.generation_errors(model, blocks, sprites.SAMPLE_SEED)
        found.append({"context": choice, "frames": count, "test_mse_sampled": errors.mse_sampled,
                      "test_mse_mean": errors.mse_mean})  # fmt: skip
    return found


RUNS = {"figure8": figure8_runs, "sprites_choices": choices_runs}
DRAW = {"figure8": figure8, "sprites_choices": choices}
FOLDERS = {target: target for target in RUNS}

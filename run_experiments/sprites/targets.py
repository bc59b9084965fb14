"""Runs on sprites: Figure 8 of the paper, and choices of the model compared in short runs.

`run_experiments.reproduce` is the command that makes them.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import svgp_vae_tf as svgp
from run_experiments.common import figures
from run_experiments.common.target import Drawing, Target, read_history, read_metrics, read_settings
from run_experiments.sprites import experiment as sprites
from run_experiments.sprites import generation as sprites_generation
from run_experiments.sprites.settings import Settings

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
"""The settings that each run changes in `SHORT`."""
CONTEXTS = (("random", 1), ("random", 4), ("random", 16), ("random", 36), ("first", 36))
"""Which frames of a character are its context, and how many."""


def figure8_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> dict[str, Settings]:
    """A short run on characters drawn by the project and, if ``source`` has data, one of the paper's size on those."""
    runs = {"sprites_drawn": Settings(seed=seeds[0])}
    if source.get("data") is not None:
        ten: dict[str, Any] = {"characters_per_batch": 10, "final_characters_per_batch": 10}
        runs["sprites_full"] = Settings(data=source["data"], **ten, epochs=20, evaluate_every=5, seed=seeds[0])
    return runs


def figure8(names: list[str], runs_dir: str) -> Drawing:
    """Frames of unseen characters above the generated ones, and the errors of all runs.

    The art of sprite sheets has licences of its own, so the picture shows characters drawn by the project if a run has
    them. The folder of each run has a picture of its own characters.
    """
    rows: dict[str, Any] = {}
    table, curves = {}, {}
    for name in names:
        folder = os.path.join(runs_dir, name)
        settings = read_settings(Settings, name, runs_dir)
        metrics = read_metrics(name, runs_dir)
        if settings.data is None or not rows:
            model = svgp.load_model(os.path.join(folder, "model.keras"))
            some = next(sprites.unseen(settings, sprites.load_data(settings, folder)))
            rows = sprites_generation.rows_of_characters(model, some)
        table[name] = {key: metrics.get(key) for key in MEASURES}
        curves[name] = _by_epoch(name, runs_dir)
    return figures.image_rows(rows), {
        "table": table,
        "by_epoch": curves,
        "mse_definition": sprites_generation.MSE_DEFINITION,
    }


def _by_epoch(name: str, runs_dir: str) -> list[dict[str, float]]:
    """The errors of a run at each of its evaluations."""
    columns = ("epoch", "test_mse_sampled", "test_mse_mean")
    history = read_history(name, runs_dir)
    return [{column: row[column] for column in columns} for row in history if "test_mse_mean" in row]


def choices_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> dict[str, Settings]:
    """Short runs on characters drawn by the project, each with one setting changed."""
    return {name: dataclasses.replace(SHORT, **choice, seed=seeds[0]) for name, choice in CHOICES.items()}


def choices(names: list[str], runs_dir: str) -> Drawing:
    """Errors on characters never seen, during training and with other contexts."""
    curves = {name: _by_epoch(name, runs_dir) for name in names}
    points = {name: [(row["epoch"], row["test_mse_sampled"]) for row in rows] for name, rows in curves.items()}
    lines = {name.replace("_", " "): [(x, y, f"{y:.4f}") for x, y in found] for name, found in points.items()}
    figure = figures.labelled_points(lines, "epoch", "MSE of unseen characters, sampled latents")
    contexts = _by_context(names[0], runs_dir)
    return figure, {"by_epoch": curves, "by_context": contexts, "mse_definition": sprites_generation.MSE_DEFINITION}


def _by_context(name: str, runs_dir: str) -> list[dict[str, Any]]:
    """Errors of a run's model with other frames of each character as its context."""
    folder = os.path.join(runs_dir, name)
    settings = read_settings(Settings, name, runs_dir)
    model, characters = svgp.load_model(os.path.join(folder, "model.keras")), sprites.load_data(settings, folder)
    found = []
    for choice, count in CONTEXTS:
        changed = dataclasses.replace(settings, context=choice, num_context=count)
        blocks = sprites.unseen(changed, characters)
        errors = sprites_generation.generation_errors(model, blocks, sprites.SAMPLE_SEED)
        found.append({"context": choice, "frames": count, "test_mse_sampled": errors.mse_sampled,
                      "test_mse_mean": errors.mse_mean})  # fmt: skip
    return found


TARGETS = {
    "figure8": Target(figure8_runs, figure8, "figure8"),
    "sprites_choices": Target(choices_runs, choices, "sprites_choices"),
}

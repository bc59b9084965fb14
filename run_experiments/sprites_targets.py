"""Figure 8 of the paper: runs on sprites, and a drawing of what they make of characters never seen."""

import os
from collections.abc import Sequence
from typing import Any

import svgp_vae_tf as svgp
from run_experiments import run_folder, sprites, sprites_generation
from run_experiments.sprites_settings import Settings
from svgp_vae_tf.training import callbacks, figures

SMOKE: dict[str, Any] = {
    "epochs": 2, "evaluate_every": 1, "characters": 6, "train_characters": 4, "poses_per_character": 24,
}  # fmt: skip
MEASURES = (
    "epochs", "num_data", "test_mse_sampled", "test_mse_mean", "test_mse_mean_without_repeats", "share_of_repeats",
    "test_mse_mean_context_in_the_posterior",
    "baseline_mean_character", "baseline_nearest_context", "smallest_variance", "seconds_per_epoch", "peak_memory_mb",
    "data_mb",
)  # fmt: skip


def figure8_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> dict[str, Settings]:
    """The characters that the project draws itself, in a short run; at the paper's size those of ``data``, if given."""
    runs = {"sprites_drawn": Settings(seed=seeds[0])}
    if source.get("data") is not None:
        ten: dict[str, Any] = {"characters_per_batch": 10, "final_characters_per_batch": 10}
        runs["sprites_full"] = Settings(data=source["data"], **ten, epochs=50, evaluate_every=5, seed=seeds[0])
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
        settings = Settings(**run_folder.read_json(os.path.join(folder, "config.json"))["settings"])
        metrics = run_folder.read_json(os.path.join(folder, "metrics.json"))
        if settings.data is None or not rows:
            model = svgp.load_model(os.path.join(folder, "model.keras"))
            some = next(sprites.unseen(settings, sprites.load_data(settings, folder)))
            rows = sprites_generation.rows_of_characters(model, some)
        table[name] = {key: metrics[key] for key in MEASURES}
        history = callbacks.read_history(os.path.join(folder, "history.csv"))
        curves[name] = [
            {key: row[key] for key in ("epoch", "test_mse_sampled", "test_mse_mean")}
            for row in history
            if "test_mse_mean" in row
        ]
    return figures.image_rows(rows), {
        "table": table,
        "by_epoch": curves,
        "mse_definition": sprites_generation.MSE_DEFINITION,
    }


RUNS = {"figure8": figure8_runs}
DRAW = {"figure8": figure8}
FOLDERS = {"figure8": "figure8"}

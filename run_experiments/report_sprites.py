"""The README's tables of sprites."""

from typing import Any

import numpy as np

from data_generators.sprite_sheets import ACTIONS, DIRECTIONS
from run_experiments.markdown import read, table

TITLES = {"sprites_drawn": "drawn by the project", "sprites_full": "LPC sheets, full size"}
ERRORS = (
    "test_mse_sampled",
    "test_mse_mean",
    "test_mse_mean_without_repeats",
    "test_mse_mean_context_in_the_posterior",
    "baseline_nearest_context",
    "baseline_mean_character",
)


def unseen_characters(results_dir: str) -> str:
    """Errors on characters never seen, beside those of guesses without a model, and by pose."""
    report = read(results_dir, "figure8.json")
    if report is None:
        return ""
    rows, curves = [], []
    for name, row in report["table"].items():
        numbers = [f"{row['num_data']:,}", f"{row['epochs']:.0f}", *(f"{row[key]:.4f}" for key in ERRORS)]
        rest = [f"{row['smallest_variance']:.1e}", f"{row['peak_memory_mb']:,.0f}", f"{row['data_mb']:,.0f}"]
        rows.append([TITLES[name], *numbers, f"{row['seconds_per_epoch']:.0f}", *rest])
        points = ", ".join(f"{p['epoch']:.0f}: {p['test_mse_sampled']:.4f}" for p in report["by_epoch"][name])
        curves.append(f"{TITLES[name]} {points}")
    header = ["characters", "N", "epochs", "MSE, sampled latents", "posterior mean", "without repeats",
              "context in the posterior", "nearest context frame", "mean character", "s per epoch", "smallest variance",
              "peak memory (MB)", "data as bytes (MB)"]  # fmt: skip
    text = (
        f"MSE: {report['mse_definition']}. Without repeats: nor equal to a context frame, as poses of the LPC sheets "
        "repeat pictures. Seconds are of each run with the program and the load of its day (results/figure8.json names "
        "the commits); learning rates fall over the epochs of a run. The paper has 0.0079 ± 0.0009 after 50 epochs on "
        "the LPC sheets."
    )
    return (
        f"### Characters never seen (Figure 8)\n\n{text}\n\n{table(header, rows)}\n\nBy epoch, sampled latents: "
        f"{'; '.join(curves)}.\n\n![Characters never seen](results/figure8.png)\n\n{_by_pose(report)}"
    )


def sprites_choices(results_dir: str) -> str:
    """Choices of the model, each in a short run."""
    report = read(results_dir, "sprites_choices.json")
    if report is None:
        return ""
    rows = []
    for name, curve in report["by_epoch"].items():
        metrics = report["runs"][name]["metrics"]
        rest = [f"{metrics['test_mse_mean']:.4f}", f"{metrics['train_mse']:.4f}"]
        rows.append([name.replace("_", " "), *(f"{row['test_mse_sampled']:.4f}" for row in curve), *rest])
    first = next(iter(report["by_epoch"].values()))
    header = ["choice", *(f"after {row['epoch']:.0f} epochs" for row in first), "posterior mean", "training"]
    settings = next(iter(report["runs"].values()))["settings"]
    text = (
        f"One choice at a time, in short runs with one seed: {settings['train_characters']} characters with "
        f"{settings['poses_per_character']} frames each, {settings['epochs']} epochs. MSE on characters never seen, "
        "with sampled latents:"
    )
    return f"### Choices of the sprites model\n\n{text}\n\n{table(header, rows)}"


def _by_pose(report: dict[str, Any]) -> str:
    header = ["MSE at the posterior mean", *(f"{action} {side}" for action in ACTIONS for side in DIRECTIONS)]
    rows = []
    for name, run in report["runs"].items():
        by_pose = np.array(run["metrics"]["test_mse_by_pose"], float)  # null, of poses never asked for, becomes NaN
        poses = by_pose.reshape(len(ACTIONS) * len(DIRECTIONS), -1)
        asked = [errors[~np.isnan(errors)] for errors in poses]
        rows.append([TITLES[name], *(f"{errors.mean():.4f}" if len(errors) else "-" for errors in asked)])
    return f"By pose, means over eight frames:\n\n{table(header, rows)}"

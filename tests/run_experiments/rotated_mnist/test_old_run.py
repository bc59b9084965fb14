"""A run folder that version 0.1.0 wrote before its modules moved, stopped after two of four epochs, resumes."""

import json
import pathlib
import shutil

import pytest

from run_experiments.rotated_mnist import experiment
from run_experiments.rotated_mnist.settings import Settings

OLD = pathlib.Path(__file__).parents[2] / "reference" / "old"


def test_an_old_run_resumes_and_ends_as_it_would_have(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(OLD / "run", folder)
    saved = json.loads((folder / "config.json").read_text())["settings"]
    settings = Settings.of(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}
    )
    metrics = experiment.run(settings, str(folder), resume=True, verbose=0)
    expected = json.loads((OLD / "run_to_the_end.json").read_text())
    assert metrics["test_mse_sampled"] == pytest.approx(expected["test_mse_sampled"], rel=0.02)  # of other draws
    for name in ("epochs", "test_mse_mean", "eval_mse", "train_mse", "0.length_scale", "num_data"):
        assert metrics[name] == pytest.approx(expected[name], rel=1e-5), name
    assert len(json.loads((folder / "config.json").read_text())["sessions"]) == 2

"""Table 1: what has finished is averaged over seeds, and what has not is named."""

import json
import os

import numpy as np
import pytest

from run_experiments import run_folder, table1


def finished(folder: str, model: str, seed: int, mse: float) -> None:
    os.makedirs(folder)
    metrics = {"epochs": 5, "test_mse_sampled": mse, "test_mse_mean": mse, "seconds_per_epoch": 1.0}
    for name, content in (("config", {"settings": {"model": model, "seed": seed}}), ("metrics", metrics)):
        with open(os.path.join(folder, f"{name}.json"), "w") as file:
            json.dump(content, file)


def test_finished_runs_are_averaged_and_missing_ones_named(tmp_path):
    names = {f"cvae_seed{seed}": table1.settings_of("cvae", seed, None, 10) for seed in (0, 1, 2)}
    for seed, mse in ((0, 0.1), (2, 0.3)):
        finished(str(tmp_path / f"cvae_seed{seed}"), "cvae", seed, mse)
    report = table1.make(str(tmp_path), names, training=False)
    row = report["table"]["cvae"]
    assert row["seeds"] == [0, 2]
    assert row["test_mse_sampled"]["mean"] == pytest.approx(0.2)
    assert row["test_mse_sampled"]["std"] == pytest.approx(np.std([0.1, 0.3], ddof=1))
    assert report["missing"] == ["cvae_seed1"]


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(run_folder.RunFolderError, match="no run has finished"):
        table1.make(str(tmp_path), {"a": table1.settings_of("cvae", 0, None, 10)}, training=False)

"""Shares of an epoch: every part runs, and the parts add up to the whole."""

import pytest

from benchmarks import epochs, tables
from run_experiments.common import run_folder


@pytest.fixture(scope="module")
def experiment():
    return epochs.digits()._replace(steps_per_round=1, steps_per_fit=4)


def test_shares_add_up(experiment):
    row = epochs.shares(experiment, rounds=1)
    parts = sum(row[f"share_of_{name}"] for name in ("networks", "gp", "reading", "the_rest"))
    assert parts == pytest.approx(1.0)


def test_an_epoch_is_one_of_fit(experiment):
    row = epochs.within_fit(experiment, rounds=1)
    assert row["seconds_per_epoch"] == pytest.approx(1e-3 * row["fit_ms"] * 16)
    assert row["images_per_second"] == pytest.approx(4050 / row["seconds_per_epoch"])


def test_steps_per_execution_are_compared_within_fit(experiment, monkeypatch, tmp_path):
    monkeypatch.setattr(epochs, "EXECUTIONS", (1, 2))
    rows = epochs.executions(lambda: experiment, rounds=1)
    assert [row["steps_per_execution"] for row in rows] == [1, 2]
    assert rows[0]["ratio_to_one"] == 1.0
    whole = {"whole_ms": 1.0, "fit_ms": 1.5, "seconds_per_epoch": 2.0, "images_per_second": 3e3,
             "share_of_networks": 0.96, "share_of_gp": 0.02, "share_of_reading": 0.01, "share_of_the_rest": 0.01,
             "experiment": "digits"}  # fmt: skip
    report = {"rows": [whole], "steps_per_execution": {"digits": rows}, "made_by": {"commit": "abc", "processors": 2}}
    run_folder.write_json(str(tmp_path / "epochs.json"), report)
    text = tables.tables(str(tmp_path))
    assert "| digits | 1.5 | 2.00 | 3,000 | 1.0 | 96% | 2% | 1% | 1% |" in text
    assert "| digits | 2 |" in text

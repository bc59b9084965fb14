"""TensorFlow's settings: each kind is measured in separate processes."""

import pytest

from benchmarks import memory, settings, tables
from run_experiments.common import run_folder


def test_a_step_takes_time(monkeypatch):
    monkeypatch.setitem(settings.STEPS, "rotated MNIST", 1)
    assert settings.step_seconds("rotated MNIST") > 0.0


def test_processes_alternate_and_are_compared(monkeypatch, tmp_path):
    asked = []
    for kind, seconds in (("in_fresh_process", 0.3), ("with_onednn", 0.1)):
        measure = lambda function, name, kind=kind, seconds=seconds: asked.append(kind) or seconds  # noqa: E731
        monkeypatch.setattr(memory, kind, measure)
    row = settings.compare("sprites", 2)
    assert asked == ["in_fresh_process", "with_onednn"] * 2
    assert row["ratio"] == pytest.approx(3.0)
    report = {"rows": [row], "settings": {"experiments": {"A": "1"}}, "made_by": {"commit": "abc", "processors": 2}}
    run_folder.write_json(str(tmp_path / "settings.json"), report)
    text = tables.tables(str(tmp_path))
    assert "| sprites | 300 | 100 | 3.00 |" in text and "`A=1`" in text

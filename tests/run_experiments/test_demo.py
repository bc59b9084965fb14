"""The demo."""

import dataclasses
import os

from run_experiments import demo
from tests.helpers.small_runs import BALL


def test_the_demo_compares_three_models(tmp_path, monkeypatch):
    monkeypatch.setattr(
        demo, "demo_settings", lambda model, steps: dataclasses.replace(BALL, model=model, num_frames=30, steps=steps)
    )
    rmse = demo.demo(str(tmp_path / "demo"), steps=2)
    assert set(rmse) == {"svgpvae", "gpvae", "vae", "none"}
    assert os.path.getsize(tmp_path / "demo" / "comparison.png") > 1000

"""The tools that benchmarks share: rounds, exponents, memory, processes and tables. No test asserts a time."""

import os

import numpy as np
import pytest

from benchmarks import gp_forms, gp_scaling, memory, tables
from benchmarks.gp_step import FORMS, Size, make_problem, make_step
from benchmarks.rounds import alternate
from run_experiments.common import markdown, run_folder


def test_rounds_alternate_and_count_calls():
    calls = []
    times = alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2, {"a": 2, "b": 1})
    assert calls == ["a", "a", "b"] * 3
    assert {name: len(values) for name, values in times.items()} == {"a": 2, "b": 2}
    alternate({"c": lambda: calls.append("c")}, 2, 1, warm_up=False)
    assert calls.count("c") == 2


def test_exponents_are_slopes_in_logarithms():
    assert gp_scaling.exponent([1.0, 2.0, 8.0], [3.0, 12.0, 192.0]) == pytest.approx(2.0)


@pytest.mark.parametrize("form", FORMS)
def test_a_step_of_either_form_runs(form):
    make_step(make_problem(Size(8, 4, 2)), form)()


def test_growth_sees_what_a_call_holds():
    assert memory.growth(lambda: np.ones(8_000_000).sum()) == pytest.approx(61.0, abs=5.0)


def settings_of_tensorflow() -> list[str]:
    return [os.environ[name] for name in memory.PLAIN]


def test_processes_have_the_settings_that_are_asked_for_and_this_one_keeps_its_own():
    before = settings_of_tensorflow()
    assert memory.in_fresh_process(settings_of_tensorflow) == ["0", "0"]
    assert memory.with_onednn(settings_of_tensorflow) == ["1", "1"]
    assert settings_of_tensorflow() == before


def test_the_published_form_is_left_out_where_it_is_too_large():
    assert gp_forms.too_much(gp_forms.EXTRA) is None
    assert gp_forms.too_much(Size(1024, 256, 16)).endswith("GB")
    assert gp_forms.too_much(Size(1024, 256, 2)).endswith(" s")
    assert len(gp_forms.sizes()) == len(set(gp_forms.sizes())) == 46


def test_tables_come_from_the_results_that_are_there(tmp_path):
    assert tables.tables(str(tmp_path)) == ""
    size = {"batch": 64, "inducing": 16, "latents": 2, "num_data": 100}
    form = {"median_ms": 2.0, "min_ms": 1.0, "growth_mb": 3.0}
    skipped = {**size, "published_skipped": "7 GB", "ours": form}
    measured = {**size, "published_skipped": None, "ours": form, "published": form, "time_ratio": 31.0,
                "memory_ratio": 22.0}  # fmt: skip
    measured["time_ratio_with_onednn"] = 17.0
    made_by = {"commit": "abc", "processors": 2}
    run_folder.write_json(str(tmp_path / "gp_forms.json"), {"rows": [skipped, measured], "made_by": made_by})
    page = "before\n<!-- results -->\nold\n<!-- /results -->\nafter"
    text = markdown.fill(page, tables.tables(str(tmp_path)))
    assert text.startswith("before\n") and text.endswith("\nafter") and "old" not in text
    assert "| 64 | 16 | 2 | 2.0 | 7 GB |" in text
    assert "31" in text and "22" in text and "17 times at b = 64" in text

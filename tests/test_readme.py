"""The documents tell the truth: the README's example runs, numbers and tables are those of results/."""

import os
import re

import pytest

from benchmarks import tables
from run_experiments import report
from run_experiments.common import markdown

HERE = os.path.dirname(os.path.dirname(__file__))


RESULTS = os.path.join(HERE, "results")


def document(*path: str) -> str:
    with open(os.path.join(HERE, *path)) as file:
        return file.read()


def readme() -> str:
    return document("README.md")


def test_the_example_runs_and_the_model_is_clearly_better_than_interpolation(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for example in re.findall(r"```python\n(.*?)```", readme(), flags=re.DOTALL):
        exec(compile(example, "README.md", "exec"), names)
    assert names["filled"].shape == (50, 8, 6)
    assert names["rmse_model"] < 0.6 * names["rmse_interpolation"]
    (claimed,) = re.findall(r"It prints `(.+?)`", readme())
    printed = capsys.readouterr().out.strip()
    numbers = [[float(number) for number in re.findall(r"\d\.\d+", line)] for line in (claimed, printed)]
    assert numbers[0] == pytest.approx(numbers[1], abs=0.05)  # other processors round otherwise
    assert (tmp_path / "quickstart.png").exists()
    assert names["same"].predict(names["t"], verbose=0).shape == (50, 40, 6)


def test_the_tables_of_the_benchmarks_are_made_from_the_results():
    text = document("benchmarks", "README.md")
    assert markdown.fill(text, tables.tables(RESULTS)) == text


def test_the_tables_are_made_from_the_results():
    text = document("docs", "results.md")
    assert markdown.fill(text, report.tables(RESULTS)) == text


def test_the_headlines_are_made_from_the_results():
    text = readme()
    assert markdown.fill(text, report.headlines(RESULTS), "headlines") == text


def test_pages_that_the_results_link_to_exist():
    links = re.findall(r"\]\(([^)#]+)", document("docs", "results.md"))
    assert "../results/figure1.png" in links
    for link in links:
        assert os.path.exists(os.path.join(HERE, "docs", link)), link
    links = re.findall(r"\]\(([^)#]+)", report.headlines(RESULTS))
    assert links
    for link in links:
        assert os.path.exists(os.path.join(HERE, link)), link

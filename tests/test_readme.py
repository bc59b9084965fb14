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


def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", readme(), flags=re.DOTALL)
    names: dict = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["mean"].shape == (40, 5, 6)
    assert names["latents"].variance.shape == (40, 5, 2)
    assert names["draws"].shape == (3, 40, 5, 6)


def test_the_tables_of_the_benchmarks_are_made_from_the_results():
    text = document("benchmarks", "README.md")
    assert markdown.fill(text, tables.tables(RESULTS)) == text


def test_the_tables_are_made_from_the_results():
    text = document("docs", "results.md")
    assert markdown.fill(text, report.tables(RESULTS)) == text


def test_the_headlines_are_made_from_the_results():
    text = readme()
    if not markdown.has_markers(text, "headlines"):
        pytest.skip("README.md has no headlines")
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

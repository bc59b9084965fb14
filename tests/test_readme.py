"""The README tells the truth: its example runs, its tables are those of results/."""

import os
import re

from benchmarks import tables
from run_experiments import report
from run_experiments.common import markdown

HERE = os.path.dirname(os.path.dirname(__file__))


def readme() -> str:
    with open(os.path.join(HERE, "README.md")) as file:
        return file.read()


def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", readme(), flags=re.DOTALL)
    names: dict = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["mean"].shape == (40, 5, 6)
    assert names["latents"].variance.shape == (40, 5, 2)
    assert names["draws"].shape == (3, 40, 5, 6)


def test_the_tables_of_the_benchmarks_are_made_from_the_results():
    with open(os.path.join(HERE, "benchmarks", "README.md")) as file:
        text = file.read()
    assert markdown.fill(text, tables.tables(os.path.join(HERE, "results"))) == text


def test_the_tables_are_made_from_the_results():
    assert markdown.fill(readme(), report.tables(os.path.join(HERE, "results"))) == readme()

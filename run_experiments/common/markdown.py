"""Markdown tables made from results, and where they stand in a README."""

import os
from typing import Any

from run_experiments.common import run_folder

BEGIN, END = "<!-- results -->", "<!-- /results -->"


def read(results_dir: str, name: str) -> dict[str, Any] | None:
    """A results file, or None if it is not there."""
    path = os.path.join(results_dir, name)
    return run_folder.read_json(path) if os.path.exists(path) else None


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fill(readme: str, tables: str) -> str:
    """A README's text with these tables between its markers."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def missing(report: dict[str, Any]) -> str:
    """Sentences on the runs that a report was made without, or with other settings than now; empty without any."""
    absent, other = report.get("missing"), report.get("other_settings")
    text = f" Not run: {', '.join(absent)}." if absent else ""
    return f"{text} With settings that are not the present ones: {', '.join(other)}." if other else text

"""Markdown generated from results files: tables and sections as specifications, and their place in a document.

PATHS = Section(
    "figure2.json",
    "Paths (Figure 2)",
    ("RMSE in world units.", Table([Column("model", "name"), Column("RMSE", "metrics.rmse", ".4f")], runs)),
)
PATHS.render("results")  # a heading, the text and the table; "" if results/figure2.json does not exist
"""

import dataclasses
import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from run_experiments.common import run_folder
from svgp_vae_tf import files

Report = dict[str, Any]
"""The contents of a results file."""
Part = str | Callable[[Report], str]
"""A paragraph of a section: text, or a function that makes it from the results, such as a `Table`."""
ABSENT = "-"
"""Shown for a value that was not measured."""


class Column(NamedTuple):
    """A column of a table."""

    title: str
    value: str | Callable[[Any], Any]
    """The value that a row shows: a key, with dots between nested keys, or a function of the row."""
    form: str = ""
    """Format specification of the value, as `format` takes it."""

    def cell(self, row: Any) -> str:
        """The formatted value of a row, or a dash if the row does not have it."""
        value = self.value(row) if callable(self.value) else lookup(row, self.value)
        return ABSENT if value is None else format(value, self.form)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a results file. Call it with the contents of the file to get its Markdown."""

    columns: Sequence[Column] | Callable[[Report], Sequence[Column]]
    """The columns, or a function that makes them from the results."""
    rows: Callable[[Report], Iterable[Any]] = operator.itemgetter("rows")
    """Finds the rows in the results; by default the entry ``rows``."""

    def __call__(self, report: Report) -> str:
        """The table in Markdown."""
        columns = self.columns(report) if callable(self.columns) else self.columns
        cells = [[column.cell(row) for column in columns] for row in self.rows(report)]
        lines = [[column.title for column in columns], ["---"] * len(columns), *cells]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


class Section(NamedTuple):
    """A section of a document, made from one results file."""

    file: str
    """Name of the results file."""
    title: str
    parts: Sequence[Part]

    def body(self, results_dir: str) -> str:
        """The parts of the section alone; empty if there is no results file."""
        path = os.path.join(results_dir, self.file)
        if not os.path.exists(path):
            return ""
        report = run_folder.read_json(path)
        texts = (part(report) if callable(part) else part for part in self.parts)
        return "\n\n".join(text for text in texts if text)

    def render(self, results_dir: str) -> str:
        """The section with its heading; empty if there is no results file.

        Runs that the results lack, or that had other settings than now, are named at the end.
        """
        body = self._replace(parts=(*self.parts, unfinished)).body(results_dir)
        return f"### {self.title}\n\n{body}" if body else ""


def render(sections: Iterable[Section], results_dir: str) -> str:
    """All sections whose results files exist."""
    return "\n\n".join(text for section in sections if (text := section.render(results_dir)))


def lookup(row: Mapping[str, Any], key: str) -> Any:
    """An entry of nested mappings, or None where it does not exist.

    >>> lookup({"ours": {"ms": 1.5}}, "ours.ms")
    1.5
    """
    value: Any = row
    for name in key.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def named(mapping: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows from a mapping of names to entries, each with its name as ``name``."""
    return [{"name": name, **entries} for name, entries in mapping.items()]


def picture(title: str, file: str) -> str:
    """A picture from the results folder, linked from a page in docs/."""
    return f"![{title}](../results/{file})"


def unfinished(report: Report) -> str:
    """Sentences that name the runs a report lacks and those with other settings than now; empty without any."""
    missing, other = report.get("missing"), report.get("other_settings")
    sentences = [f"Not run: {', '.join(missing)}."] if missing else []
    if other:
        sentences.append(f"Run with settings that differ from the current ones: {', '.join(other)}.")
    return " ".join(sentences)


def markers(name: str) -> tuple[str, str]:
    """The comments that enclose generated text in a document."""
    return f"<!-- {name} -->", f"<!-- /{name} -->"


def has_markers(text: str, name: str) -> bool:
    """Whether a document has a place for generated text of this name."""
    return all(marker in text for marker in markers(name))


def fill(text: str, content: str, name: str = "results") -> str:
    """A document with this content between its markers.

    Raises:
        ValueError: if the document does not have the markers exactly once.
    """
    begin, end = markers(name)
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"generated text needs {begin} and {end} once each, in this order")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{content}\n{end}{rest.partition(end)[2]}"


def rewrite(path: str, content: str, name: str = "results") -> None:
    """Replace what a file has between its markers.

    Raises:
        ValueError: if the file does not have the markers exactly once.
        OSError: if the file cannot be read or written.
    """
    with open(path) as file:
        old = file.read()
    try:
        text = fill(old, content, name)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    files.replace(path, text.encode())

"""Sections and tables as specifications, and generated text in documents."""

import pytest

from run_experiments.common import run_folder
from run_experiments.common.markdown import Column, Section, Table, fill, has_markers, lookup, named, render, rewrite

TIMES = Table(
    [
        Column("model", "name"),
        Column("ms", "time.ms", ",.1f"),
        Column("doubled", lambda row: 2 * row["count"], "03d"),
        Column("share", "share", ".0%"),
    ],
    lambda report: named(report["models"]),
)
MODELS = {"a": {"time": {"ms": 1234.56}, "count": 4, "share": 0.256}, "b": {"count": 50, "share": None}}
SHOWN = "| model | ms | doubled | share |\n| --- | --- | --- | --- |\n| a | 1,234.6 | 008 | 26% |\n| b | - | 100 | - |"


def test_a_table_formats_its_columns_and_shows_a_dash_for_what_is_not_there():
    assert TIMES({"models": MODELS}) == SHOWN


def test_columns_and_rows_can_come_from_the_results():
    table = Table(lambda report: [Column(name, name) for name in report["names"]])
    assert table({"names": ["x", "y"], "rows": [{"x": 1, "y": 2}]}) == "| x | y |\n| --- | --- |\n| 1 | 2 |"


def test_lookup_follows_dots_and_finds_nothing_beyond_a_value():
    assert lookup({"a": {"b": 0}}, "a.b") == 0
    assert lookup({"a": {"b": 0}}, "a.b.c") is None
    assert lookup({"a": {"b": 0}}, "b") is None


def test_a_section_is_empty_without_its_results(tmp_path):
    section = Section("times.json", "Times", ("Text.", lambda report: "", TIMES))
    assert section.render(str(tmp_path)) == section.body(str(tmp_path)) == ""
    run_folder.write_json(str(tmp_path / "times.json"), {"models": MODELS})
    assert section.body(str(tmp_path)) == f"Text.\n\n{SHOWN}"
    assert section.render(str(tmp_path)) == f"### Times\n\nText.\n\n{SHOWN}"
    other = section._replace(file="other.json")
    assert render([other, section, other], str(tmp_path)) == section.render(str(tmp_path))


def test_a_section_names_runs_that_are_missing_or_have_other_settings(tmp_path):
    report = {"missing": ["c", "d"], "other_settings": ["a"]}
    run_folder.write_json(str(tmp_path / "runs.json"), report)
    text = Section("runs.json", "Runs", ("Text.",)).render(str(tmp_path))
    assert text.endswith("Text.\n\nNot run: c, d. Run with settings that differ from the current ones: a.")


def test_generated_text_goes_between_its_own_markers(tmp_path):
    text = "before\n<!-- results -->\nold\n<!-- /results -->\nbetween <!-- x --><!-- /x --> after"
    filled = fill(text, "new")
    assert filled == text.replace("old", "new")
    assert fill(filled, "new") == filled
    assert fill(text, "inner", "x").endswith("old\n<!-- /results -->\nbetween <!-- x -->\ninner\n<!-- /x --> after")
    assert has_markers(text, "x") and not has_markers(text, "y")
    path = tmp_path / "page.md"
    path.write_text(text)
    rewrite(str(path), "new")
    assert path.read_text() == filled


def test_a_file_without_a_place_for_generated_text_is_named_and_left_alone(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("text")
    with pytest.raises(ValueError, match="page.md: generated text needs <!-- results -->"):
        rewrite(str(path), "new")
    assert path.read_text() == "text"


@pytest.mark.parametrize(
    "text", ["", "<!-- results -->", "<!-- /results --><!-- results -->", 2 * "<!-- results --><!-- /results -->"]
)
def test_a_document_without_one_place_for_generated_text_is_an_error(text):
    with pytest.raises(ValueError, match="<!-- results --> and <!-- /results --> once each") as caught:
        fill(text, "new")
    assert "\n" not in str(caught.value)

"""docs/results.md and the README's headlines, from results that exist and from none."""

import json
import os
import shutil

import pytest

from run_experiments import report

RESULTS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "results")


def changed(folder, name: str, change) -> str:
    """A folder with a copy of one results file, changed."""
    with open(os.path.join(RESULTS, name)) as file:
        contents = json.load(file)
    change(contents)
    (folder / name).write_text(json.dumps(contents))
    return str(folder)


def test_each_experiment_has_a_section_and_a_headline():
    text = report.tables(RESULTS)
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Moving ball",
        "## Rotated MNIST",
        "## Sprites",
    ]
    assert [line.split("**")[1] for line in report.headlines(RESULTS).splitlines()] == [
        "Moving ball.",
        "Rotated MNIST.",
        "Sprites.",
    ]


def test_headlines_have_the_numbers_of_models_and_paper():
    ball, digits, characters = report.headlines(RESULTS).splitlines()
    for line, numbers in (
        (ball, ("0.067", "0.085", "0.754", "25,000 steps")),
        (digits, ("0.0223 ± 0.0005", "0.0251 ± 0.0005", "3 runs")),
        (characters, ("0.0049", "20 epochs", "0.0079 ± 0.0009", "50 epochs")),
    ):
        for number in numbers:
            assert number in line, number


def test_without_results_nothing_is_written(tmp_path):
    assert report.tables(str(tmp_path)) == ""
    assert report.headlines(str(tmp_path)) == ""


def test_one_results_file_gives_its_own_section_alone(tmp_path):
    shutil.copy(os.path.join(RESULTS, "figure4.json"), tmp_path)
    text = report.tables(str(tmp_path))
    assert text.startswith("## Moving ball\n") and text.count("\n### ") == 1 and "## Sprites" not in text
    assert report.headlines(str(tmp_path)) == ""


@pytest.mark.parametrize("run", ["svgpvae_m15", "gpvae"])
def test_a_comparison_is_no_headline_before_all_its_runs_have_finished(run, tmp_path):
    def remove(contents):
        del contents["runs"][run]
        del contents["rmse_after_polynomial_map_by_degree"][run]

    folder = changed(tmp_path, "figure2.json", remove)
    assert report.headlines(folder) == ""
    assert "| VAE | 25,000 | 0.7538 |" in report.tables(folder)
    ratio = "| 8.90 |" if run != "gpvae" else "| - |"
    assert ratio in report.tables(folder)


def test_characters_drawn_by_the_project_alone_are_no_headline(tmp_path):
    def remove(contents):
        del contents["table"]["sprites_full"]

    assert report.headlines(changed(tmp_path, "figure8.json", remove)) == ""


def test_headlines_go_into_documents_that_have_a_place_for_them(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("text\n")
    report.write_headlines(str(path), RESULTS)
    assert path.read_text() == "text\n"
    path.write_text("text\n<!-- headlines -->\n<!-- /headlines -->\nend\n")
    report.write_headlines(str(path), RESULTS)
    assert path.read_text() == f"text\n<!-- headlines -->\n{report.headlines(RESULTS)}\n<!-- /headlines -->\nend\n"

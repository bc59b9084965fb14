"""python -m data_generators.sprites."""

import pytest
from PIL import Image  # matplotlib brings it

from data_generators.sprites import dataset as data
from tests.helpers.command_line import run_module


def test_data_set_and_picture(tmp_path):
    output, picture = tmp_path / "drawn", tmp_path / "contact.png"
    line = ["--characters=5", "--train_characters=3", "--poses_per_character=2"]
    line += [f"--output={output}", f"--contact_sheet={picture}"]
    code, written = run_module("data_generators.sprites", *line)
    assert code == 0, written
    assert f"{output}: 3 train characters (6 images), 2 test characters (144 images)" in written
    assert data.verify(output).ids["train"] == tuple(data.split()[0][:3])
    with Image.open(picture) as image:
        assert image.size == (24 * 64, 3 * 64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "nothing to do: give --output=FOLDER, --contact_sheet=FILE.png or both"),
        ({"output": "x", "sheets": "none"}, "none/body/0.png is missing"),
        ({"output": "x", "characters": 2000}, "there are 1296 characters, fewer than asked for"),
        ({"output": "x", "characters": 20}, "--train_characters=1000 leaves none of the 20 characters"),
        ({"contact_sheet": "none/contact.png"}, "No such file"),
    ],
)
def test_errors_of_the_command_are_one_line(changes, message):
    code, written = run_module("data_generators.sprites", *(f"--{name}={value}" for name, value in changes.items()))
    assert code == 1
    assert written.startswith("error: ") and message in written and written.count("\n") == 1


def test_help_needs_no_data():
    assert "--poses_per_character" in run_module("data_generators.sprites", "--help")[1]

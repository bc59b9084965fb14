"""python -m data_generators.sprites."""

import types

import pytest
from PIL import Image  # matplotlib brings it

from data_generators.sprites import __main__ as command
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
def test_errors_of_the_command_are_one_line(monkeypatch, changes, message):
    given = {"output": None, "sheets": None, "characters": 1296, "train_characters": 1000, "contact_sheet": None}
    options = types.SimpleNamespace(**given | changes)
    monkeypatch.setattr(command.flags, "FLAGS", options)  # in this process: TensorFlow takes seconds to start
    with pytest.raises(SystemExit, match=f"error: .*{message}") as caught:
        command.main([])
    assert "\n" not in str(caught.value)


def test_help_needs_no_data():
    assert "--poses_per_character" in run_module("data_generators.sprites", "--help")[1]

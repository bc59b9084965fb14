"""Files that are written as a whole or not at all, by the library and by the generators of data."""

import os
import stat

import numpy as np
import pytest
from matplotlib.figure import Figure

from data_generators import moving_ball
from data_generators.files import replacing
from run_experiments.common import figures, markdown, run_folder
from run_experiments.common.projector import write_projector
from svgp_vae_tf import files
from tests.helpers.full_disk import contents, no_room_beyond


def replace_within(path, content: bytes) -> None:
    with replacing(path) as file:
        file.write(content)


@pytest.mark.parametrize("replace", [files.replace, replace_within])
def test_a_file_is_replaced_with_the_permissions_of_a_new_one(replace, tmp_path):
    (tmp_path / "new").write_bytes(b"")
    for content in (b"first", b"second"):
        replace(tmp_path / "file", content)
        assert contents(tmp_path) == {"new": b"", "file": content}
    assert stat.S_IMODE(os.stat(tmp_path / "file").st_mode) == stat.S_IMODE(os.stat(tmp_path / "new").st_mode)


@pytest.mark.parametrize("replace", [files.replace, replace_within])
def test_links_and_permissions_stay(replace, tmp_path):
    (tmp_path / "file").write_bytes(b"first")
    os.chmod(tmp_path / "file", 0o600)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    replace(tmp_path / "link", b"second")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"second"
    assert stat.S_IMODE(os.stat(tmp_path / "file").st_mode) == 0o600


WRITERS = {
    "library": lambda folder: files.replace(folder / "file", bytes(9000)),
    "generators": lambda folder: replace_within(folder / "file", bytes(9000)),
    "videos": lambda folder: moving_ball.save(str(folder / "file"), moving_ball.videos(3, 9)),
    "JSON": lambda folder: run_folder.write_json(str(folder / "file"), ["text"] * 2000),
    "figure": lambda folder: figures.save(Figure(), str(folder / "file")),
    "document": lambda folder: markdown.rewrite(str(folder / "file"), "text" * 2000),
    "projector": lambda folder: write_projector(str(folder), "file", np.ones((1000, 4)), {}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_keeps_the_old_file_and_leaves_no_other(name, tmp_path):
    (tmp_path / "file").write_text("\n".join(markdown.markers("results")))
    before = contents(tmp_path)
    with pytest.raises(OSError, match="File too large: '.*file.*'$"), no_room_beyond(1000):
        WRITERS[name](tmp_path)
    assert contents(tmp_path) == before


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such file or directory: '.*nowhere/file'$"):
        files.replace(tmp_path / "nowhere" / "file", b"")

"""A small data set of sprites on disk."""

import pathlib
import shutil

import pytest

from data_generators.sprites import dataset as data
from tests.helpers import small_sprites


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> data.SpriteSet:
    """A data set that tests only read."""
    return small_sprites.write(tmp_path_factory.mktemp("sprites") / "set")


@pytest.fixture
def copied(written, tmp_path) -> pathlib.Path:
    """A copy to damage."""
    return pathlib.Path(shutil.copytree(written.folder, tmp_path / "copy"))

"""Drawn characters, and a short run on them."""

import dataclasses

import pytest

from data_generators.sprites import dataset as data
from run_experiments.sprites import experiment as sprites
from run_experiments.sprites.settings import Settings
from tests.helpers.small_runs import SPRITES


@pytest.fixture(scope="session")
def characters(tmp_path_factory) -> data.SpriteSet:
    """Drawn characters, as a run without data makes them."""
    return sprites.load_data(SPRITES, str(tmp_path_factory.mktemp("drawn")))


@pytest.fixture(scope="session")
def settings(characters) -> Settings:
    return dataclasses.replace(SPRITES, data=characters.folder)


@pytest.fixture(scope="session")
def finished(settings, tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("runs") / "sprites")
    sprites.run(settings, folder, verbose=0)
    return folder

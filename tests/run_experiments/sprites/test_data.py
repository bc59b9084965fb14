"""The data of the sprites experiment."""

import dataclasses

from run_experiments.sprites import data as sprites
from tests.helpers.small_runs import SPRITES


def test_data_of_a_start_that_failed_are_not_taken_for_others(tmp_path):
    first = sprites.load_data(SPRITES, str(tmp_path))
    again = sprites.load_data(SPRITES, str(tmp_path))
    assert again.shards == first.shards
    other = sprites.load_data(dataclasses.replace(SPRITES, characters=5, poses_per_character=24), str(tmp_path))
    assert len(other.ids["test"]) == 2
    assert other.num_frames("train") == 3 * 24

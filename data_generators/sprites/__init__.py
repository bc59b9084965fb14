"""SPRITES: game characters in 72 poses (Li and Mandt, 2018)."""

from data_generators.commands import quiet  # noqa: F401  before any module imports TensorFlow

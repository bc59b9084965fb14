"""SPRITES: game characters in 72 poses (Li and Mandt, 2018)."""

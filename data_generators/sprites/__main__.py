"""Write sprites as a data set: python -m data_generators.sprites --help."""

import sys

from absl import app, flags

from data_generators.sprites.dataset import (
    NUM_CHARACTERS,
    NUM_POSES,
    SpriteError,
    contact_sheet,
    source,
    split,
    write,
)
from data_generators.sprites.shards import SPLITS, one_line


def _command() -> None:
    if _OUTPUT.value is None and _CONTACT_SHEET.value is None:
        raise SpriteError("nothing to do: give --output=FOLDER, --contact_sheet=FILE.png or both")
    if _TRAIN_CHARACTERS.value >= _CHARACTERS.value:
        raise SpriteError(
            f"--train_characters={_TRAIN_CHARACTERS.value} leaves none of the {_CHARACTERS.value} characters to test"
        )
    train, test = split(num_train=_TRAIN_CHARACTERS.value, num_test=_CHARACTERS.value - _TRAIN_CHARACTERS.value)
    frames, origin = source(_SHEETS.value)
    if _CONTACT_SHEET.value is not None:
        contact_sheet(frames, train[:6].tolist(), _CONTACT_SHEET.value)
        print(f"{_CONTACT_SHEET.value}: {len(train[:6])} characters")
    if _OUTPUT.value is not None:
        data = write(
            frames, _OUTPUT.value, train_characters=train, test_characters=test, seed=_SEED.value, source=origin,
            poses_per_character=_POSES.value, overwrite=_OVERWRITE.value,
            progress=print if sys.stdout.isatty() else None,
        )  # fmt: skip
        sizes = ", ".join(
            f"{len(data.ids[name])} {name} characters ({data.num_frames(name)} images)" for name in SPLITS
        )
        print(f"{_OUTPUT.value}: {sizes}")


def _main(_: list[str]) -> None:
    try:
        _command()
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {one_line(error)}") from error


if __name__ == "__main__":
    _OUTPUT = flags.DEFINE_string("output", None, "The folder to write a data set to.")
    _SHEETS = flags.DEFINE_string("sheets", None, "The folder of the LPC sheets; without it characters are drawn.")
    _CHARACTERS = flags.DEFINE_integer("characters", NUM_CHARACTERS, "Characters in all.", lower_bound=2)
    _TRAIN_CHARACTERS = flags.DEFINE_integer("train_characters", 1000, "Characters for training.", lower_bound=1)
    _POSES = flags.DEFINE_integer("poses_per_character", 50, "Poses of a training character.", 1, NUM_POSES)
    _SEED = flags.DEFINE_integer("seed", 0, "Of the choice of poses.", lower_bound=0)
    _OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace a data set in the output folder.")
    _CONTACT_SHEET = flags.DEFINE_string("contact_sheet", None, "A picture to write, of 6 characters in 24 poses.")
    app.run(_main)

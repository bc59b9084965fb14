"""Write a data set of sprites: python -m data_generators.sprites --help."""

import sys
from typing import Any

from absl import flags

from data_generators.commands import program
from data_generators.sprites import dataset


def run(options: Any) -> None:
    """Write what the options ask for.

    Args:
        options: an object with the values of the flags as attributes.

    Raises:
        SpriteError: for options that cannot be satisfied, FolderInUseError if another process is writing to the folder,
            and OSError if a file cannot be written.
    """
    if options.output is None and options.contact_sheet is None:
        raise dataset.SpriteError("nothing to do: give --output=FOLDER, --contact_sheet=FILE.png or both")
    if options.train_characters >= options.characters:
        raise dataset.SpriteError(
            f"--train_characters={options.train_characters} leaves none of the {options.characters} characters to test"
        )
    num_test = options.characters - options.train_characters
    train, test = dataset.split(num_train=options.train_characters, num_test=num_test)
    frames, origin = dataset.source(options.sheets)
    if options.contact_sheet is not None:
        dataset.contact_sheet(frames, train[:6].tolist(), options.contact_sheet)
        print(f"{options.contact_sheet}: {len(train[:6])} characters")
    if options.output is not None:
        data = dataset.write(
            frames,
            options.output,
            train_characters=train,
            test_characters=test,
            poses_per_character=options.poses_per_character,
            seed=options.seed,
            source=origin,
            overwrite=options.overwrite,
            progress=print if sys.stdout.isatty() else None,
        )
        sizes = ", ".join(
            f"{len(ids)} {name} characters ({data.num_frames(name)} images)" for name, ids in data.ids.items()
        )
        print(f"{options.output}: {sizes}")


def define_flags() -> None:
    """Define the flags of the program."""
    flags.DEFINE_string("output", None, "The folder to write a data set to.")
    flags.DEFINE_string("sheets", None, "The folder of the LPC sheets; without it characters are drawn.")
    flags.DEFINE_integer("characters", dataset.NUM_CHARACTERS, "Number of characters in total.", lower_bound=2)
    flags.DEFINE_integer("train_characters", 1000, "Number of characters for training.", lower_bound=1)
    flags.DEFINE_integer("poses_per_character", 50, "Poses of a training character.", 1, dataset.NUM_POSES)
    flags.DEFINE_integer("seed", 0, "Seed of the choice of poses.", lower_bound=0)
    flags.DEFINE_bool("overwrite", False, "Replace a data set in the output folder.")
    flags.DEFINE_string("contact_sheet", None, "A picture to write, of 6 characters in 24 poses.")


if __name__ == "__main__":
    define_flags()
    program.run(lambda: run(flags.FLAGS))

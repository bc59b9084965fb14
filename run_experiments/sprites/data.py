"""The data of the sprites experiment, as its model takes them."""

import contextlib
import os
from typing import Any

import tensorflow as tf

from data_generators.sprites import dataset
from run_experiments.sprites.settings import Settings


def load_data(settings: Settings, output_dir: str) -> dataset.SpriteSet:
    """The data of a run: prepared shards, or shards made from sheets or drawings in a folder of the run.

    Shards that a previous session of the run has made are used again if they fit the settings.

    Raises:
        ValueError: for settings or files that cannot work.
    """
    if settings.data is not None:
        return dataset.open_set(settings.data)
    folder = os.path.join(output_dir, "data")
    frames, source = dataset.source(settings.sheets)
    train, test = dataset.split(
        num_train=settings.train_characters, num_test=settings.characters - settings.train_characters
    )
    made: dict[str, Any] = {
        "source": source,
        "seed": settings.data_seed,
        "poses_per_character": settings.poses_per_character,
    }
    with contextlib.suppress(dataset.SpriteError):  # incomplete, after a start that failed, or damaged since
        found = dataset.open_set(folder)
        ids = {"train": tuple(train.tolist()), "test": tuple(test.tolist())}
        if found.ids == ids and all(found.about.get(key) == value for key, value in made.items()):
            return found
    return dataset.write(frames, folder, train_characters=train, test_characters=test, overwrite=True, **made)


def batches(settings: Settings, sprites: dataset.SpriteSet, characters: int, first_epoch: int) -> tf.data.Dataset:
    """Endless batches of whole characters; the order of an epoch depends only on seed and epoch.

    Args:
        settings: the settings of the run.
        sprites: the data.
        characters: characters in a batch.
        first_epoch: index of the epoch to start with.
    """
    return dataset.batches(sprites, "train", characters, seed=settings.seed, start_epoch=first_epoch, repeat=True)

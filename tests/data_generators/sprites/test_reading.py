"""Reading sprites: batches of whole characters, in an order that a resumed run sees again."""

import numpy as np
import pytest
import tensorflow as tf

from data_generators.sprites import dataset as data
from tests.helpers.small_sprites import TEST, TRAIN, assert_match, record, rewrite


def read(batches: tf.data.Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    """Characters and poses of every batch, its images checked."""
    found = []
    for inputs, images in batches:
        assert all(array.dtype == tf.float32 for array in (images, *inputs.values()))
        np.testing.assert_array_equal(inputs["image"], images)
        assert_match(inputs["character"], inputs["pose"], images.numpy() * 256.0)
        found.append((inputs["character"].numpy(), inputs["pose"].numpy()))
    return found


def test_batches_are_whole_characters_in_the_order_of_the_files(written):
    batches = data.batches(written, "train", 4)
    assert batches.cardinality() == 3
    found = read(batches)
    assert [len(characters) for characters, _ in found] == [20, 20, 15]
    np.testing.assert_array_equal(np.concatenate([c for c, _ in found]), np.repeat(TRAIN, 5))
    test = read(data.batches(written.folder, "test", 2))
    np.testing.assert_array_equal(np.concatenate([c for c, _ in test]), np.repeat(TEST, 72))


def order(batches: tf.data.Dataset) -> list[list[float]]:
    return [characters[::5].tolist() for characters, _ in read(batches)]


def test_an_epoch_has_the_same_order_wherever_training_begins(written):
    endless = order(data.batches(written, "train", 4, seed=7, repeat=True, shuffle_buffer=6).take(9))
    epochs = [sum(endless[i : i + 3], []) for i in (0, 3, 6)]
    assert all(sorted(epoch) == sorted(TRAIN) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    tf.random.set_seed(99)  # of no effect
    resumed = data.batches(written, "train", 4, seed=7, start_epoch=1, repeat=True, shuffle_buffer=6)
    assert order(resumed.take(6)) == endless[3:]
    one = data.batches(written, "train", 4, seed=7, start_epoch=2, shuffle_buffer=6)
    assert order(one) == order(one) == endless[6:]
    assert order(data.batches(written, "train", 4, seed=8, shuffle_buffer=6)) != endless[:3]
    elements = written.characters("train", shuffle_buffer=6, seed=7, epoch=1).as_numpy_iterator()
    assert [element["character"] for element in elements] == epochs[1]


def test_a_shuffle_mixes_files(written):
    """With a buffer of two files, neighbours come from either."""
    found = sum(order(data.batches(written, "train", 4, seed=0, shuffle_buffer=6)), [])
    files = [TRAIN.index(int(character)) // 3 for character in found]
    assert sum(a != b for a, b in zip(files, files[1:], strict=False)) > 4


def test_characters_may_have_unequal_numbers_of_frames(copied):
    groups = {20: [5], 3: [1, 0, 71], 11: list(range(72))}
    rewrite(copied, "train", [record(c, chosen) for c, chosen in groups.items()], 76)
    data.verify(copied)
    found = read(data.batches(copied, "train", 2))
    assert [len(characters) for characters, _ in found] == [4, 77, 10, 10, 10, 5]
    np.testing.assert_array_equal(found[0][0], [20, 3, 3, 3])
    np.testing.assert_array_equal(found[0][1], [5, 1, 0, 71])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("valid", 4), "split must be one of train, test, got 'valid'"),
        (("train", 0), "characters_per_batch and shuffle_buffer must be at least 1"),
        (("train", 1, -1), "start_epoch at least 0"),
    ],
)
def test_batches_that_cannot_be_had_are_named(written, arguments, message):
    split, count, *start = arguments
    with pytest.raises(data.SpriteError, match=message):
        data.batches(written, split, count, start_epoch=start[0] if start else 0)


def test_keras_fit_reads_batches(written):
    import keras

    shapes = {"pose": (), "character": (), "image": (64, 64, 3)}
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs["image"]))
    model.compile("sgd", "mse")
    endless = data.batches(written, "train", 4, seed=0, repeat=True)
    history = model.fit(endless, steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(model.evaluate(data.batches(written, "test", 2), verbose=0))

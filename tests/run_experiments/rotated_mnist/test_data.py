"""The data of the rotated-MNIST experiment."""

import dataclasses

import numpy as np
import pytest

from data_generators import rotated_mnist
from run_experiments.rotated_mnist.data import auxiliary_data, batches, load_data
from tests.helpers.small_runs import DIGITS


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone():
    digits = load_data(DIGITS)

    def ids(start: int, count: int) -> np.ndarray:
        stream = batches(DIGITS, digits.train, 64, start).take(count)
        return np.concatenate([aux for aux, _ in stream])

    steps = -(-len(digits.train.images) // 64)
    two = ids(0, 2 * steps)
    first, second = np.split(two, [len(digits.train.images)])
    np.testing.assert_array_equal(ids(1, steps), second)
    assert not np.array_equal(first, second)
    for epoch in (first, second):
        np.testing.assert_array_equal(np.unique(epoch, axis=0), np.unique(auxiliary_data(digits.train), axis=0))


def test_a_file_with_too_few_scores_is_named(tmp_path):
    path = str(tmp_path / "rotated.npz")
    made = load_data(DIGITS)
    rotated_mnist.save(path, made)
    available = made.pca.shape[1]
    assert load_data(dataclasses.replace(DIGITS, data=path)).pca.shape == made.pca.shape
    with pytest.raises(
        ValueError, match=f"{path} holds {available} scores per object, not --num_scores={available + 1}"
    ):
        load_data(dataclasses.replace(DIGITS, data=path, num_scores=available + 1))

"""The order in which records are read."""

import tensorflow as tf

from data_generators.sprites import records


def read(path: str, seed: int | None, epoch: int, block: int = 10) -> list[int]:
    return [int(content) for _, content in records.read_records([path], block, seed, epoch).as_numpy_iterator()]


def test_every_block_of_every_epoch_is_shuffled_in_an_order_of_its_own(tmp_path):
    path = str(tmp_path / "numbers.tfrecord")
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions("GZIP")) as file:
        for number in range(40):
            file.write(str(number).encode())
    assert read(path, None, 0) == list(range(40))
    orders = []
    for epoch in (0, 1):
        found = read(path, 3, epoch)
        for start in range(0, 40, 10):
            assert sorted(found[start : start + 10]) == list(range(start, start + 10))
            orders.append(tuple(number - start for number in found[start : start + 10]))
    assert len({tuple(range(10)), *orders}) == 9

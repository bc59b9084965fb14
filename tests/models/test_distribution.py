"""Two replicas, of one process or of two, train as one device does: to the last digits in double precision."""

import numpy as np
import pytest

from tests.models import equal_training, workers

TOLERANCE = 1e-9
PROCESSES = {"mirrored": ("mirrored",), "workers": ("worker0", "worker1")}


def difference(one: np.ndarray, two: np.ndarray) -> float:
    """The largest difference, relative to the largest value of the array."""
    assert one.shape == two.shape
    return float(np.max(np.abs(one - two)) / max(np.max(np.abs(one)), 1e-300))


def check(folder, runs: list[tuple[str, str]]) -> None:
    arguments = [argument for run in runs for argument in run]
    workers.launch("tests.models.equal_training", folder, *arguments, timeout=600)
    for case, kind in runs:
        one = np.load(folder / f"{case} one.npz")
        assert one["step loss"].shape == (equal_training.STEPS,)
        assert one["step log_multiplier"][-1] < one["step log_multiplier"][0]
        for role in PROCESSES[kind]:
            two = np.load(folder / f"{case} {role}.npz")
            assert two["replicas"] == 2
            assert set(two.files) == set(one.files)
            worst = {name: difference(one[name], two[name]) for name in one.files if name != "replicas"}
            assert max(worst.values()) < TOLERANCE, worst


def test_two_replicas_and_two_workers_equal_one_device(tmp_path):
    check(tmp_path, [("series", "mirrored"), ("one_data_set", "workers")])


@pytest.mark.slow
def test_the_other_way_round(tmp_path):
    check(tmp_path, [("series", "workers"), ("one_data_set", "mirrored")])

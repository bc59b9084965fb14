"""Two replicas train as one device does, for every model: on logical CPU devices, in a process of their own."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import small_models

IN_A_NEW_PROCESS = """
import sys
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.models import test_replicas

test_replicas.compare(*sys.argv[1:])
"""

CASES = {
    "hensman, series": ("hensman", None),
    "hensman, one data set": ("hensman", 19),
    "titsias, series": ("titsias", None),
    "exact, series": ("gpvae", None),
    "vae, one data set": ("vae", 19),
}
BATCH = 8


def train(name: str, num_data: int | None, strategy: tf.distribute.Strategy) -> dict:
    """Three steps of one epoch each, the last batch odd; the loss and the weights after every step."""
    data = small_models.series(19) if num_data is None else small_models.data_set(num_data)
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(BATCH)
    with strategy.scope():
        model = small_models.without_noise(small_models.make(name, num_data))
        model.compile(keras.optimizers.SGD(0.05))
    weights = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()))
    history = model.fit(dataset.repeat(), steps_per_epoch=1, epochs=3, shuffle=False, verbose=0, callbacks=[keep])
    model.condition(*data)
    evaluated = model.evaluate(dataset, verbose=0, return_dict=True)
    predicted = model.predict(data[0], batch_size=BATCH, verbose=0)
    return {"logs": history.history, "weights": weights, "evaluated": evaluated, "predicted": predicted}


def compare(path: str, *cases: str) -> None:
    """Largest differences between one device and two, for each case, as JSON."""
    two = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    report = {}
    for case in cases:
        name, num_data = CASES[case]
        a, b = (train(name, num_data, strategy) for strategy in (tf.distribute.get_strategy(), two))
        start = small_models.make(name, num_data).get_weights()
        report[case] = {
            "replicas": two.num_replicas_in_sync,
            "loss": [difference([p], [q]) for p, q in zip(a["logs"]["loss"], b["logs"]["loss"], strict=True)],
            "kl": [difference([p], [q]) for p, q in zip(a["logs"]["kl"], b["logs"]["kl"], strict=True)],
            "weights": [difference(p, q) for p, q in zip(a["weights"], b["weights"], strict=True)],
            "evaluated": difference(list(a["evaluated"].values()), list(b["evaluated"].values())),
            "predicted": difference([a["predicted"]], [b["predicted"]]),
            "moved": difference(start, b["weights"][-1]),
        }
    try:
        train("titsias", 19, two)
    except ValueError as error:
        report["titsias, one data set"] = str(error)
    with open(path, "w") as file:
        json.dump(report, file)


def difference(one: list, two: list) -> float:
    """The largest difference, relative where values are above one."""
    return float(np.max([np.max(np.abs(a - b) / np.maximum(np.abs(a), 1.0)) for a, b in zip(one, two, strict=True)]))


def report_on(cases: list[str], folder) -> dict:
    path = str(folder / "report.json")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.getcwd()}
    subprocess.run([sys.executable, "-c", IN_A_NEW_PROCESS, path, *cases], check=True, env=environment, timeout=600)
    with open(path) as file:
        return json.load(file)


def check(differences: dict) -> None:
    assert differences["replicas"] == 2
    assert differences["moved"] > 1e-2
    for what in ("loss", "kl", "weights"):
        assert len(differences[what]) == 3
        assert all(value < 1e-6 for value in differences[what]), what  # also if one is NaN
    assert differences["evaluated"] < 1e-6
    assert differences["predicted"] < 1e-5


@pytest.mark.slow
def test_two_replicas_equal_one_device_without_noise(tmp_path):
    report = report_on(list(CASES), tmp_path)
    for case in CASES:
        check(report[case])
    assert "cannot be split over replicas; use hensman" in report["titsias, one data set"]

"""The other process of the contracts: it loads every saved model, and trains every model on two replicas."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf import features
from tests.helpers import contract_files, workers
from tests.helpers.contract_models import MODELS

STEPS, BATCH = 2, 5  # the second batch of six series leaves nothing for one of the replicas


def read_files(folder: Path) -> None:
    """Answers of the loaded models, as arrays "name/key"."""
    found: dict[str, np.ndarray] = {}
    for name, file in json.loads((folder / "files.json").read_text()).items():
        answers = contract_files.answers(svgp.load_model(file), *contract_files.read_data(file + ".npz"))
        found |= {f"{name}/{key}": value for key, value in answers.items()}
    np.savez(folder / "loaded.npz", **found)


def train(name: str, strategy: tf.distribute.Strategy) -> tuple[list[float], list[np.ndarray]]:
    """Losses of the steps, and the weights after the last."""
    case = MODELS[name]
    data = case.observed()
    batches = (
        features.whole_groups(*data, 2) if name == "sparse, pooled"
        else tf.data.Dataset.from_tensor_slices(data).batch(max(case.batch, BATCH))
    )  # fmt: skip
    with strategy.scope():
        model = case.make()
        model.compile(keras.optimizers.SGD(0.01), run_eagerly=strategy.num_replicas_in_sync == 1)
    history = model.fit(batches.repeat(), steps_per_epoch=1, epochs=STEPS, verbose=0)
    return history.history["loss"], model.get_weights()


def compare(name: str, two: tf.distribute.Strategy) -> dict | str:
    """Largest differences between one device and two, or the line with which a model refuses two."""
    try:
        losses, weights = train(name, two)
    except ValueError as error:
        return str(error)
    expected, reference = train(name, tf.distribute.get_strategy())
    start = MODELS[name].make().get_weights()
    return {
        "replicas": two.num_replicas_in_sync,
        "losses": float(np.max(np.abs(np.subtract(losses, expected)))),
        "weights": max(float(np.max(np.abs(a - b))) for a, b in zip(weights, reference, strict=True)),
        "moved": max(float(np.max(np.abs(a - b))) for a, b in zip(weights, start, strict=True)),
    }


def main(folder: str, *replicated: str) -> None:
    """Read the files if there are any, and compare replicas for the models of these names."""
    two = workers.strategy_of("mirrored", [])
    if (Path(folder) / "files.json").exists():
        read_files(Path(folder))
    workers.double_precision()
    keras.config.set_dtype_policy("float64")
    report = {name: compare(name, two) for name in replicated}
    (Path(folder) / "replicas.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])

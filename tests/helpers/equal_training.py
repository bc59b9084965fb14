"""Train for 100 steps in each role and write what came out, for `test_distribution`."""

import functools
import os
import sys

import keras
import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from tests.helpers import small_models, workers

STEPS, BATCH, COUNT = 100, 8, 17  # of the last batch, a single example, one of two replicas gets nothing
CASES = {"one_data_set": COUNT, "series": None}


def data_of(num_data: int | None) -> tuple[np.ndarray, np.ndarray]:
    x, y = small_models.series(COUNT) if num_data is None else small_models.data_set(num_data)
    return x.astype(np.float64), y.astype(np.float64)


def compiled(num_data: int | None) -> svgp.LatentModel:
    model = small_models.make("hensman", num_data)
    kind = keras.optimizers.Adam if num_data is None else svgp.optimizers.SOAP
    optimizer = kind(0.01, global_clipnorm=0.5)
    model.compile(optimizer, objective=svgp.GECO(0.4, decay=0.9))  # 0.4 is reached, so that the multiplier moves
    return model


class EachStep(keras.callbacks.Callback):
    """Keeps the logs of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.logs.append({name: float(value) for name, value in logs.items()})


def named(prefix: str, values: dict) -> dict[str, np.ndarray]:
    return {f"{prefix} {name}": np.asarray(value) for name, value in values.items()}


def train(model: svgp.LatentModel, num_data: int | None) -> dict[str, np.ndarray]:
    """Losses and GECO's state at each step, and all weights after the last."""
    x, y = data_of(num_data)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)
    steps = EachStep()
    model.fit(batches.repeat(), steps_per_epoch=STEPS // 5, epochs=5, shuffle=False, verbose=0, callbacks=[steps])
    found = named("step", {name: [logs[name] for logs in steps.logs] for name in steps.logs[0]})
    found |= named("weight", dict(enumerate(model.get_weights())))
    return found | named("optimizer", dict(enumerate(model.optimizer.variables)))


def go_on(model: svgp.LatentModel, num_data: int | None) -> dict[str, np.ndarray]:
    """Arrays in whole epochs, evaluation, and the posterior that predicts."""
    x, y = data_of(num_data)
    more = model.fit(x, y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0, validation_data=(x, y))
    found = named("more", more.history)
    found |= named("evaluated", model.evaluate(x, y, batch_size=BATCH, verbose=0, return_dict=True))
    model.condition(x, y, batch_size=5)
    found |= named("statistics", dict(enumerate(model.conditioning.statistics)))
    return found | named("after", {"predict": model.predict(x, batch_size=BATCH, verbose=0), "sample": model.sample(x)})


def refuse_nan(model: svgp.LatentModel, num_data: int | None) -> None:
    """All see that the last row, which the last replica has, is not finite; none waits for another."""
    x, y = data_of(num_data)
    y[BATCH - 1] = np.nan
    try:
        model.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH), verbose=0)
    except svgp.DataError as error:
        assert "value(s) that are NaN or infinite, the first at index (7, 0" in str(error)
    else:
        raise AssertionError("NaN passed")


def play(role: str, ports: list[int], folder: str, case: str, whole: bool) -> None:
    workers.double_precision()
    strategy = workers.strategy_of(role, ports)
    with strategy.scope():
        model = compiled(CASES[case])
    found = train(model, CASES[case])
    if whole:
        found |= go_on(model, CASES[case])
    model.save(os.path.join(folder, f"{case} {role}.keras"))
    np.savez(os.path.join(folder, f"{case} {role}.npz"), **found, replicas=strategy.num_replicas_in_sync)
    refuse_nan(model, CASES[case])


def main(folder: str, *runs: str) -> None:
    """For pairs of a case and "mirrored" or "workers": play them, and one device."""
    for case, kind in zip(runs[::2], runs[1::2], strict=True):
        for roles in (("one",), ("worker0", "worker1") if kind == "workers" else (kind,)):
            ports = workers.free_ports(2)
            whole = kind == "workers"
            targets = [functools.partial(play, role, ports, folder, case, whole) for role in roles]
            with workers.processes(targets) as children:
                for role, child in zip(roles, children, strict=True):
                    code = workers.wait_for(child, 200)
                    assert code == 0, f"{role} ended with {code}"


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Settings of objectives that change while a model trains: assigned by a callback, or following a schedule."""

import keras
import numpy as np
import pytest

import svgp_vae_tf as svgp
from svgp_vae_tf import KLWarmup
from tests.helpers import small_models

STEPS = 3


def compiled(objective: svgp.objectives.Objective) -> svgp.LatentModel:
    model = small_models.make("hensman")
    model.compile(keras.optimizers.Adam(0.03), objective=objective)
    return model


def train(model: svgp.LatentModel, epochs: int = 1, **kwargs) -> dict[str, list[float]]:
    """Epochs of `STEPS` steps in a fixed order."""
    kwargs = {"batch_size": small_models.SERIES // STEPS, "shuffle": False, "verbose": 0, **kwargs}
    return model.fit(*small_models.series(), epochs=epochs, **kwargs).history


class Assign(keras.callbacks.Callback):
    """Sets an attribute of the objective to a value for each epoch."""

    def __init__(self, name: str, values: list[float]) -> None:
        super().__init__()
        self._name, self._values = name, values

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        setattr(self.model.objective, self._name, self._values[epoch])


@pytest.mark.parametrize(
    ("step", "value"), [(0, 0.5), (5, 1.0), (10, 1.5), (19, 1.5), (20, 0.5), (30, 1.5), (40, 1.5), (1e9, 1.5)]
)
def test_a_cycle_rises_then_stays_and_after_the_last_the_end_holds(step, value):
    assert float(KLWarmup(40, start=0.5, end=1.5, cycles=2, rise=0.5)(step)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"steps": 2.5}, "steps must be a whole number of at least 1, got 2.5"),
        ({"steps": 9, "cycles": 0}, "cycles must be at least 1"),
        ({"steps": 9, "start": -1.0}, "start must be finite and not negative, got -1.0"),
        ({"steps": 9, "end": float("inf")}, "end must be finite"),
        ({"steps": 9, "rise": 0.0}, "rise must be positive and finite, got 0.0"),
        ({"steps": 9, "rise": 1.5}, "rise must be at most 1, got 1.5"),
    ],
)
def test_bad_arguments_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        KLWarmup(**arguments)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_weight_that_a_callback_sets_is_used_from_the_next_step_on(jit_compile):
    model = compiled(svgp.ELBO())
    model.compile(keras.optimizers.SGD(0.0), objective=model.objective, jit_compile=jit_compile)
    history = train(model, epochs=3, callbacks=[Assign("beta", [1.0, 0.25, 0.0])])
    np.testing.assert_allclose(
        history["loss"], np.array([1.0, 0.25, 0.0]) * history["kl"] - history["log_likelihood"], rtol=1e-5
    )


def test_a_tolerance_and_a_decay_that_are_set_are_used():
    model = compiled(svgp.GECO(0.5, decay=0.9, initial_multiplier=1.0, multiplier_bounds=(1.0, 1.0)))
    before = model.evaluate(*small_models.series(), verbose=0, return_dict=True)["loss"]
    model.objective.tolerance = 0.125
    model.sampler.generator.state.assign([0, 0])
    after = small_models.without_noise(model).evaluate(*small_models.series(), verbose=0, return_dict=True)
    assert after["loss"] == pytest.approx(after["mse"] - 0.125 + after["kl"], rel=1e-5)
    assert before != after["loss"]
    model.objective.decay = 0.0
    logs = train(model, batch_size=small_models.SERIES)
    assert logs["constraint"][0] == pytest.approx(logs["mse"][0] - 0.125, rel=1e-4)  # of this batch alone


@pytest.mark.parametrize(("name", "value"), [("beta", -1.0), ("beta", float("nan")), ("beta", "much")])
def test_a_value_that_cannot_be_is_refused_when_it_is_set(name, value):
    objective = svgp.ELBO(0.5)
    with pytest.raises(ValueError, match="beta must be"):
        setattr(objective, name, value)
    assert objective.beta == 0.5


def test_a_schedule_cannot_be_replaced_after_compilation():
    for start, later in ((KLWarmup(9), 1.0), (1.0, KLWarmup(9))):
        objective = svgp.ELBO(start)
        with pytest.raises(ValueError, match="beta cannot change to or from a schedule: compile with another"):
            objective.beta = later


def test_a_model_follows_its_schedule_and_logs_it():
    model = compiled(svgp.ELBO(KLWarmup(2 * STEPS)))
    history = train(model, epochs=3)
    np.testing.assert_allclose(history["beta"], [0.5, 1.0, 1.0], rtol=1e-6)  # after each epoch
    assert model.objective.beta == 1.0
    first = compiled(svgp.ELBO(KLWarmup(2 * STEPS)))
    logs = train(first, batch_size=small_models.SERIES)
    assert logs["loss"][0] == pytest.approx(-logs["log_likelihood"][0], rel=1e-5)  # at step 0 the KL counts nothing


def test_any_schedule_of_keras_will_do():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([STEPS], [4.0, 0.5])
    model = compiled(svgp.ELBO(schedule))
    assert model.objective.beta == 4.0
    train(model, epochs=2)
    assert model.objective.beta == 0.5


def test_evaluation_does_not_move_a_schedule():
    model = compiled(svgp.ELBO(KLWarmup(10, start=0.3)))
    model.evaluate(*small_models.series(), verbose=0)
    assert model.objective.beta == pytest.approx(0.3)


@pytest.mark.parametrize("form", ["model", "weights"])
def test_a_saved_schedule_resumes_where_it_was(form, tmp_path):
    objective = lambda: svgp.ELBO(KLWarmup(4 * STEPS, cycles=2))  # noqa: E731
    whole, first = compiled(objective()), compiled(objective())
    train(whole, epochs=3)
    train(first)
    path = tmp_path / ("model.keras" if form == "model" else "state.weights.h5")
    if form == "model":
        first.save(path)
        resumed = svgp.load_model(path)
    else:
        first.save_weights(path)
        resumed = compiled(objective())
        resumed.optimizer.build(resumed.trainable_variables)
        resumed.load_weights(path)
    assert resumed.objective.beta == first.objective.beta == 0.5
    assert train(resumed, epochs=2)["beta"] == pytest.approx([0.0, 0.5])
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_value_that_was_set_is_saved_with_the_model(tmp_path):
    model = compiled(svgp.ELBO())
    train(model)
    model.objective.beta = 0.3
    model.save(tmp_path / "model.keras")
    assert svgp.load_model(tmp_path / "model.keras").objective.beta == 0.3


def test_files_from_before_settings_were_kept_are_read():
    objective, store = svgp.GECO(0.02, decay=0.5), {"0": np.float32(1.5), "1": np.float32(-0.25), "2": np.float32(1.0)}
    objective.load_own_variables(store)
    assert {name: float(value) for name, value in objective.logs().items()} == {
        "log_multiplier": 1.5,
        "constraint": -0.25,
    }
    assert (objective.tolerance, objective.decay) == (0.02, 0.5)


@pytest.mark.parametrize(
    ("saved", "own", "expected"),
    [(0.0, 1.0, 1.0), (KLWarmup(9), 0.5, 0.5), (0.5, KLWarmup(9, start=0.2), 0.2)],
    ids=["number", "to a number", "to a schedule"],
)
def test_weights_of_another_run_leave_the_settings_of_this_one(saved, own, expected, tmp_path):
    before, model = compiled(svgp.ELBO(saved)), compiled(svgp.ELBO(own))
    train(before)
    before.save_weights(tmp_path / "run.weights.h5")
    model.optimizer.build(model.trainable_variables)
    model.load_weights(tmp_path / "run.weights.h5")
    assert model.objective.beta == pytest.approx(expected)


def test_a_setting_that_a_callback_changed_is_resumed(tmp_path):
    before, model = compiled(svgp.ELBO()), compiled(svgp.ELBO())
    train(before, callbacks=[Assign("beta", [0.25])])
    before.save_weights(tmp_path / "run.weights.h5")
    model.optimizer.build(model.trainable_variables)
    model.load_weights(tmp_path / "run.weights.h5")
    assert model.objective.beta == 0.25


def test_the_state_of_another_objective_is_not_read():
    with pytest.raises(ValueError, match="has 3 weights, but the file holds 0 of another objective"):
        svgp.GECO(0.02).load_own_variables({})


def test_an_objective_of_ones_own_reads_its_settings():
    class Free(svgp.ELBO):
        def call(self, terms, training=False):
            return self.beta * terms.kl - terms.log_likelihood

    model = compiled(Free(0.0))
    history = train(model, epochs=2, callbacks=[Assign("beta", [0.5, 2.0])])
    np.testing.assert_allclose(
        history["loss"], np.array([0.5, 2.0]) * history["kl"] - history["log_likelihood"], rtol=1e-5
    )


def test_settings_are_no_weights_so_that_models_can_exchange_theirs():
    one, two = compiled(svgp.ELBO()), small_models.make("hensman")
    two.set_weights(one.get_weights())

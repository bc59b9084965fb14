"""Growing batches."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from run_experiments.common.schedule import BatchSizeSchedule, Phase, ThroughputLogger, fit
from svgp_vae_tf.callbacks import steps_done

doubling = BatchSizeSchedule.doubling


def test_batches_double_over_the_second_half():
    phases = (Phase(0, 500, 256, 0, 16), Phase(500, 750, 512, 8000, 8), Phase(750, 1000, 1024, 10_000, 4))
    assert doubling(4050, 1000, 256, 1024).phases == phases


def test_without_growth_there_is_one_phase():
    assert doubling(100, 10, 20, 20) == BatchSizeSchedule.constant(10, 20, 5)
    assert BatchSizeSchedule.constant(10, 20, 5).phases == (Phase(0, 10, 20, 0, 5),)


@pytest.mark.parametrize(("epochs", "multiple"), [(2, 1), (1, 1), (40, 10), (75, 25), (30, 10)])
def test_phases_cover_all_epochs_in_multiples(epochs, multiple):
    plan = doubling(100, epochs, 10, 70, multiple).phases
    assert plan[0].first_epoch == 0 and plan[-1].end_epoch == epochs and plan[-1].batch_size == 70
    for one, two in zip(plan, plan[1:], strict=False):
        assert one.end_epoch == two.first_epoch
        assert two.first_epoch % multiple == 0
        assert two.first_step == one.first_step + (one.end_epoch - one.first_epoch) * one.steps_per_epoch
        assert two.batch_size > one.batch_size


def test_epochs_are_counted_across_phases():
    plan = doubling(4050, 1000, 256, 1024)
    for step, epoch in ((0, 0), (15, 0), (16, 1), (8000, 500), (8008, 501), (11_000, 1000)):
        assert plan.epoch_at(step) == epoch


def test_steps_are_counted_across_phases():
    plan = doubling(4050, 1000, 256, 1024)
    for epoch, step in ((0, 0), (1, 16), (0.5, 8), (500, 8000), (501, 8008), (750.1, 10_001), (1000, 11_000)):
        assert plan.step_at(epoch) == step
    assert plan.epochs == 1000 and plan.steps == 11_000


def test_the_learning_rate_falls_with_epochs_not_with_steps():
    plan = doubling(4050, 1000, 256, 1024)
    schedule = plan.cosine(1e-2, 5e-5)
    assert float(schedule(0)) == pytest.approx(1e-2, rel=1e-3)
    assert float(schedule(8000)) == pytest.approx(5e-3, rel=0.03)
    assert float(schedule(10_000)) == pytest.approx(5e-5 + 0.146 * 1e-2, rel=0.05)
    assert float(schedule(10_999)) == pytest.approx(5e-5, rel=0.01)


def test_one_epoch_has_a_schedule_too():
    schedule = doubling(100, 1, 20, 20).cosine(1.0, 0.1)
    assert float(schedule(0)) > float(schedule(4)) > 0.1


def test_training_goes_through_the_phases_and_on_from_where_it_stopped():
    plan = doubling(8, 4, 2, 4)  # two epochs of four steps, two of two
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    requested, epochs = [], []

    def batches(size: int, first: int) -> tf.data.Dataset:
        requested.append((size, first))
        return tf.data.Dataset.from_tensors((np.zeros((size, 1)), np.zeros(size))).repeat()

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            epochs.append((self.params["epochs"], logs["epoch"]))
            if len(epochs) == 3:
                raise KeyboardInterrupt

    each = [ThroughputLogger(8), Stop()]
    with pytest.raises(KeyboardInterrupt):
        fit(model, plan, batches, each, verbose=0)
    fit(model, plan, batches, each, verbose=0)
    assert requested == [(2, 0), (4, 2), (4, 3)]
    assert epochs == [(4, 1), (4, 2), (4, 3), (4, 4)]
    assert steps_done(model) == 12
    fit(model, plan, batches, each, verbose=0)  # nothing is left
    assert len(requested) == 3


def test_steps_per_execution_divide_the_steps_of_every_fit():
    plan = doubling(4050, 1000, 256, 1024, 10)
    assert plan.steps_per_execution(10) == 10
    assert doubling(4050, 10, 256, 256).steps_per_execution(10) == 16
    assert doubling(10, 10, 10, 10).steps_per_execution(1) == 1
    assert all(10 * phase.steps_per_epoch % plan.steps_per_execution(10) == 0 for phase in plan.phases)


def test_replicas_take_their_steps_one_by_one(monkeypatch):
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: types.SimpleNamespace(num_replicas_in_sync=2))
    assert doubling(4050, 10, 256, 256).steps_per_execution(10) == 1

"""Growing batches."""

import pytest

from run_experiments.batch_phases import Phase, cosine, epoch_at, phases


def test_batches_double_over_the_second_half():
    plan = phases(4050, 1000, 256, 1024)
    assert plan == [Phase(0, 500, 256, 0, 16), Phase(500, 750, 512, 8000, 8), Phase(750, 1000, 1024, 10_000, 4)]


def test_without_growth_there_is_one_phase():
    assert phases(100, 10, 20, 20) == [Phase(0, 10, 20, 0, 5)]


@pytest.mark.parametrize(("epochs", "multiple"), [(2, 1), (1, 1), (40, 10), (75, 25), (30, 10)])
def test_phases_cover_all_epochs_in_multiples(epochs, multiple):
    plan = phases(100, epochs, 10, 70, multiple)
    assert plan[0].first_epoch == 0 and plan[-1].end_epoch == epochs and plan[-1].batch_size == 70
    for one, two in zip(plan, plan[1:], strict=False):
        assert one.end_epoch == two.first_epoch
        assert two.first_epoch % multiple == 0
        assert two.first_step == one.first_step + (one.end_epoch - one.first_epoch) * one.steps_per_epoch
        assert two.batch_size > one.batch_size


def test_epochs_are_counted_across_phases():
    plan = phases(4050, 1000, 256, 1024)
    for step, epoch in ((0, 0), (15, 0), (16, 1), (8000, 500), (8008, 501), (11_000, 1000)):
        assert epoch_at(step, plan) == epoch


def test_the_learning_rate_falls_with_epochs_not_with_steps():
    plan = phases(4050, 1000, 256, 1024)
    schedule = cosine(plan, 1e-2, 5e-5)
    assert float(schedule(0)) == pytest.approx(1e-2, rel=1e-3)
    assert float(schedule(8000)) == pytest.approx(5e-3, rel=0.03)
    assert float(schedule(10_000)) == pytest.approx(5e-5 + 0.146 * 1e-2, rel=0.05)
    assert float(schedule(10_999)) == pytest.approx(5e-5, rel=0.01)


def test_one_epoch_has_a_schedule_too():
    schedule = cosine(phases(100, 1, 20, 20), 1.0, 0.1)
    assert float(schedule(0)) > float(schedule(4)) > 0.1

"""Runs that are stopped at any time resume to the weights of a whole one."""

import signal

import pytest

from tests.helpers.stopped_runs import stops


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_runs_stopped_at_any_time_resume_to_the_weights_of_a_whole_one(number, tmp_path):
    assert len(list(stops(number, 20, str(tmp_path)))) == 20

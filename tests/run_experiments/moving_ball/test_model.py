"""The models of the moving-ball experiment."""

import dataclasses

import numpy as np
import pytest

from data_generators import moving_ball as data
from run_experiments.moving_ball.model import build_model
from run_experiments.moving_ball.settings import KERNELS
from tests.helpers.small_runs import BALL as TINY


@pytest.mark.parametrize("kernel", sorted(set(KERNELS) - {"squared_exponential"}))
def test_every_kernel_builds_a_model_with_gradients(kernel):
    model = build_model(dataclasses.replace(TINY, kernel=kernel, train_kernel=True))
    videos = data.videos(2, TINY.num_frames)
    history = model.fit(videos.times, videos.frames, verbose=0)
    assert np.isfinite(history.history["loss"][0])

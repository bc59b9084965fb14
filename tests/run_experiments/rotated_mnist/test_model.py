"""The models of the rotated-MNIST experiment."""

import dataclasses

import keras
import numpy as np
import pytest

from run_experiments.rotated_mnist.data import batches, load_data
from run_experiments.rotated_mnist.model import build_model, gp_parameters
from run_experiments.rotated_mnist.settings import Settings
from tests.helpers.small_runs import DIGITS, SHORT


def test_the_original_geco_trains_in_double_precision_far_above_what_single_precision_holds():
    settings = dataclasses.replace(DIGITS, objective="original_geco", clip_norm=None)
    digits = load_data(settings)
    model = build_model(settings, digits)
    assert keras.config.floatx() == keras.config.dtype_policy().name == "float32"
    model.objective._log_multiplier.assign(110.0)  # exp(110) is 6e47
    history = model.fit(batches(settings, digits.train, 64, 0), steps_per_epoch=2, epochs=1, verbose=0)
    assert 1e44 < history.history["loss"][0] < np.inf


@pytest.mark.parametrize(("start", "m"), [("k_means", 12), ("greedy", 12), ("grid", 32), ("kde", 24)])
def test_inducing_points_start_where_they_are_asked_to(start, m):
    settings = dataclasses.replace(DIGITS, inducing_start=start, num_inducing=m)
    digits = load_data(settings)
    points = build_model(settings, digits).prior.inducing_points
    assert points.shape == (m, 9)
    assert len(np.unique(points, axis=0)) == m


def test_there_may_be_as_many_inducing_points_as_images_and_no_more():
    digits = load_data(DIGITS)
    count = len(digits.train.images)
    settings = dataclasses.replace(DIGITS, inducing_start="kde", num_inducing=count)
    assert build_model(settings, digits).prior.inducing_points.shape == (count, 9)
    with pytest.raises(ValueError, match=f"{count + 1} inducing points are more than the {count} data points"):
        build_model(dataclasses.replace(settings, num_inducing=count + 1), digits)


def test_the_learning_rate_does_not_rise_unless_told_to():
    assert Settings.of("cvae", learning_rate=1e-4).final_learning_rate == 1e-4
    assert Settings.of("cvae", learning_rate=1e-2).final_learning_rate == 1e-3
    assert Settings.of("cvae", learning_rate=1e-4, final_learning_rate=1e-2).final_learning_rate == 1e-2
    assert Settings.of("svgpvae").final_learning_rate == Settings().final_learning_rate


@pytest.mark.parametrize(("model", "name"), [("gppvae", "prior_noise_variance"), ("svigp", "noise_stddev")])
def test_learned_noise_is_recorded(model, name):
    settings = Settings.of(model, **SHORT)
    numbers = gp_parameters(build_model(settings, load_data(settings)))
    assert numbers[name] > 0.0

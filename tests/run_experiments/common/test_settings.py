"""Flags of the experiments: defaults, pairs of numbers, and flags that would change nothing."""

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
from absl import flags

from run_experiments.moving_ball import settings as ball
from run_experiments.rotated_mnist import settings as digits
from run_experiments.rotated_mnist.model import build_model
from run_experiments.sprites import settings as sprites


def settings_of(experiment: Any, *given: str) -> Any:
    """Settings of a command line."""
    values = flags.FlagValues()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flags, "FLAGS", values)
        for kind in ("string", "integer", "float", "bool", "enum", "list"):
            define = getattr(flags, f"DEFINE_{kind}")
            patch.setattr(flags, f"DEFINE_{kind}", functools.partial(define, flag_values=values))
        experiment.define_flags()
        values(["program", *given])
        return experiment.settings_from_flags()


@pytest.mark.parametrize("experiment", [ball, digits, sprites])
def test_without_flags_settings_are_the_defaults(experiment):
    assert settings_of(experiment) == experiment.Settings()


@pytest.mark.parametrize("model", digits.MODELS)
def test_the_flags_of_a_model_have_its_defaults(model):
    assert settings_of(digits, f"--model={model}") == digits.Settings.of(model)


def test_flags_are_settings():
    changed = settings_of(digits, "--model=cvae", "--variance_bounds=1e-4,2", "--clip_norm=inf", "--adam_beta_2=0.9")
    assert changed == digits.Settings.of("cvae", variance_bounds=(1e-4, 2.0), clip_norm=np.inf, adam_beta_2=0.9)
    assert settings_of(ball, "--inducing_range=0,9").inducing_range == (0.0, 9.0)
    assert settings_of(sprites, "--variance_bounds=1e-2,1").variance_bounds == (1e-2, 1.0)


def test_the_learning_rate_is_the_optimizers_unless_the_model_has_its_own():
    assert settings_of(digits).learning_rate == 2e-2
    assert settings_of(digits, "--optimizer=adam").learning_rate == 1e-2
    assert settings_of(digits, "--optimizer=adam", "--learning_rate=3e-3").learning_rate == 3e-3
    assert settings_of(digits, "--model=cvae").learning_rate == 1e-3
    assert settings_of(digits, "--model=cvae", "--optimizer=soap").learning_rate == 2e-2


def test_objectives_have_defaults_of_their_own():
    original = settings_of(digits, "--objective=original_geco")
    assert (original.optimizer, original.learning_rate, original.final_learning_rate) == ("adam", 1e-3, 1e-3)
    assert (original.clip_norm, original.adam_beta_2, original.final_batch_size) == (None, 0.999, None)
    assert settings_of(digits, "--objective=elbo").noise_stddev == 0.2
    assert settings_of(digits, "--model=svigp").noise_stddev == 0.1


def test_clipping_can_be_switched_off(small_digits):
    settings = digits.Settings.of("svgpvae", clip_norm=np.inf, num_latents=2, images_per_digit=20, num_inducing=8)
    assert build_model(settings, small_digits).optimizer.global_clipnorm is None
    clipped = dataclasses.replace(settings, clip_norm=0.5)
    assert build_model(clipped, small_digits).optimizer.global_clipnorm == 0.5


@pytest.fixture(scope="module")
def small_digits():
    from run_experiments.rotated_mnist.experiment import load_data

    return load_data(digits.Settings(images_per_digit=20))


@pytest.mark.parametrize(
    ("experiment", "given", "message"),
    [
        (digits, ["--model=vae", "--num_inducing=8"], "--num_inducing has no effect on --model=vae"),
        (digits, ["--model=gppvae", "--normalize_objects"], "--normalize_objects has no effect on --model=gppvae"),
        (digits, ["--model=svigp", "--variance_bounds=1e-3,1"], "--variance_bounds has no effect on --model=svigp"),
        (digits, ["--objective=elbo", "--tolerance=0.1"], "--tolerance has no effect on --objective=elbo"),
        (digits, ["--beta=2"], "--beta has no effect on --objective=geco"),
        (digits, ["--data=x.npz", "--digits=3"], "--digits has no effect on the file of --data"),
        (digits, ["--variance_bounds=1"], "--variance_bounds takes two numbers, such as 1e-3,10; got 1"),
        (ball, ["--model=vae", "--initial_length_scale=1"], "--initial_length_scale has no effect on --model=vae"),
        (ball, ["--model=gpvae", "--num_inducing=5"], "--num_inducing has no effect on --model=gpvae"),
        (ball, ["--inducing_range=0,x"], "--inducing_range takes two numbers"),
        (sprites, ["--noise_stddev=1"], "--noise_stddev has no effect on --objective=geco"),
        (sprites, ["--pretrain_learning_rate=1"], "no effect on a run without --pretrain_epochs"),
        (sprites, ["--data=x", "--characters=3"], "--characters has no effect on the shards of --data"),
    ],
)
def test_flags_without_effect_and_pairs_that_are_none_are_refused(experiment, given, message):
    with pytest.raises(ValueError, match=message):
        settings_of(experiment, *given)


@pytest.mark.parametrize("experiment", [ball, digits, sprites])
def test_each_setting_is_a_flag_and_idle_ones_exist(experiment):
    names = {field.name for field in dataclasses.fields(experiment.Settings)}
    assert {name for idle in experiment.IDLE.values() for name in idle} <= names

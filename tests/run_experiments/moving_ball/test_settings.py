"""Settings of the moving-ball experiment."""

import dataclasses

import pytest

from run_experiments.moving_ball.settings import MODELS, Settings
from tests.helpers.command_line import parse

INDUCING = ("--bound=titsias", "--num_inducing=5", "--inducing_range=0,9", "--train_inducing", "--inducing_unit=1",
            "--jitter=0")  # fmt: skip
KERNEL = ("--kernel=matern12", "--train_kernel", "--initial_length_scale=1")


def test_flags_are_settings():
    assert parse(Settings, "--inducing_range=0,9").inducing_range == (0.0, 9.0)
    assert parse(Settings, "--variance_bounds=1e-2,1").variance_bounds == (1e-2, 1.0)
    assert parse(Settings, "--train_kernel", "--notrain_inducing") == Settings(train_kernel=True)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("flag", [*INDUCING, *KERNEL])
def test_flags_without_effect_on_the_model_are_rejected(flag, model):
    unused = {"svgpvae": (), "gpvae": INDUCING, "neural_process": INDUCING, "vae": INDUCING + KERNEL}[model]
    if flag in unused:
        name = flag.split("=")[0]
        with pytest.raises(ValueError, match=f"^{name} has no effect with --model={model}$"):
            parse(Settings, f"--model={model}", flag)
    else:
        assert parse(Settings, f"--model={model}", flag) != Settings(model=model)


def test_pairs_are_two_numbers():
    with pytest.raises(ValueError, match="--inducing_range takes two numbers, such as 1e-3,10; got 0,x"):
        parse(Settings, "--inducing_range=0,x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *[
            ({name: 0}, f"--{name} must be at least 1, got 0")
            for name in ("num_inducing", "num_frames", "batch_size", "num_test_videos", "steps", "steps_per_epoch")
        ],
        *[
            ({name: 0.0}, f"--{name} must be positive and finite, got 0.0")
            for name in ("inducing_unit", "initial_length_scale", "data_length_scale", "learning_rate", "clip_norm")
        ],
        *[
            ({name: -1.0}, f"--{name} must be finite and not negative, got -1.0")
            for name in ("beta", "jitter", "final_learning_rate")
        ],
        ({"model": "vq"}, "unknown model 'vq'; choose one of svgpvae, gpvae, neural_process, vae"),
        ({"bound": "x"}, "unknown bound 'x'; choose one of hensman, titsias, original"),
        ({"kernel": "linear"}, "unknown kernel 'linear'; choose one of squared_exponential, matern12, matern32, "
                               "matern52, rational_quadratic"),
        ({"seed": -1}, "--seed must not be negative, got -1"),
        ({"variance_bounds": (5.0, 1.0)}, "--variance_bounds must be positive and rising, got 5,1"),
        ({"steps": 5, "steps_per_epoch": 2}, "--steps=5 must be a multiple of --steps_per_epoch=2"),
        ({"num_inducing": 31}, "--num_inducing=31 fixed inducing points are more than the 30 frames"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_named(change, message):
    with pytest.raises(ValueError) as caught:
        dataclasses.replace(Settings(), **change).check()
    assert str(caught.value) == message


def test_fixed_inducing_points_may_be_as_many_as_the_frames():
    Settings(num_inducing=30).check()


def test_more_inducing_points_than_frames_are_allowed_if_they_move_or_are_not_used():
    Settings(num_inducing=31, train_inducing=True).check()
    Settings(num_inducing=31, model="gpvae").check()


def test_a_run_shorter_than_an_epoch_is_one_epoch():
    settings = Settings(steps=7, steps_per_epoch=10)
    settings.check()
    assert settings.epoch_steps == 7
    assert Settings(steps=20, steps_per_epoch=10).epoch_steps == 10

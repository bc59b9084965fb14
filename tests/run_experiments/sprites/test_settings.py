"""Settings of the sprites experiment."""

import dataclasses

import numpy as np
import pytest

from run_experiments.sprites.settings import Settings
from tests.helpers.command_line import parse


def test_flags_are_settings():
    assert parse(Settings, "--variance_bounds=1e-2,1").variance_bounds == (1e-2, 1.0)
    assert parse(Settings, "--clip_norm=inf", "--context=first") == Settings(clip_norm=np.inf, context="first")
    assert parse(Settings, "--pretrain_epochs=2", "--pretrain_learning_rate=1").pretrain_learning_rate == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--noise_stddev=1"], "--noise_stddev has no effect with --objective=geco"),
        (["--objective=elbo", "--tolerance=1"], "--tolerance has no effect with --objective=elbo"),
        (["--pretrain_learning_rate=1"], "--pretrain_learning_rate has no effect with --pretrain_epochs=0"),
        *[
            (["--data=x", f"--{name}=3"], f"--{name} has no effect when --data is given")
            for name in ("characters", "train_characters", "poses_per_character", "data_seed")
        ],
        (["--variance_bounds=1"], "--variance_bounds takes two numbers, such as 1e-3,10; got 1"),
    ],
)
def test_flags_without_effect_are_rejected(arguments, message):
    with pytest.raises(ValueError) as caught:
        parse(Settings, *arguments)
    assert str(caught.value) == message


AT_LEAST_1 = (
    "characters", "train_characters", "poses_per_character", "num_latents", "pose_size", "style_size",
    "inducing_per_pose", "characters_per_batch", "epochs", "evaluate_every", "num_context",
)  # fmt: skip
POSITIVE = ("tolerance", "noise_stddev", "learning_rate", "final_learning_rate", "pretrain_learning_rate")
NOT_NEGATIVE = ("final_characters_per_batch", "pretrain_epochs", "seed", "data_seed")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *[({name: 0}, f"--{name} must be at least 1, got 0") for name in AT_LEAST_1],
        *[({name: np.inf}, f"--{name} must be positive and finite, got inf") for name in POSITIVE],
        *[({name: -1}, f"--{name} must not be negative, got -1") for name in NOT_NEGATIVE],
        ({"kernel": "linear"}, "unknown kernel 'linear'; choose one of cosine, squared_exponential"),
        ({"objective": "mse"}, "unknown objective 'mse'; choose one of geco, elbo"),
        ({"context": "last"}, "unknown context 'last'; choose one of random, first"),
        ({"optimizer": "sgd"}, "unknown optimizer 'sgd'; choose one of adam, soap"),
        ({"clip_norm": 0.0}, "--clip_norm must be positive, got 0.0"),
        ({"adam_beta_2": 1.0}, "--adam_beta_2 must be between 0 and 1, got 1.0"),
        ({"variance_bounds": (10.0, 1.0)}, "--variance_bounds must be positive and rising, got 10,1"),
        ({"pose_size": 73}, "--pose_size=73 is more than the 72 poses"),
        (
            {"train_characters": 1},
            "--train_characters must be at least 2: style cannot be learned from a single character",
        ),
        (
            {"train_characters": 4, "characters": 4},
            "--train_characters=4 leaves none of the 4 characters to test",
        ),
        ({"epochs": 3, "evaluate_every": 2}, "--epochs=3 must be a multiple of --evaluate_every=2"),
        (
            {"data": "a", "sheets": "b"},
            "give either --data, a folder of shards, or --sheets, the sprite sheets themselves",
        ),
    ],
)
def test_settings_that_cannot_work_are_named(change, message):
    with pytest.raises(ValueError) as caught:
        dataclasses.replace(Settings(), **change).check()
    assert str(caught.value) == message


def test_the_characters_of_a_folder_are_not_compared_with_settings_that_it_replaces():
    Settings(data="x", characters=1, train_characters=1).check()


def test_zero_is_allowed_where_it_means_none():
    Settings(final_characters_per_batch=0, pretrain_epochs=0, seed=0, data_seed=0).check()

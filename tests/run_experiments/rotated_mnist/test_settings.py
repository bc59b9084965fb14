"""Settings of the rotated-MNIST experiment, whose defaults depend on the model and the objective."""

import dataclasses

import numpy as np
import pytest

from run_experiments.rotated_mnist.experiment import load_data
from run_experiments.rotated_mnist.model import build_model
from run_experiments.rotated_mnist.settings import MODELS, Settings
from tests.helpers.command_line import parse

INDUCING = ("--num_inducing=8", "--inducing_start=grid", "--normalize_objects")
BOUND = ("--bound=titsias",)
SCORES = ("--num_scores=4",)
VARIANCES = ("--variance_bounds=1e-4,1",)


@pytest.mark.parametrize("model", MODELS)
def test_the_flags_of_a_model_have_its_defaults(model):
    settings = parse(Settings, f"--model={model}")
    assert settings == Settings.of(model)
    settings.check()


def test_flags_are_settings():
    changed = parse(Settings, "--model=cvae", "--variance_bounds=1e-4,2", "--clip_norm=inf", "--adam_beta_2=0.9")
    assert changed == Settings.of("cvae", variance_bounds=(1e-4, 2.0), clip_norm=np.inf, adam_beta_2=0.9)
    assert not parse(Settings, "--notrain_networks", "--start_from=x").train_networks


def test_the_learning_rate_is_the_optimizers_unless_the_model_has_its_own():
    assert parse(Settings).learning_rate == 2e-2
    assert parse(Settings, "--optimizer=adam").learning_rate == 1e-2
    assert parse(Settings, "--optimizer=adam", "--learning_rate=3e-3").learning_rate == 3e-3
    assert parse(Settings, "--model=cvae").learning_rate == 1e-3
    assert parse(Settings, "--model=cvae", "--optimizer=soap").learning_rate == 2e-2


def test_objectives_have_defaults_of_their_own():
    original = parse(Settings, "--objective=original_geco")
    assert (original.optimizer, original.learning_rate, original.final_learning_rate) == ("adam", 1e-3, 1e-3)
    assert (original.clip_norm, original.adam_beta_2, original.final_batch_size) == (None, 0.999, None)
    assert parse(Settings, "--objective=elbo").noise_stddev == 0.2
    assert parse(Settings, "--model=svigp").noise_stddev == 0.1


def test_clipping_can_be_switched_off(small_digits):
    settings = Settings.of("svgpvae", clip_norm=np.inf, num_latents=2, images_per_digit=20, num_inducing=8)
    assert build_model(settings, small_digits).optimizer.global_clipnorm is None
    clipped = dataclasses.replace(settings, clip_norm=0.5)
    assert build_model(clipped, small_digits).optimizer.global_clipnorm == 0.5


@pytest.fixture(scope="module")
def small_digits():
    return load_data(Settings(images_per_digit=20))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("flag", [*INDUCING, *BOUND, *SCORES, *VARIANCES])
def test_flags_without_effect_on_the_model_are_rejected(flag, model):
    unused = {
        "svgpvae": (),
        "svigp": BOUND + VARIANCES,
        "original_svigp": BOUND + VARIANCES,
        "gppvae": INDUCING + BOUND,
        "original_gppvae": INDUCING + BOUND,
        "cvae": INDUCING + BOUND + SCORES,
        "vae": INDUCING + BOUND + SCORES,
    }[model]
    if flag in unused:
        name = flag.split("=")[0]
        with pytest.raises(ValueError, match=f"^{name} has no effect with --model={model}$"):
            parse(Settings, f"--model={model}", flag)
    else:
        assert parse(Settings, f"--model={model}", flag) != Settings.of(model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--objective=elbo", "--tolerance=0.1"], "--tolerance has no effect with --objective=elbo"),
        (["--model=vae", "--tolerance=0.1"], "--tolerance has no effect with --objective=elbo"),
        (["--beta=2"], "--beta has no effect with --objective=geco"),
        (["--noise_stddev=2"], "--noise_stddev has no effect with --objective=geco"),
        (["--objective=original_geco", "--beta=2"], "--beta has no effect with --objective=original_geco"),
        (["--data=x.npz", "--digits=3"], "--digits has no effect when --data is given"),
        (["--data=x.npz", "--images_per_digit=3"], "--images_per_digit has no effect when --data is given"),
        (["--data=x.npz", "--data_seed=3"], "--data_seed has no effect when --data is given"),
        (["--data=x.npz", "--eval_shuffle"], "--eval_shuffle has no effect when --data is given"),
        (["--variance_bounds=1"], "--variance_bounds takes two numbers, such as 1e-3,10; got 1"),
    ],
)
def test_flags_without_effect_on_objective_or_data_are_rejected(arguments, message):
    with pytest.raises(ValueError) as caught:
        parse(Settings, *arguments)
    assert str(caught.value) == message


COUNTS = (
    "num_inducing", "num_latents", "num_scores", "batch_size", "epochs", "evaluate_every", "images_per_digit",
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *[({name: 0}, f"--{name} must be at least 1, got 0") for name in COUNTS],
        *[
            ({name: 0.0}, f"--{name} must be positive and finite, got 0.0")
            for name in ("tolerance", "noise_stddev", "learning_rate", "final_learning_rate")
        ],
        ({"model": "gan"}, f"unknown model 'gan'; choose one of {', '.join(MODELS)}"),
        ({"bound": "original"}, "unknown bound 'original'; choose one of hensman, titsias"),
        ({"objective": "mse"}, "unknown objective 'mse'; choose one of geco, original_geco, elbo"),
        ({"inducing_start": "random"}, "unknown inducing_start 'random'; choose one of kde, k_means, grid, greedy"),
        ({"optimizer": "sgd"}, "unknown optimizer 'sgd'; choose one of adam, soap"),
        ({"clip_norm": -1.0}, "--clip_norm must be positive, got -1.0"),
        ({"beta": np.inf}, "--beta must be finite and not negative, got inf"),
        ({"adam_beta_2": 1.0}, "--adam_beta_2 must be between 0 and 1, got 1.0"),
        ({"variance_bounds": (10.0, 1.0)}, "--variance_bounds must be positive and rising, got 10,1"),
        ({"seed": -1}, "--seed must not be negative, got -1"),
        ({"data_seed": -1}, "--data_seed must not be negative, got -1"),
        ({"digits": "33"}, "--digits takes different digits, such as 3 or 36, got '33'"),
        ({"digits": "x"}, "--digits takes different digits, such as 3 or 36, got 'x'"),
        ({"final_batch_size": 32}, "--final_batch_size=32 is below --batch_size=256"),
        ({"epochs": 3, "evaluate_every": 2}, "--epochs=3 must be a multiple of --evaluate_every=2"),
        (
            {"model": "cvae", "start_from": "x"},
            "--start_from gives an encoder and a decoder, which cvae does not share",
        ),
        (
            {"train_networks": False},
            "--notrain_networks needs trained networks: give --start_from=RUN_FOLDER",
        ),
        (
            {"data": "a.npz", "mnist_path": "b.npz"},
            "give either --data, a file of rotated digits, or --mnist_path, MNIST itself",
        ),
    ],
)
def test_settings_that_cannot_work_are_named(change, message):
    with pytest.raises(ValueError) as caught:
        dataclasses.replace(Settings(), **change).check()
    assert str(caught.value) == message

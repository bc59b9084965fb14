"""The sprites experiment on a few drawn characters: it runs, resumes, and draws unseen characters without its data."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest

import svgp_vae_tf as svgp
from data_generators.sprites import dataset as data
from run_experiments import reproduce
from run_experiments.common import run_folder
from run_experiments.sprites import experiment as sprites
from run_experiments.sprites import generation as sprites_generation
from run_experiments.sprites import tables as report_sprites
from tests.helpers.checkpoints import weights_of
from tests.helpers.small_runs import SPRITES


def metrics_of(folder: str) -> dict:
    with open(os.path.join(folder, "metrics.json")) as file:
        return json.load(file)


def test_a_run_leaves_everything_behind(finished):
    names = {"config.json", "metrics.json", "history.csv", "figures", "tensorboard", "model.keras"}
    assert names <= set(os.listdir(finished))
    metrics = metrics_of(finished)
    assert metrics["epochs"] == 2
    assert metrics["num_data"] == 3 * 25
    for name in ("test_mse_mean", "test_mse_sampled", "train_mse", "baseline_mean_character", "smallest_variance"):
        assert 0.0 < metrics[name] < 1.0
    assert len(metrics["test_mse_by_pose"]) == data.NUM_POSES


def test_a_saved_model_draws_unseen_characters_without_the_training_data(finished, characters):
    model = svgp.load_model(os.path.join(finished, "model.keras"))
    errors = sprites_generation.generation_errors(model, sprites.unseen(SPRITES, characters), sprites.SAMPLE_SEED)
    assert errors.mse_mean == pytest.approx(metrics_of(finished)["test_mse_mean"], rel=1e-5)
    some = next(sprites.unseen(SPRITES, characters))
    wrong = {**sprites_generation.target_aux(model, some), "pose": np.full(len(some.target_poses), 72.0)}
    with pytest.raises(svgp.DataError, match="no whole number from 0 to 71"):
        model.predict(wrong, verbose=0)


@pytest.mark.parametrize(("target", "name"), [("figure8", "sprites_drawn"), ("sprites_choices", "pretrained")])
def test_targets_report_what_runs_left(target, name, finished, tmp_path):
    runs, results = tmp_path / "runs", str(tmp_path / "results")
    shutil.copytree(finished, runs / target / name)
    path = reproduce.reproduce(target, "full", str(runs), results, training=False)
    assert os.path.getsize(path) > 1000
    report = run_folder.read_json(path.replace(".png", ".json"))
    metrics = metrics_of(finished)
    assert [row["epoch"] for row in report["by_epoch"][name]] == [1, 2]
    assert report["by_epoch"][name][-1]["test_mse_sampled"] == pytest.approx(metrics["test_mse_sampled"], rel=1e-5)
    assert report["other_settings"] == [name]
    assert set(report["missing"]) == set(reproduce.runs_of(target, "full", "", {}, [0])) - {name}
    section = {"figure8": report_sprites.UNSEEN, "sprites_choices": report_sprites.CHOICES}[target]
    assert f"{metrics['test_mse_mean']:.4f}" in section.render(results)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_weights(finished, settings, tmp_path, monkeypatch):
    folder = str(tmp_path / "killed")
    evaluate, calls = sprites.evaluate, []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return evaluate(*arguments)

    monkeypatch.setattr(sprites, "evaluate", killed)
    with pytest.raises(KeyboardInterrupt):
        sprites.run(settings, folder, verbose=0)
    monkeypatch.setattr(sprites, "evaluate", evaluate)
    sprites.run(settings, folder, resume=True, verbose=0)
    one, two = (weights_of(os.path.join(path, "checkpoint.weights.h5")) for path in (finished, folder))
    assert any("geco" in name for name in one)
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name], err_msg=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_context": 72}, "--num_context=72 must be at least 1 and leave some of the 72 frames"),
        ({"train_characters": 4}, "leaves none of the 4 characters to test"),
        ({"characters": 2000}, "there are 1296 characters, fewer than asked for"),
        ({"kernel": "linear"}, "unknown kernel"),
        ({"epochs": 3, "evaluate_every": 2}, "multiple of --evaluate_every"),
        ({"tolerance": 0.0}, "--tolerance must be positive"),
        ({"pretrain_epochs": -1}, "--pretrain_epochs"),
        ({"train_characters": 1}, "--train_characters must be at least 2"),
        ({"seed": -1}, "--seed must not be negative"),
        ({"pose_size": 73}, "--pose_size=73 is more than the 72 poses"),
        ({"sheets": "nowhere"}, "is missing"),
        ({"data": "nowhere"}, "is missing"),
        ({"data": "a", "sheets": "b"}, "either --data"),
    ],
)
def test_settings_that_cannot_work_get_one_line(tmp_path, change, message):
    with pytest.raises((ValueError, run_folder.RunFolderError), match=message) as caught:
        sprites.run(dataclasses.replace(SPRITES, **change), str(tmp_path / "run"), verbose=0)
    assert "\n" not in str(caught.value)
    assert "num_context" in change or not list(tmp_path.iterdir())  # num_context is checked with the data


def test_a_damaged_shard_is_named_when_it_is_read(characters, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(characters.folder, copy)
    shard = next(copy.glob("test*"))
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    shard.write_bytes(bytes(damaged))
    with pytest.raises(ValueError, match=shard.name) as caught:
        sprites.run(dataclasses.replace(SPRITES, data=str(copy)), str(tmp_path / "run"), verbose=0)
    assert "\n" not in str(caught.value)


def test_a_shard_cut_short_is_named_before_training(characters, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(characters.folder, copy)
    shard = next(copy.glob("train*"))
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(ValueError, match=shard.name):
        sprites.run(dataclasses.replace(SPRITES, data=str(copy)), str(tmp_path / "run"), verbose=0)

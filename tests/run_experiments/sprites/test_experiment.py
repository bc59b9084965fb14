"""The sprites experiment on a few drawn characters: it runs, resumes, and draws unseen characters without its data."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from data_generators.sprites import dataset as data
from data_generators.sprites.drawn import characters as drawn_sprites
from run_experiments import reproduce
from run_experiments.common import run_folder
from run_experiments.sprites import experiment as sprites
from run_experiments.sprites import generation as sprites_generation
from run_experiments.sprites import model as sprites_models
from run_experiments.sprites import tables as report_sprites
from run_experiments.sprites.settings import Settings
from tests.helpers.checkpoints import weights_of

SMALL = Settings(
    characters=4, train_characters=3, poses_per_character=25, num_latents=4, epochs=2, evaluate_every=1,
    characters_per_batch=2, final_characters_per_batch=3, num_context=64,
)  # fmt: skip


@pytest.fixture(scope="module")
def characters(tmp_path_factory) -> data.SpriteSet:
    """Drawn characters, as a run without data makes them."""
    return sprites.load_data(SMALL, str(tmp_path_factory.mktemp("drawn")))


@pytest.fixture(scope="module")
def settings(characters) -> Settings:
    return dataclasses.replace(SMALL, data=characters.folder)


@pytest.fixture(scope="module")
def finished(settings, tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("runs") / "sprites")
    sprites.run(settings, folder, verbose=0)
    return folder


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
    errors = sprites_generation.generation_errors(model, sprites.unseen(SMALL, characters), sprites.SAMPLE_SEED)
    assert errors.mse_mean == pytest.approx(metrics_of(finished)["test_mse_mean"], rel=1e-5)
    some = next(sprites.unseen(SMALL, characters))
    wrong = {**sprites_generation.asked_of(model, some), "pose": np.full(len(some.target_poses), 72.0)}
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


@pytest.mark.parametrize("choice", ["first", "random"])
def test_context_and_questions_part_the_frames_of_a_character(characters, choice):
    count = 0
    for some in sprites_generation.unseen(characters, 30, choice, seed=0, block=1):
        assert len(np.unique([*some.context_characters, *some.target_characters])) == 1
        assert sorted([*some.context_poses, *some.target_poses]) == list(range(data.NUM_POSES))
        assert len(some.context_poses) == 30
        assert (some.context_poses.max() == 29) == (choice == "first")
        drawn = drawn_sprites.frames(int(some.context_characters[0])) / np.float32(256)
        np.testing.assert_array_equal(some.context_images, drawn[some.context_poses])
        np.testing.assert_array_equal(some.target_images, drawn[some.target_poses])
        count += 1
    assert count == 1


class StubModel:
    """Answers that depend on pose and style alone, and differ between mean, sample and variance."""

    def __init__(self) -> None:
        self.auxiliary = self.prior = self
        self.seeds: list[int] = []

    def pool(self, images: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        distinct = np.unique(ids)
        return distinct, np.array([[images[ids == one].mean()] for one in distinct])

    def features(self, aux: dict) -> np.ndarray:
        return aux["style"]

    def predict(self, aux: dict, verbose: int) -> np.ndarray:
        return np.broadcast_to(
            (aux["style"][:, 0] + 0.001 * aux["pose"])[:, None, None, None], (len(aux["pose"]), *data.SHAPE)
        )

    def sample(self, aux: dict, joint: bool, seed: int) -> np.ndarray:
        self.seeds.append(seed)
        return (self.predict(aux, 0) + 0.1)[np.newaxis]

    def predict_latent(self, aux: dict) -> svgp.models.prediction.LatentMoments:
        return svgp.models.prediction.LatentMoments(aux["style"], 2.0 + aux["pose"][:, None] + aux["style"])

    def unexplained_variance(self, features: np.ndarray) -> np.ndarray:
        return features - 1.0


def test_errors_are_what_loops_give():
    rng = np.random.default_rng(0)
    blocks = []
    for ids in ((3, 5), (7,)):
        context, target = (np.repeat(ids, count) for count in (2, 3))
        shown, asked = (rng.random((len(of), *data.SHAPE)) for of in (context, target))
        asked[0] = shown[1]  # a frame that repeats a context frame of the same character
        asked[-1] = shown[0] if len(ids) == 2 else asked[-1]  # and one that repeats another's
        poses = rng.permutation(10)[: len(target)]
        blocks.append(sprites_generation.Unseen(shown, np.zeros(len(shown), int), context, asked, poses, target))
    found = sprites_generation.generation_errors(StubModel(), iter(blocks), seed=1)
    errors, sampled, new, variances, open_ = {}, [], [], [], []
    for block in blocks:
        for i, (image, pose, character) in enumerate(zip(*block[3:], strict=True)):
            style = block.context_images[block.context_characters == character].mean()
            errors.setdefault(pose, []).append(np.mean((style + 0.001 * pose - image) ** 2))
            sampled.append(np.mean((style + 0.001 * pose + 0.1 - image) ** 2))
            new += [errors[pose][-1]] if i else []
            variances.append(2.0 + pose + style)
            open_.append(style - 1.0)
    everything = [error for of_pose in errors.values() for error in of_pose]
    assert found.mse_mean == pytest.approx(np.mean(everything))
    assert found.mse_sampled == pytest.approx(np.mean(sampled))
    assert found.mse_without_repeats == pytest.approx(np.mean(new))
    assert found.share_of_repeats == pytest.approx(2 / 9)
    assert found.smallest_variance == pytest.approx(min(variances))
    assert found.smallest_unexplained == pytest.approx(min(open_))
    for pose, expected in enumerate(found.mse_by_pose):
        assert expected == pytest.approx(np.mean(errors[pose])) if pose in errors else np.isnan(expected)


def test_baselines_are_what_loops_give(characters):
    mean_frames = np.random.default_rng(0).random((data.NUM_POSES, *data.SHAPE)).astype(np.float32)
    found = sprites_generation.baselines(sprites.unseen(SMALL, characters), mean_frames)
    mean, nearest = [], []
    for some in sprites_generation.unseen(characters, SMALL.num_context, SMALL.context, SMALL.seed, block=1):
        for image, pose in zip(some.target_images, some.target_poses, strict=True):
            mean.append(np.mean((mean_frames[pose] - image) ** 2))
            gaps = [np.sum((mean_frames[pose] - mean_frames[other]) ** 2) for other in some.context_poses]
            nearest.append(np.mean((some.context_images[np.argmin(gaps)] - image) ** 2))
    for name, expected in (("mean_character", mean), ("nearest_context", nearest)):
        assert found[name] == found[f"{name}_without_repeats"] == pytest.approx(np.mean(expected), rel=1e-5)


def test_baselines_leave_repeats_out():
    rng = np.random.default_rng(0)
    mean_frames = rng.random((3, *data.SHAPE))
    shown, asked = rng.random((1, *data.SHAPE)), rng.random((2, *data.SHAPE))
    asked[0] = shown[0]
    ids = np.array([4, 4])
    some = sprites_generation.Unseen(shown, np.array([0]), ids[:1], asked, np.array([1, 2]), ids)
    found = sprites_generation.baselines(iter([some]), mean_frames)
    new = np.mean((asked[1] - shown[0]) ** 2)
    assert found["nearest_context"] == pytest.approx(new / 2)
    assert found["nearest_context_without_repeats"] == pytest.approx(new)
    assert found["mean_character_without_repeats"] == pytest.approx(np.mean((asked[1] - mean_frames[2]) ** 2))


def test_repeated_pictures_are_left_out_of_one_error():
    same, other = np.zeros((2, 64, 64, 3)), np.ones((1, 64, 64, 3))
    ids = np.array([3, 4])
    some = sprites_generation.Unseen(same, np.array([0, 1]), ids, np.concatenate([same, other]),
                                     np.array([2, 3, 4]), np.array([3, 5, 3]))  # fmt: skip
    # of character 3 a picture that was shown, of 5 one that was shown of others alone, of 3 a new one
    np.testing.assert_array_equal(sprites_generation.repeats(some), [True, False, False])


def test_data_of_a_start_that_failed_are_not_taken_for_others(tmp_path):
    first = sprites.load_data(SMALL, str(tmp_path))
    again = sprites.load_data(SMALL, str(tmp_path))
    assert again.shards == first.shards
    other = sprites.load_data(dataclasses.replace(SMALL, characters=5, poses_per_character=24), str(tmp_path))
    assert len(other.ids["test"]) == 2
    assert other.num_frames("train") == 3 * 24


def test_inducing_points_start_with_a_style_each():
    rng = np.random.default_rng(0)
    points = sprites_models.inducing_points(rng.normal(size=(72, 8)), rng.normal(size=(200, 16)), 2, seed=0)
    assert points.shape == (144, 24)
    np.testing.assert_array_equal(points[0, :8], points[1, :8])
    assert len(np.unique(points[:, 8:], axis=0)) == 144
    matrix = sprites_models.kernel_of(SMALL).matrix(points, points).numpy()
    # one style for all would leave it at that of the pose vectors
    assert np.linalg.matrix_rank(matrix, tol=1e-6) == SMALL.pose_size * SMALL.style_size


def test_styles_start_with_mean_zero_and_variance_one(characters):
    model = sprites_models.build_model(SMALL, characters)
    styles = sprites_models.look_at(characters, model.auxiliary.network).styles
    np.testing.assert_allclose(styles.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(styles.var(axis=0), 1.0, rtol=1e-2)
    before = [w.numpy() for w in model.auxiliary.network.layers[-1].weights]
    aux, images = next(iter(sprites.batches(SMALL, characters, 2, 0)))
    model.train_on_batch(aux, images)
    for old, new in zip(before, model.auxiliary.network.layers[-1].weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_pretraining_tells_characters_apart(characters):
    settings = dataclasses.replace(SMALL, pretrain_epochs=30)
    network = sprites_models.representation(settings)
    history = sprites_models.pretrain_representation(network, settings, characters)
    assert history["accuracy"][-1] > 0.9
    assert history["loss"][-1] < 0.5 * history["loss"][0]


def test_a_model_starts_from_the_pretrained_network(characters):
    settings = dataclasses.replace(SMALL, pretrain_epochs=1)
    weights = sprites_models.pretrained_weights(settings, characters)
    network = sprites_models.build_model(settings, characters, weights).auxiliary.network
    for expected, found in zip(weights[:-2], network.get_weights(), strict=False):  # the last two standardize
        np.testing.assert_array_equal(expected, found)
    assert sprites_models.pretrained_weights(SMALL, characters) is None


def test_the_squared_exponential_kernel_and_the_elbo_run(characters):
    settings = dataclasses.replace(SMALL, kernel="squared_exponential", objective="elbo")
    model = sprites_models.build_model(settings, characters)
    aux, images = next(iter(sprites.batches(settings, characters, 2, 0)))
    assert np.isfinite(model.train_on_batch(aux, images, return_dict=True)["loss"])
    assert tf.reduce_all(model.posterior(aux, images).variance > 0.0)


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
        sprites.run(dataclasses.replace(SMALL, **change), str(tmp_path / "run"), verbose=0)
    assert "\n" not in str(caught.value)


def test_a_damaged_shard_is_named_when_it_is_read(characters, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(characters.folder, copy)
    shard = next(copy.glob("test*"))
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    shard.write_bytes(bytes(damaged))
    with pytest.raises(ValueError, match=shard.name) as caught:
        sprites.run(dataclasses.replace(SMALL, data=str(copy)), str(tmp_path / "run"), verbose=0)
    assert "\n" not in str(caught.value)


def test_a_shard_cut_short_is_named_before_training(characters, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(characters.folder, copy)
    shard = next(copy.glob("train*"))
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(ValueError, match=shard.name):
        sprites.run(dataclasses.replace(SMALL, data=str(copy)), str(tmp_path / "run"), verbose=0)

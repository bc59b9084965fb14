"""Generated frames of unseen characters, their errors, and baselines."""

import numpy as np
import pytest

import svgp_vae_tf as svgp
from data_generators.sprites import dataset as data
from data_generators.sprites.drawn import characters as drawn_sprites
from run_experiments.sprites import experiment as sprites
from run_experiments.sprites import generation as sprites_generation
from tests.helpers.small_runs import SPRITES


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
    found = sprites_generation.baselines(sprites.unseen(SPRITES, characters), mean_frames)
    mean, nearest = [], []
    for some in sprites_generation.unseen(characters, SPRITES.num_context, SPRITES.context, SPRITES.seed, block=1):
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

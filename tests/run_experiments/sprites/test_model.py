"""The model of the sprites experiment, and how it starts."""

import dataclasses

import numpy as np
import tensorflow as tf

from run_experiments.sprites import data as sprites
from run_experiments.sprites import model as sprites_models
from tests.helpers.small_runs import SPRITES


def test_inducing_points_start_with_a_style_each():
    rng = np.random.default_rng(0)
    points = sprites_models.inducing_points(rng.normal(size=(72, 8)), rng.normal(size=(200, 16)), 2, seed=0)
    assert points.shape == (144, 24)
    np.testing.assert_array_equal(points[0, :8], points[1, :8])
    assert len(np.unique(points[:, 8:], axis=0)) == 144
    matrix = sprites_models.build_kernel(SPRITES).matrix(points, points).numpy()
    # one style for all would leave it at that of the pose vectors
    assert np.linalg.matrix_rank(matrix, tol=1e-6) == SPRITES.pose_size * SPRITES.style_size


def test_styles_start_with_mean_zero_and_variance_one(characters):
    model = sprites_models.build_model(SPRITES, characters)
    styles = sprites_models.summarise_frames(characters, model.auxiliary.network).styles
    np.testing.assert_allclose(styles.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(styles.var(axis=0), 1.0, rtol=1e-2)
    before = [w.numpy() for w in model.auxiliary.network.layers[-1].weights]
    aux, images = next(iter(sprites.batches(SPRITES, characters, 2, 0)))
    model.train_on_batch(aux, images)
    for old, new in zip(before, model.auxiliary.network.layers[-1].weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_pretraining_tells_characters_apart(characters):
    settings = dataclasses.replace(SPRITES, pretrain_epochs=30)
    network = sprites_models.representation(settings)
    history = sprites_models.pretrain_representation(network, settings, characters)
    assert history["accuracy"][-1] > 0.9
    assert history["loss"][-1] < 0.5 * history["loss"][0]


def test_a_model_starts_from_the_pretrained_network(characters):
    settings = dataclasses.replace(SPRITES, pretrain_epochs=1)
    weights = sprites_models.pretrained_weights(settings, characters)
    network = sprites_models.build_model(settings, characters, weights).auxiliary.network
    for expected, found in zip(weights[:-2], network.get_weights(), strict=False):  # the last two standardize
        np.testing.assert_array_equal(expected, found)
    assert sprites_models.pretrained_weights(SPRITES, characters) is None


def test_the_squared_exponential_kernel_and_the_elbo_run(characters):
    settings = dataclasses.replace(SPRITES, kernel="squared_exponential", objective="elbo")
    model = sprites_models.build_model(settings, characters)
    aux, images = next(iter(sprites.batches(settings, characters, 2, 0)))
    assert np.isfinite(model.train_on_batch(aux, images, return_dict=True)["loss"])
    assert tf.reduce_all(model.posterior(aux, images).variance > 0.0)

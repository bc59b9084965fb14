"""Features pooled over groups: against NumPy loops, through training, prediction and a saved file."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf import features
from svgp_vae_tf.features import pooled
from tests.helpers.grouped_data import IDS, PIXELS, POSES, N, arrays, model

IN_A_NEW_PROCESS = """
import numpy as np
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.helpers import grouped_data

one, two = (grouped_data.trained_in(s) for s in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy()))
for a, b in zip(one, two, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
"""


def pooled_by_loop(network: keras.Model, aux: dict[str, np.ndarray]) -> np.ndarray:
    vectors = np.asarray(network(aux["image"]))
    return np.stack([vectors[aux["group"] == own].mean(axis=0) for own in aux["group"]])


def test_features_are_pose_vectors_beside_the_mean_of_the_group():
    aux, _ = arrays()
    trained = model()
    features = trained.features(aux).numpy()
    np.testing.assert_allclose(features[:, :2], trained.auxiliary.others.vectors.numpy()[aux["pose"].astype(int)])
    np.testing.assert_allclose(features[:, 2:], pooled_by_loop(trained.auxiliary.network, aux), rtol=1e-5)


def test_prepared_data_and_pooled_vectors_say_the_same_as_observations(monkeypatch):
    monkeypatch.setattr(pooled, "CHUNK", 4)  # groups straddle the chunks
    aux, _ = arrays()
    trained = model()
    prepared = trained.auxiliary.prepare(aux)
    assert "image" not in prepared
    np.testing.assert_allclose(trained.features(prepared), trained.features(aux), rtol=1e-6)
    ids, vectors = trained.auxiliary.pool(aux["image"], aux["group"])
    np.testing.assert_array_equal(ids, np.unique(IDS))
    np.testing.assert_allclose(prepared["style"], vectors[np.searchsorted(ids, aux["group"])])
    assert trained.auxiliary.prepare(prepared) is prepared


def test_gradients_reach_the_network_through_the_kernel():
    aux, images = arrays()
    trained = model()
    with tf.GradientTape() as tape:
        kl = trained.posterior(aux, tf.constant(images)).kl
    gradients = tape.gradient(kl, trained.auxiliary.network.trainable_variables)
    assert all(np.abs(g.numpy()).max() > 0.0 for g in gradients)


def test_training_conditioning_and_saving(tmp_path):
    aux, images = arrays()
    trained = model()
    trained.compile(keras.optimizers.Adam(1e-2))
    before = [w.numpy() for w in trained.auxiliary.network.trainable_variables]
    history = trained.fit(features.whole_groups(aux, images, 2, seed=0), epochs=30, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert all((a != w.numpy()).any() for a, w in zip(before, trained.auxiliary.network.weights, strict=True))
    trained.condition(features.whole_groups(aux, images, 2))
    context, asked = images[:3], np.arange(POSES, dtype=np.float32)  # a new character from three frames
    _, style = trained.auxiliary.pool(context, np.zeros(3))
    question = {"pose": asked, "style": np.repeat(style, POSES, axis=0)}
    streamed = trained.predict(question, verbose=0)
    trained.condition(aux, images, batch_size=3)  # in chunks that split groups
    np.testing.assert_allclose(trained.predict(question, verbose=0), streamed, rtol=1e-4)
    trained.save(tmp_path / "model.keras")
    loaded = svgp.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(question, verbose=0), streamed, rtol=1e-4)
    np.testing.assert_allclose(loaded.auxiliary.pool(context, np.zeros(3))[1], style, rtol=1e-6)


def test_a_group_that_replicas_share_is_pooled_as_on_one_device():
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", IN_A_NEW_PROCESS], check=True, env=environment)


def test_context_can_join_the_posterior_and_leave_it_again():
    aux, images = arrays()
    trained = model()
    trained.condition(aux, images)
    before = trained.predict_latent(aux)
    trained.update(aux, images)
    updated = trained.predict_latent(aux)
    assert (updated.variance < before.variance).all()
    trained.forget(aux, images)
    np.testing.assert_allclose(trained.predict_latent(aux).mean, before.mean, atol=1e-8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda aux: {k: v for k, v in aux.items() if k != "group"}, "must hold group and image, or style"),
        (lambda aux: aux["pose"], "must be a dict with group and image, or style"),
        (lambda aux: {"pose": aux["pose"], "style": np.zeros((N, 2), np.float32)}, "style has 2 column"),
        (lambda aux: {**aux, "pose": aux["pose"] + POSES}, "no whole number from 0 to 3"),
    ],
)
def test_bad_auxiliary_data_get_one_line(change, message):
    aux, images = arrays()
    with pytest.raises(svgp.DataError, match=message):
        model().condition(change(aux), images)


def test_arrays_cannot_be_fitted_for_keras_would_part_groups():
    aux, images = arrays()
    trained = model()
    trained.compile("adam")
    for method in (trained.fit, trained.evaluate):
        with pytest.raises(svgp.DataError, match="whole_groups"):
            method(x=aux, y=images, verbose=0)


def test_misuse_gets_one_line():
    aux, images = arrays()
    pooling = model().auxiliary
    with pytest.raises(svgp.DataError, match="at least one observation"):
        pooling.pool(images[:0], np.zeros(0))
    with pytest.raises(svgp.DataError, match="an id for each"):
        pooling.pool(images, np.zeros(3))
    with pytest.raises(svgp.DataError, match="num_data"):
        pooling.call(aux, batch_rank=2)
    with pytest.raises(ValueError, match="built"):
        features.PooledFeatures(keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match="groups_per_batch"):
        features.whole_groups(aux, images, 0)
    with pytest.raises(svgp.DataError, match="must be a dict with group"):
        features.whole_groups({"pose": aux["pose"]}, images, 1)
    with pytest.raises(svgp.DataError, match="one length"):
        features.whole_groups(aux, images[:-1], 1)


def test_ids_may_be_text():
    aux, images = arrays()
    text = {**aux, "group": np.array([f"character {int(i):02d}" for i in aux["group"]])}
    by_number = [b["group"].numpy() for b, _ in features.whole_groups(aux, images, 2)]
    by_text = [b["group"].numpy() for b, _ in features.whole_groups(text, images, 2)]
    for number, place in zip(by_number, by_text, strict=True):
        np.testing.assert_array_equal(np.searchsorted(np.unique(IDS), number), place)
    trained = model()
    trained.condition(features.whole_groups(text, images, 2))
    ids, vectors = trained.auxiliary.pool(images, text["group"])
    assert ids[0] == "character 02"
    np.testing.assert_array_equal(vectors, trained.auxiliary.pool(images, aux["group"][:, None])[1])
    with pytest.raises(svgp.DataError, match=r"holds text: features\.whole_groups"):
        trained.features({**text, "group": tf.constant(text["group"])})
    with pytest.raises(svgp.DataError, match="Keras would split groups"):
        trained.fit(text, images, verbose=0)


def test_text_ids_condition_and_predict_as_numbers_do():
    aux, images = arrays()
    text = {**aux, "group": np.array([f"character {int(i):02d}" for i in aux["group"]], dtype=object)}
    found = []
    for named in (aux, text):
        trained = model()
        trained.condition(named, images)
        trained.update(named, images)
        found.append((trained.predict(named, verbose=0), trained.posterior_latents(named, images).variance))
    for number, name in zip(*found, strict=True):
        np.testing.assert_array_equal(number, name)


def test_what_cannot_be_pooled_gets_one_line():
    network = model().auxiliary
    with pytest.raises(svgp.DataError, match="NaN or infinite"):
        network.pool(np.full((2, PIXELS), np.nan), np.zeros(2))
    with pytest.raises(svgp.DataError, match=r"takes \(n, ...\) = \(n, 6\), got observations of shape \(2, 5\)"):
        network.pool(np.zeros((2, 5)), np.zeros(2))
    with pytest.raises(svgp.DataError, match="one id for each row"):
        network.pool(np.zeros(PIXELS), 0)
    with pytest.raises(ValueError, match="whole number of at least 1"):
        features.whole_groups(*arrays(), 2.5)
    with pytest.raises(svgp.DataError, match="must be a dict with group"):
        features.whole_groups(np.zeros(N), np.zeros(N), 2)


def test_groups_may_look_alike():
    aux, images = arrays()
    trained = model()
    trained.condition(aux, images)
    styles = trained.auxiliary.pool(images[:2], [0, 0])[1]
    alike = np.concatenate([styles, styles + 1e-9])
    assert trained.predict({"pose": np.zeros(2), "style": alike}, verbose=0).shape == (2, PIXELS)

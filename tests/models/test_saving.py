"""Saved models answer the same in a new process; files that hold no model are named as such."""

import os
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from run_experiments.original.ball import OriginalBallGP
from svgp_vae_tf.likelihoods import Gaussian
from tests.helpers import small_models
from tests.helpers.full_disk import contents, no_room_beyond
from tests.helpers.small_models import N

TIMES, VALUES = small_models.series()
NAMED = {"time": TIMES, "place": TIMES[..., None] * [0.1, 0.2]}

IN_A_NEW_PROCESS = """
import sys
import numpy as np
import svgp_vae_tf as svgp
from tests.models import test_saving
from tests.helpers import small_models

folder, answers = sys.argv[1], {}
for name in test_saving.MODELS:
    model = svgp.load_model(f"{folder}/{name}.keras")
    for key, value in test_saving.answers(model, name).items():
        answers[f"{name}/{key}"] = value
model = svgp.load_model(f"{folder}/training.keras")
test_saving.train(model)
for i, weight in enumerate(model.get_weights()):
    answers[f"training/{i}"] = weight
np.savez(f"{folder}/answers.npz", **answers)
"""


def composite() -> svgp.kernels.Kernel:
    kernels = svgp.kernels
    first = kernels.Periodic(period=6.0, columns=[0], trainable=False) * kernels.Linear(columns=[1, 2], amplitude=0.7)
    return first + kernels.Matern32([1.0, 2.0], columns=[0, 2], amplitude=0.5, num_latents=small_models.LATENTS)


def several_features() -> svgp.LatentModel:
    return small_models.make(
        "titsias",
        kernel=composite(),
        inducing_points=np.random.default_rng(0).normal(size=(small_models.LATENTS, 4, 3)),
        auxiliary=svgp.auxiliary.NamedColumns(["time", "place"]),
        likelihood=Gaussian(0.4, train_stddev=True),
        inducing_scale=[1.0, 0.1, 0.2],
        variance_bounds=(1e-4, 10.0),
        jitter=1e-5,
    )


def original_ball() -> svgp.LatentModel:
    prior = OriginalBallGP(small_models.kernel(), small_models.INDUCING)
    return svgp.LatentModel(small_models.encoder(), small_models.decoder(), prior, likelihood="bernoulli")


MODELS = {
    "sparse_series": lambda: small_models.make("hensman"),
    "sparse_data_set": lambda: small_models.make("hensman", N, train_inducing_points=False),
    "exact_series": lambda: small_models.make("gpvae", likelihood="bernoulli"),
    "exact_data_set": lambda: small_models.make("gpvae", N),
    "vae_series": lambda: small_models.make("vae"),
    "vae_data_set": lambda: small_models.make("vae", N),
    "several_features": several_features,
    "any_prior": original_ball,
}


def data_of(name: str) -> tuple:
    if name == "several_features":
        return NAMED, VALUES
    if name in ("exact_series", "any_prior"):  # whose likelihood is of binary values
        times, values = small_models.series()
        return times, (values > 0).astype(np.float32)
    return small_models.data_for(N if name.endswith("data_set") else None)


def answers(model: svgp.LatentModel, name: str) -> dict[str, np.ndarray]:
    x, _ = data_of(name)
    moments = model.predict_latent(x)
    parameters = {}
    if hasattr(model.prior, "kernel"):
        parameters = {f"kernel.{name}": value.numpy() for name, value in model.prior.kernel.parameters.items()}
    if hasattr(model.prior, "inducing_points"):
        parameters["inducing_points"] = model.prior.inducing_points.numpy()
    sampled = {"sample": model.sample_latent(x, 2)}  # goes on with the model's own generator
    return {"predict": model.predict(x, verbose=0), **moments._asdict(), **sampled, **parameters}


def train(model: svgp.LatentModel) -> None:
    """Two epochs, without the rewrites that now and then regroup sums in another order in another process."""
    name, options = "arithmetic_optimization", tf.config.optimizer
    before = options.get_experimental_options().get(name, True)
    options.set_experimental_options({name: False})
    model.fit(TIMES, VALUES, batch_size=3, shuffle=False, epochs=2, verbose=0)
    options.set_experimental_options({name: before})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    path = str(tmp_path_factory.mktemp("models"))
    for name, make in MODELS.items():
        model = make()
        rng = np.random.default_rng(0)
        for weight in model.weights:  # nothing is where it started
            if weight.dtype.startswith("float"):
                weight.assign(weight.numpy() + 0.03 * rng.normal(size=weight.shape))
        model.condition(*data_of(name))
        model.sample_latent(data_of(name)[0])
        model.save(f"{path}/{name}.keras")
        np.savez(f"{path}/{name}.npz", **answers(model, name))
    return path


@pytest.fixture(scope="module")
def loaded(folder) -> dict[str, np.ndarray]:
    """What a new process makes of the files, and the weights after this one goes on training."""
    model = small_models.make("hensman", likelihood=Gaussian(0.5, train_stddev=True))
    model.compile(keras.optimizers.Adam(0.02), objective=svgp.ELBO(beta=0.3))
    train(model)
    model.save(f"{folder}/training.keras")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.getcwd()}
    subprocess.run([sys.executable, "-c", IN_A_NEW_PROCESS, folder], check=True, env=environment, timeout=300)
    train(model)
    with np.load(f"{folder}/answers.npz") as file:
        result = dict(file)
    return {**result, **{f"here/{i}": weight for i, weight in enumerate(model.get_weights())}}


@pytest.mark.parametrize("name", MODELS)
def test_a_new_process_gives_the_same_answers(folder, loaded, name):
    with np.load(f"{folder}/{name}.npz") as expected:
        assert {"predict", "mean", "variance", "sample"} <= set(expected)
        assert np.ptp(expected["mean"]) > 0 or name.startswith("vae")
        for key, value in expected.items():
            np.testing.assert_array_equal(loaded[f"{name}/{key}"], value, err_msg=key)


def test_a_loaded_model_trains_on_to_the_same_weights(loaded):
    here = [value for key, value in loaded.items() if key.startswith("here/")]
    there = [value for key, value in loaded.items() if key.startswith("training/")]
    assert len(here) == len(there) > 5
    for a, b in zip(here, there, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_training_setup_is_loaded(folder, loaded):
    model = svgp.load_model(f"{folder}/training.keras")
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)
    assert int(model.optimizer.iterations) == 4
    assert model.objective.beta == 0.3
    with pytest.raises(svgp.NotConditionedError):
        model.predict(TIMES, verbose=0)


@pytest.mark.parametrize("name", ["several_features", "sparse_data_set"])
def test_the_configuration_is_kept(folder, name):
    made, read = MODELS[name]().get_config(), svgp.load_model(f"{folder}/{name}.keras").get_config()
    assert without_names(made) == without_names(read)


def without_names(config):
    if isinstance(config, dict):
        ignored = ("name", "build_config", "initializer", "kernel_initializer")
        return {key: without_names(value) for key, value in config.items() if key not in ignored}
    return [without_names(value) for value in config] if isinstance(config, list | tuple) else config


def test_weights_of_an_unconditioned_model_clear_the_posterior(tmp_path):
    path = str(tmp_path / "model.weights.h5")
    small_models.make("hensman").save_weights(path)
    model = small_models.conditioned("hensman")
    model.load_weights(path)
    with pytest.raises(svgp.NotConditionedError):
        model.predict_latent(TIMES)


# Files that hold no model.


def refuse(path, message: str) -> None:
    with pytest.raises(svgp.ModelFileError, match=message) as caught:
        svgp.load_model(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path):
    refuse(tmp_path / "model.keras", "there is no file")
    refuse(tmp_path, "there is no file")


@pytest.mark.parametrize("content", [b"", b"PK", b"these are notes\nand no model\n", bytes(range(256)) * 40])
def test_a_file_of_something_else(content, tmp_path):
    (tmp_path / "model.keras").write_bytes(content)
    refuse(tmp_path / "model.keras", "is not a model file, or was cut short")


@pytest.mark.parametrize("share", [0.001, 0.25, 0.5, 0.9, 0.999])
def test_a_file_cut_short(folder, share, tmp_path):
    with open(f"{folder}/sparse_series.keras", "rb") as file:
        content = file.read()
    (tmp_path / "model.keras").write_bytes(content[: int(share * len(content))])
    refuse(tmp_path / "model.keras", "was cut short")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.7])
def test_a_file_with_flipped_bytes(folder, share, tmp_path):
    with open(f"{folder}/sparse_series.keras", "rb") as file:
        content = bytearray(file.read())
    place = int(share * len(content))
    content[place : place + 20] = (byte ^ 255 for byte in content[place : place + 20])
    (tmp_path / "model.keras").write_bytes(content)
    refuse(tmp_path / "model.keras", "is not a readable model file")


def test_an_archive_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("notes.txt", "no model")
    refuse(tmp_path / "model.keras", "is not a readable model file: .*config.json")


def test_a_model_of_another_kind(tmp_path):
    small_models.encoder().save(tmp_path / "model.keras")
    refuse(tmp_path / "model.keras", "holds a Sequential, not a model of this package")


# Disks without room.


@pytest.mark.parametrize(("write", "name"), [("save", "a.keras"), ("save_weights", "a.weights.h5")])
def test_a_full_disk_keeps_the_old_file_and_raises_one_line(write, name, tmp_path):
    model = small_models.make("vae")
    getattr(model, write)(tmp_path / name)
    before = contents(tmp_path)
    with pytest.raises(OSError, match=f"File too large: '.*{name}'$") as caught, no_room_beyond(2000):
        getattr(model, write)(str(tmp_path / name))
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_what_else_keras_can_write_is_left_to_it(tmp_path):
    model = small_models.make("vae")
    with pytest.raises(ValueError, match="Invalid filepath extension"):
        model.save(tmp_path / "a.model")
    with pytest.raises(ValueError, match=".weights.h5"):
        model.save_weights(tmp_path / "a.h5")
    model.save(tmp_path / "folder", zipped=False)
    model.save_weights(tmp_path / "a.weights.json", max_shard_size=1)
    assert {"folder", "a.weights.json"} <= set(os.listdir(tmp_path))


def test_a_file_is_not_overwritten_without_asking(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "n")
    (tmp_path / "a.keras").write_bytes(b"old")
    small_models.make("vae").save(tmp_path / "a.keras", overwrite=False)
    assert asked and (tmp_path / "a.keras").read_bytes() == b"old"
    small_models.make("vae").save(tmp_path / "b.keras", overwrite=False)
    assert svgp.load_model(tmp_path / "b.keras").built and len(asked) == 1

"""A SavedModel predicts as the model does, in a process that has TensorFlow alone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf import features
from svgp_vae_tf.models.export import default_signature
from tests.helpers import contract_models, small_models
from tests.helpers.contract_models import MODELS, N

SIZES = (1, 300, 1000)
WITHOUT_THE_PACKAGE = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("svgp_vae_tf", "keras"):
            raise ModuleNotFoundError(name)

import numpy as np
import tensorflow as tf

sys.modules.pop("keras", None)
sys.meta_path.insert(0, Blocker())
served, series = (tf.saved_model.load(folder) for folder in sys.argv[1:3])
found = {}
with np.load(sys.argv[3]) as inputs:
    for name, x in inputs.items():
        function = series if name == "series" else served
        found |= {f"{name} {key}": value.numpy() for key, value in function.serve(x).items()}
        default = function.signatures["serving_default"](aux=tf.constant(x))
        np.testing.assert_array_equal(default["mean"], found[f"{name} mean"])
np.savez(sys.argv[4], **found)
"""


def answers(model: svgp.LatentModel, aux: Any) -> dict[str, np.ndarray]:
    moments = model.predict_latent(aux)
    mean = model.predict(aux, verbose=0)
    return {"mean": mean, "latent_mean": moments.mean, "latent_variance": moments.variance}


def assert_same_answers(found: dict[str, Any], expected: dict[str, np.ndarray]) -> None:
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert np.asarray(found[key]).dtype == value.dtype
        np.testing.assert_allclose(found[key], value, rtol=1e-6, atol=1e-6)


def with_modes() -> svgp.LatentModel:
    """One GP over a data set, whose decoder has layers that training changes."""
    layers = keras.layers
    decoder = keras.Sequential(
        [layers.Input((small_models.LATENTS,)), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(3)]
    )
    decoder.layers[0].moving_mean.assign([0.5, -1.0])
    settings = {"kernel": small_models.kernel(), "inducing_points": small_models.INDUCING, "likelihood": "bernoulli"}
    return svgp.SVGPVAE(small_models.encoder(), decoder, num_data=small_models.N, **settings)


class Exported(NamedTuple):
    folder: Path
    inputs: dict[str, np.ndarray]
    expected: dict[str, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Exported:
    """A model of one data set and one of series, conditioned on other data after they were exported."""
    folder = tmp_path_factory.mktemp("exported")
    inputs = {str(size): np.random.default_rng(size).uniform(0.0, 7.0, (size, 1)) for size in SIZES}
    inputs["series"] = small_models.series()[0][..., None].astype(np.float64)
    expected = {}
    for name, model in (("data set", with_modes()), ("series", small_models.make("titsias"))):
        x, y = small_models.data_for(model.prior.num_data)
        y = (y > 0).astype(np.float32) if name == "data set" else y
        model.condition(x, y)
        expected |= {key: answers(model, own) for key, own in inputs.items() if (key == "series") == (name == "series")}
        model.export(folder / name, verbose=False)
        model.condition(x, y[::-1])
    return Exported(folder, inputs, expected)


def test_another_process_without_the_package_gives_the_same(exported):
    folder = exported.folder
    np.savez(folder / "inputs.npz", **exported.inputs)
    arguments = [str(folder / name) for name in ("data set", "series", "inputs.npz", "found.npz")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", WITHOUT_THE_PACKAGE, *arguments]
    subprocess.run(command, check=True, env={**environment, "TF_CPP_MIN_LOG_LEVEL": "3"}, cwd=folder, timeout=300)
    with np.load(folder / "found.npz") as found:
        for name, expected in exported.expected.items():
            assert_same_answers({key: found[f"{name} {key}"] for key in expected}, expected)


def test_bad_inputs_are_refused_by_what_is_exported(exported):
    served = tf.saved_model.load(exported.folder / "series")
    with pytest.raises(tf.errors.InvalidArgumentError, match="holds 6 series: give auxiliary data of all of them"):
        served.serve(np.zeros((5, 2, 1)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="auxiliary data are empty"):
        served.serve(np.zeros((0, 2, 1)))


QUICK = ["sparse, pooled", "exact, series"]
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in MODELS if name not in QUICK]


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_models_of_each_kind_are_exported(name, tmp_path):
    model = MODELS[name].make()
    aux, observations = MODELS[name].observed()
    model.condition(aux, observations)
    model.export(tmp_path, verbose=False)
    if name == "sparse, pooled":
        prepared = model.auxiliary.prepare(aux)
        aux = {key: prepared[key].reshape(N, -1).astype(np.float64) for key in ("time", "style")}
    else:
        aux = aux.reshape(*aux.shape[: model.batch_rank], -1).astype(np.float64)
    served = tf.saved_model.load(tmp_path)
    assert_same_answers(served.serve(aux), answers(model, aux))


TABLE = np.ones((3, 2))
SHAPES = {
    "column": (features.Features(), 2, [None, 2]),
    "names": (features.NamedColumns(["a", "b"]), 2, {"a": [None, 1], "b": [None, 1]}),
    "one name": (features.NamedColumns(["a"]), 2, {"a": [None, 2]}),
    "table": (features.GPLVM(TABLE), 4, [None, 3]),
    "table, names": (features.GPLVM(TABLE, names=["id", "a"]), 3, {"id": [None, 1], "a": [None, 1]}),
    "unclear names": (features.NamedColumns(["a", "b"]), 3, None),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_signature_follows_from_the_model_or_must_be_given(name):
    auxiliary, width, shapes = SHAPES[name]
    points = np.random.default_rng(0).normal(size=(4, width))
    model = contract_models.sparse(inducing_points=points, num_data=N, auxiliary=auxiliary)
    if shapes is None:
        with pytest.raises(ValueError, match="^the shapes of auxiliary data do not follow from the model: give input_"):
            default_signature(model)
        return
    found = tf.nest.map_structure(lambda spec: (spec.dtype, spec.shape.as_list()), default_signature(model))
    named = isinstance(shapes, dict)
    assert found == ({key: (tf.float64, shape) for key, shape in shapes.items()} if named else (tf.float64, shapes))


def test_a_signature_may_be_given(tmp_path):
    aux = {"a": np.linspace(0.0, 1.0, N)[:, None], "b": np.random.default_rng(0).normal(size=(N, 2))}
    points = np.random.default_rng(0).normal(size=(4, 3))
    model = contract_models.sparse(inducing_points=points, num_data=N, auxiliary=features.NamedColumns(["a", "b"]))
    model.condition(aux, contract_models.data_set()[1])
    specs = {name: tf.TensorSpec((None, array.shape[1]), tf.float64) for name, array in aux.items()}
    model.export(tmp_path, verbose=False, input_signature=[specs])
    served = tf.saved_model.load(tmp_path)
    assert_same_answers(served.serve(aux), answers(model, aux))


def test_what_cannot_be_exported_gets_one_line(tmp_path):
    with pytest.raises(svgp.NotConditionedError):
        small_models.make("hensman").export(tmp_path)
    model = small_models.conditioned("hensman")
    with pytest.raises(ValueError, match="^a model can be exported with format='tf_saved_model', not 'onnx'$"):
        model.export(tmp_path, format="onnx")
    with pytest.raises(ValueError, match="^export has no argument opset_version$"):
        model.export(tmp_path, opset_version=18)
    assert not list(tmp_path.iterdir())

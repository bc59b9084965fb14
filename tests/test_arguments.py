"""Arguments as plain Python values, and the line for any other, in every public class and function."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf import arguments, features, inducing, kernels, likelihoods, priors
from tests.helpers import small_models
from tests.helpers.small_models import INDUCING, decoder, encoder, kernel, make

TIMES, VALUES = small_models.series()
NO_NUMBERS = [None, "1", [1.0], np.array([0.1, 0.2]), np.nan, np.inf, -1, True, 1j, 10**400, tf.constant([1.0]), {}]
NUMBERS = [2, 2.0, np.float64(2), np.float32(2), np.int8(2), np.array(2), tf.constant(2.0), keras.Variable(2.0)]


def refused(action, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        action()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize("value", NUMBERS, ids=repr)
def test_numbers_of_any_kind_become_plain_ones(value):
    for convert, kind in (
        (arguments.finite_number, float),
        (arguments.positive_number, float),
        (arguments.non_negative_number, float),
        (arguments.whole_number, int),
        (arguments.random_seed, int),
    ):
        found = convert("x", value)
        assert type(found) is kind and found == 2


POSITIVE = {
    "stddev": lambda value: likelihoods.Gaussian(value),
    "Periodic: period": lambda value: kernels.Periodic(period=value),
    "Constant: amplitude": lambda value: kernels.Constant(value),
    "White: amplitude": lambda value: kernels.White(value),
    "RationalQuadratic: scale_mixture_rate": lambda value: kernels.RationalQuadratic(scale_mixture_rate=value),
    "noise_variance": lambda value: priors.LowRankGP(kernel(), INDUCING, 9, noise_variance=value),
    "variance_bounds": lambda value: make("vae", variance_bounds=(1e-6, value)),
}


@pytest.mark.parametrize("name", POSITIVE)
def test_positive_numbers(name):
    for value in [*NO_NUMBERS, 0.0]:
        refused(lambda value=value: POSITIVE[name](value), f"^{name} must be positive and finite, got ")


@pytest.fixture(scope="module")
def conditioned() -> svgp.LatentModel:
    return small_models.conditioned("hensman")


WHOLE = {
    "num_data": lambda value, _: priors.StandardNormal(value),
    "num_latents": lambda value, _: priors.VariationalGP(kernel(), INDUCING, value, 9),
    "num_groups": lambda value, _: svgp.models.cvae.GroupAverage(value, 9),
    "the number of inducing points": lambda value, _: inducing.k_means(INDUCING, value),
    "filters": lambda value, _: svgp.layers.UpsampledConv2D(value),
    "refresh_every": lambda value, _: svgp.optimizers.SOAP(refresh_every=value),
    "max_size": lambda value, _: svgp.optimizers.SOAP(max_size=value),
    "seed": lambda value, model: model.sample(TIMES, 1, seed=value),
    "num_samples": lambda value, model: model.sample(TIMES, value),
    "batch_size": lambda value, model: model.predict(TIMES, value, verbose=0),
    "groups_per_batch": lambda value, _: features.whole_groups({"group": [1]}, [1.0], value),
}
OPTIONAL = ("num_data", "seed", "batch_size")


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers(name, conditioned):
    for value in [*NO_NUMBERS, 2.5]:
        if value is not None or name not in OPTIONAL:
            refused(
                lambda value=value: WHOLE[name](value, conditioned),
                f"^{name} must be (a whole number of )?at least [01], got ",
            )


def named(names):
    return features.NamedColumns(names)


WRONG = {
    "kernel": (lambda: make("hensman", kernel=[kernel()]), "kernel must be an instance of Kernel, got \\["),
    "kernel of an exact GP": (lambda: make("gpvae", kernel="rbf"), "kernel must be an instance of Kernel, got 'rbf'"),
    "kernel of a low-rank GP": (lambda: priors.LowRankGP(None, INDUCING, 9), "an instance of Kernel, got None"),
    "encoder": (lambda: svgp.VAE("dense", decoder()), "encoder must be an instance of Layer, got 'dense'"),
    "decoder": (lambda: svgp.VAE(encoder(), None), "decoder must be an instance of Layer, got None"),
    "prior": (lambda: svgp.LatentModel(encoder(), decoder(), kernel()), "prior must be an instance of Prior"),
    "auxiliary": (lambda: make("vae", auxiliary=["time"]), "auxiliary must be an instance of Features"),
    "objective": (lambda: make("vae").compile("sgd", objective="elbo"), "an instance of Objective, got 'elbo'"),
    "likelihood": (lambda: make("vae", likelihood=[1] * 99), "likelihood must be a name or a `Likelihood`, got"),
    "three bounds": (lambda: make("vae", variance_bounds=(1, 2, 3)), "variance_bounds must be two numbers"),
    "one bound": (lambda: make("vae", variance_bounds=2.0), "variance_bounds must be a list"),
    "seed": (lambda: make("vae", seed=0.5), "seed must be a whole number of at least 0, got 0.5"),
    "a long seed": (lambda: make("vae", seed=2**63), "seed must be below 2"),
    "bound": (lambda: make(np.array(["hensman"])), "unknown bound"),
    "jitter": (lambda: make("hensman", jitter=-1e-6), "jitter must be finite and not negative"),
    "train points": (lambda: make("hensman", train_inducing_points="no"), "train_inducing_points must be True or"),
    "train stddev": (lambda: likelihoods.Gaussian(1.0, "no"), "train_stddev must be True or False, got 'no'"),
    "scale": (lambda: make("hensman", inducing_scale=[1.0, 2.0]), "inducing_scale must be a number or one per"),
    "text for points": (lambda: make("hensman", inducing_points=[["0"]]), "inducing points must hold numbers"),
    "masked points": (
        lambda: make("hensman", inducing_points=np.ma.array(INDUCING, mask=INDUCING > 6)),
        r"inducing points holds 1 missing value\(s\)",
    ),
    "columns as text": (lambda: kernels.Linear(columns="01"), "columns must be a list"),
    "one column": (lambda: kernels.Linear(columns=0), "columns must be a list"),
    "half a column": (lambda: kernels.Linear(columns=[0.5]), "an item of columns must be a whole number, got 0.5"),
    "no length scale": (lambda: kernels.Matern12(None), "length_scale must be"),
    "length scale as text": (lambda: kernels.Matern12("1"), "Matern12: length_scale must be positive and finite"),
    "two amplitudes": (lambda: kernels.Matern12(amplitude=[1, 2]), "Matern12: amplitude must be positive and finite"),
    "num_latents": (lambda: kernels.Matern12(num_latents=0), "num_latents must be at least 1, got 0"),
    "parts": (lambda: kernels.Sum(kernel()), "Sum takes kernels"),
    "a part": (lambda: kernel() + 1.0, "Sum takes kernels"),
    "wrapped argument": (
        lambda: kernels.TFPKernel("GammaExponential", {"lenght_scale": 1.0}),
        "GammaExponential has no argument lenght_scale",
    ),
    "wrapped constant": (lambda: kernels.TFPKernel("Linear", constants={"shift": "1"}), "shift must be a finite"),
    "names as text": (lambda: named("time"), "names must be a list with at least one item, got 'time'"),
    "no names": (lambda: named([]), "names must be a list with at least one item"),
    "a name": (lambda: named([1]), "an item of names must be text, got 1"),
    "vectors": (lambda: features.GPLVM("vectors"), "vectors must hold numbers"),
    "id column": (lambda: features.GPLVM(INDUCING, 0.5), "id_column must be a whole number, got 0.5"),
    "network": (lambda: features.PooledFeatures(None), "network must be an instance of Layer, got None"),
    "threshold": (lambda: inducing.greedy_variance(INDUCING, 1, kernel(), None), "threshold must be finite"),
    "kernel to choose by": (lambda: inducing.greedy_variance(INDUCING, 1, None), "an instance of Kernel"),
    "grid": (lambda: inducing.grid("0", 1.0, 3), "low must hold numbers"),
    "padding": (lambda: svgp.layers.UpsampledConv2D(1, padding=None), "unknown padding None"),
    "boundaries": (lambda: svgp.optimizers.PiecewiseConstant([0.5], [1, 2]), "an item of boundaries must be a whole"),
    "rates": (lambda: svgp.optimizers.PiecewiseConstant([1], [1, "2"]), "an item of values must be a finite number"),
    "a dict": (lambda: make("vae").condition(TIMES, {"y": VALUES}), "observations must be one array, got a dict of y"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_types_get_one_line(case):
    refused(*WRONG[case])


def test_what_is_stored_can_be_written_to_a_file():
    one = tf.constant(1.0)
    parts = [
        likelihoods.Gaussian(one, np.True_),
        kernels.SquaredExponential(np.array([1.0, 2.0]), one, columns=np.arange(2), num_latents=np.int64(2)),
        kernels.TFPKernel("GammaExponential", {"length_scale": one}, {"power": np.float32(1)}),
        features.GPLVM(INDUCING, np.int64(0), names=np.array(["id"])),
        priors.SparseGP(kernel(), tf.constant(INDUCING), num_data=np.int64(9), jitter=one, inducing_scale=one),
        svgp.optimizers.PiecewiseConstant(np.array([1]), [one, np.float64(2)]),
        svgp.layers.UpsampledConv2D(np.int64(2)),
    ]
    for part in parts:
        config = part.get_config()
        json.dumps({name: value for name, value in config.items() if name != "kernel"})
        assert type(part).from_config(config).get_config() == config

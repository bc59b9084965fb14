"""Kernels as Keras layers: configuration, saving, trainability, and errors in one line."""

import keras
import numpy as np
import pytest

from svgp_vae_tf.kernels import (
    Constant,
    Linear,
    Matern12,
    Matern32,
    Periodic,
    Product,
    RationalQuadratic,
    SquaredExponential,
    Sum,
    TFPKernel,
    White,
)
from tests.helpers.kernel_cases import ALL, CASES

close = np.testing.assert_allclose


@pytest.mark.parametrize("name", ALL)
def test_configuration_and_weights_survive_a_round_trip(name, x, z):
    kernel = ALL[name]()
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(kernel))
    assert type(copy) is type(kernel)
    assert copy.get_config() == kernel.get_config()
    close(copy.matrix(x, z), kernel.matrix(x, z), rtol=1e-14)
    for variable in kernel.variables:
        variable.assign(variable.value + 0.3)
    copy.set_weights(kernel.get_weights())
    close(copy.matrix(x, z), kernel.matrix(x, z), rtol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_columns_channels_and_trainability_survive_a_round_trip(name):
    kernel = CASES[name][0](columns=[2, 0, 1], num_latents=4, trainable=False)
    copy = type(kernel).from_config(kernel.get_config())
    assert (copy.columns, copy.num_latents, copy.trainable) == ([2, 0, 1], 4, False)
    assert [tuple(w.shape) for w in copy.weights] == [tuple(w.shape) for w in kernel.weights]


def test_an_untrainable_kernel_has_no_trainable_weights():
    assert SquaredExponential(trainable=False).trainable_variables == []
    assert len((SquaredExponential(trainable=False) * Constant(2.0)).trainable_variables) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SquaredExponential(length_scale=0.0), "SquaredExponential: length_scale must be positive and finite"),
        (lambda: SquaredExponential(amplitude=-1.0), "SquaredExponential: amplitude must be positive and finite"),
        (lambda: Matern32(length_scale=[1.0, -1.0]), "Matern32: length_scale must be positive and finite"),
        (lambda: RationalQuadratic(scale_mixture_rate=np.inf), "scale_mixture_rate must be positive and finite"),
        (lambda: White(np.nan), "White: amplitude must be positive and finite"),
        (lambda: Periodic(period=0.0), "Periodic: period must be positive and finite"),
        (lambda: Periodic(length_scale=[1.0, 2.0]), "Periodic takes one length scale"),
        (lambda: Linear(columns=[]), "Linear selects no column"),
        (lambda: TFPKernel("NoSuchKernel"), "tfp.math.psd_kernels has no class 'NoSuchKernel'"),
        (lambda: Sum([]), "Sum takes kernels of this package"),
        (lambda: Product([Linear(), "linear"]), "Product takes kernels of this package"),
        (lambda: Sum([Linear()], columns=[0]), "Sum takes no columns"),
        (lambda: Linear(1.0, num_latents=2) + Constant(num_latents=3), "the parts disagree on num_latents: .2, 3."),
    ],
)
def test_bad_arguments_are_named_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (lambda: Linear(columns=[1, 3]), r"Linear selects feature column 3, but the data have 3 column\(s\)"),
        (lambda: Linear(columns=[-4]), "selects feature column -4"),
        (lambda: SquaredExponential([1.0, 2.0]), r"2 length scales for 3 selected feature column\(s\)"),
        (lambda: Matern12([1.0, 2.0], columns=[0]), r"2 length scales for 1 selected feature column\(s\)"),
        (lambda: Linear() + Linear(columns=[3]), "selects feature column 3"),
        (lambda: TFPKernel("MaternFiveHalves", scales=[1.0]), "1 length scales for 3"),
    ],
)
@pytest.mark.parametrize("method", ["matrix", "diagonal", "validate_features"])
def test_features_that_do_not_fit_are_named_in_one_line(kernel, message, method, x):
    arguments = {"matrix": (x, x), "diagonal": (x,), "validate_features": (3,)}[method]
    with pytest.raises(ValueError, match=message) as error:
        getattr(kernel(), method)(*arguments)
    assert "\n" not in str(error.value)


def test_an_unknown_number_of_features_is_not_an_error():
    Linear(columns=[5]).validate_features(None)
    SquaredExponential([1.0, 2.0]).validate_features(None)


@pytest.mark.parametrize("num_latents", [1, 3])
def test_a_kernel_for_another_number_of_latents_is_refused(num_latents):
    kernel = SquaredExponential(num_latents=num_latents)
    with pytest.raises(ValueError, match=f"has num_latents={num_latents}, but there are 2 latents"):
        kernel.validate_latents(2)
    kernel.validate_latents(num_latents)

"""Every kernel against a double loop over the paper's or TFP's formula, and the properties all kernels share."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf import kernels
from svgp_vae_tf.kernels import (
    Constant,
    Kernel,
    Linear,
    Matern12,
    Matern32,
    Matern52,
    NormalizedLinear,
    Periodic,
    Product,
    RationalQuadratic,
    SquaredExponential,
    Sum,
    TFPKernel,
    White,
)
from tests.reference import oracles

close = np.testing.assert_allclose
ARD = [0.5, 2.0, 1.3]

# one per line: a kernel on three columns, and the function it must compute
CASES = {
    "squared_exponential": (lambda **kw: SquaredExponential(0.7, 1.3, **kw), oracles.squared_exponential(0.7, 1.3)),
    "squared_exponential_plain": (lambda **kw: SquaredExponential(**kw), oracles.squared_exponential(1.0)),
    "squared_exponential_ard": (lambda **kw: SquaredExponential(ARD, **kw), oracles.squared_exponential(ARD)),
    "matern12": (lambda **kw: Matern12(0.7, 1.3, **kw), oracles.matern12(0.7, 1.3)),
    "matern12_ard": (lambda **kw: Matern12(ARD, 1.3, **kw), oracles.matern12(ARD, 1.3)),
    "matern32": (lambda **kw: Matern32(0.7, 1.3, **kw), oracles.matern32(0.7, 1.3)),
    "matern32_ard": (lambda **kw: Matern32(ARD, **kw), oracles.matern32(ARD)),
    "matern52": (lambda **kw: Matern52(0.7, 1.3, **kw), oracles.matern52(0.7, 1.3)),
    "matern52_ard": (lambda **kw: Matern52(ARD, **kw), oracles.matern52(ARD)),
    "rational_quadratic": (lambda **kw: RationalQuadratic(0.7, 1.3, 0.6, **kw), oracles.rational_quadratic(0.7, 1.3, 0.6)),  # noqa: E501
    "rational_quadratic_ard": (lambda **kw: RationalQuadratic(ARD, **kw), oracles.rational_quadratic(ARD)),
    "periodic": (lambda **kw: Periodic(2.5, 0.7, 1.3, **kw), oracles.periodic(2.5, 0.7, 1.3)),
    "periodic_two_pi": (lambda **kw: Periodic(**kw), oracles.periodic(2.0 * np.pi, 1.0)),
    "linear": (lambda **kw: Linear(1.3, 0.4, **kw), oracles.linear(1.3, 0.4)),
    "linear_plain": (lambda **kw: Linear(**kw), oracles.linear()),
    "normalized_linear": (lambda **kw: NormalizedLinear(1.3, 0.4, **kw), oracles.normalized_linear(1.3, 0.4)),
    "normalized_linear_plain": (lambda **kw: NormalizedLinear(**kw), oracles.normalized_linear()),
    "constant": (lambda **kw: Constant(1.3, **kw), oracles.constant(1.3)),
    "white": (lambda **kw: White(1.3, **kw), oracles.white(1.3)),
    "wrapped": (
        lambda **kw: TFPKernel("GammaExponential", {"amplitude": 1.3, "length_scale": 0.7}, {"power": 0.8}, **kw),
        oracles.gamma_exponential(0.7, 1.3, 0.8),
    ),
    "wrapped_ard": (
        lambda **kw: TFPKernel("GammaExponential", {"amplitude": 1.3}, {"power": 0.8}, scales=ARD, **kw),
        oracles.gamma_exponential(ARD, 1.3, 0.8),
    ),
}  # fmt: skip
COMPOSITES = {
    "sum": (
        lambda: Matern32(0.7) + Linear(1.3) + White(0.2),
        oracles.plus(oracles.matern32(0.7), oracles.linear(1.3), oracles.white(0.2)),
    ),
    "product": (
        lambda: Periodic(2.5, columns=[0]) * Linear(columns=[1, 2]),
        oracles.times(oracles.on_columns(oracles.periodic(2.5, 1.0), [0]), oracles.on_columns(oracles.linear(), [1, 2])),  # noqa: E501
    ),
    "sum_of_products": (
        lambda: SquaredExponential(0.7, columns=[2]) * Constant(1.3) + NormalizedLinear(columns=[0, 1]) * Matern12(),
        oracles.plus(
            oracles.times(oracles.on_columns(oracles.squared_exponential(0.7), [2]), oracles.constant(1.3)),
            oracles.times(oracles.on_columns(oracles.normalized_linear(), [0, 1]), oracles.matern12(1.0)),
        ),
    ),
    "product_of_a_sum": (
        lambda: (RationalQuadratic(ARD) + Constant(0.5)) * Matern52(0.9),
        oracles.times(oracles.plus(oracles.rational_quadratic(ARD), oracles.constant(0.5)), oracles.matern52(0.9)),
    ),
}  # fmt: skip
ALL = {**{name: make for name, (make, _) in CASES.items()}, **{name: make for name, (make, _) in COMPOSITES.items()}}


def public_kernels() -> set[type]:
    """All kernels that a user can make, found by looking."""
    values = {value for name, value in vars(kernels).items() if isinstance(value, type) and name[0] != "_"}
    return {value for value in values if issubclass(value, Kernel)} - {Kernel}


def points(n: int, dimension: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, dimension))


@pytest.fixture
def x():
    return points(5)


@pytest.fixture
def z(x):
    """Four points, the first of which is among x."""
    return np.concatenate([x[2:3], points(3, seed=1)])


def all_parts(kernel: Kernel) -> list[Kernel]:
    return [kernel, *(part for child in getattr(kernel, "kernels", []) for part in all_parts(child))]


def raw_parameters(kernel: Kernel) -> dict[str, tf.Variable]:
    return {f"{i}.{name}": raw.value for i, part in enumerate(all_parts(kernel)) for name, raw in part._raw.items()}


# Values.


@pytest.mark.parametrize("name", CASES)
def test_matrix_and_diagonal_are_those_of_the_double_loop(name, x, z):
    make, function = CASES[name]
    close(make().matrix(x, z), oracles.gram(function, x, z), rtol=1e-10, atol=1e-14)
    close(make().diagonal(x), np.diag(oracles.gram(function, x, x)), rtol=1e-10)


@pytest.mark.parametrize("name", COMPOSITES)
def test_composites_are_those_of_the_double_loop(name, x, z):
    make, function = COMPOSITES[name]
    close(make().matrix(x, z), oracles.gram(function, x, z), rtol=1e-10, atol=1e-14)
    close(make().diagonal(x), np.diag(oracles.gram(function, x, x)), rtol=1e-10)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("columns", [[0, 1, 3], [3, 0, 2], [-1, 0, 1], [1, 2, 3], [-3, -2, -1]])
def test_a_kernel_sees_its_columns_only(name, columns):
    make, function = CASES[name]
    a, b = points(4, 4), points(3, 4, seed=1)
    kernel = make(columns=columns)
    close(kernel.matrix(a, b), oracles.gram(oracles.on_columns(function, columns), a, b), rtol=1e-10, atol=1e-14)
    others = [c for c in range(4) if c not in [column % 4 for column in columns]]
    changed = a.copy()
    changed[:, others] += 10.0
    close(kernel.matrix(changed, b), kernel.matrix(a, b), rtol=1e-12)


@pytest.mark.parametrize("columns", [[3, 0], [1, 2], [-1, 1], [-2, -1], [2]])
def test_columns_are_found_where_a_graph_does_not_know_how_many_there_are(columns):
    a, b = points(4, 4), points(3, 4, seed=1)
    kernel = SquaredExponential(0.7, columns=columns)
    matrix = tf.function(kernel.matrix, input_signature=[tf.TensorSpec((None, None), tf.float64)] * 2)
    close(matrix(tf.constant(a), tf.constant(b)), kernel.matrix(a, b), rtol=1e-14)


@pytest.mark.parametrize("name", ALL)
def test_call_and_tfp_kernel_give_the_matrix(name, x, z):
    kernel = ALL[name]()
    close(kernel(tf.constant(x), tf.constant(z)), kernel.matrix(x, z), rtol=1e-14)
    close(kernel.psd_kernel().matrix(tf.constant(x), tf.constant(z)), kernel.matrix(x, z), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_matrices_are_positive_semi_definite_and_symmetric(name):
    many = points(12)
    many[5] = many[4]  # and a repeated input
    matrix = ALL[name]().matrix(many, many).numpy()
    close(matrix, matrix.T, rtol=1e-12, atol=1e-14)
    assert np.linalg.eigvalsh(matrix).min() > -1e-10 * np.trace(matrix)


def test_the_cases_cover_every_kernel():
    assert {type(part) for make in ALL.values() for part in all_parts(make())} == public_kernels()


@pytest.mark.parametrize("name", ALL)
def test_leading_axes_are_batches(name):
    kernel = ALL[name]()
    a, b = points(10).reshape(2, 5, 3), points(4, seed=1)
    batched = kernel.matrix(a, b[np.newaxis])
    assert batched.shape == (2, 5, 4)
    for i in (0, 1):
        close(batched[i], kernel.matrix(a[i], b), rtol=1e-12, atol=1e-15)
        close(kernel.diagonal(a)[i], kernel.diagonal(a[i]), rtol=1e-12)


@pytest.mark.parametrize("make", [SquaredExponential, Matern12, Matern32, Matern52, RationalQuadratic])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_close_points_far_from_the_origin_keep_a_positive_definite_matrix(make, offset):
    """Time stamps: the distances count, however large the inputs are in units of the length scale."""
    near = np.array([0.0, 0.0, 900.0, 1800.0, 1e5])[:, np.newaxis]
    kernel = make(length_scale=3600.0)
    matrix = kernel.matrix(near + offset, near + offset).numpy()
    close(matrix, kernel.matrix(near, near), rtol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_a_periodic_kernel_far_from_the_origin_loses_no_digits(offset):
    near = np.array([0.0, 0.0, 0.25, 0.5, 1.75, 100.0])[:, np.newaxis]
    kernel = Periodic(period=1.5, length_scale=0.1)
    matrix = kernel.matrix(near + offset, near + offset).numpy()
    close(matrix, kernel.matrix(near, near), rtol=1e-9, atol=1e-14)
    close(matrix, oracles.gram(oracles.periodic(1.5, 0.1), near, near), rtol=1e-9, atol=1e-14)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12


@pytest.mark.parametrize("make", [Matern12, Matern32, Matern52, SquaredExponential, RationalQuadratic])
def test_a_tiny_length_scale_gives_a_positive_definite_matrix(make):
    many = points(20)
    many[10:] = many[:10]
    matrix = make(length_scale=1e-3).matrix(many, many).numpy()
    close(matrix, np.tile(np.eye(10), (2, 2)), atol=1e-3)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12


# Parameters per latent channel.


@pytest.mark.parametrize("name", CASES)
def test_parameters_per_channel_start_equal_and_move_apart(name, x, z):
    make, _ = CASES[name]
    kernel, shared = make(num_latents=2), make()
    a, b = x[np.newaxis], z[np.newaxis]
    if not kernel._raw:  # without parameters there is nothing to tell channels apart
        close(kernel.matrix(a, b)[0], shared.matrix(x, z), rtol=1e-12)
        return
    matrix = kernel.matrix(a, b)
    assert matrix.shape == (2, 5, 4)
    assert kernel.diagonal(a).shape == (2, 5)
    for channel in (0, 1):
        close(matrix[channel], shared.matrix(x, z), rtol=1e-12, atol=1e-15)
    for raw in kernel._raw.values():
        raw.assign(raw.value + np.array([0.0, 0.5]).reshape(2, *[1] * (len(raw.shape) - 1)))
    moved = kernel.matrix(a, b)
    close(moved[0], matrix[0], rtol=1e-12, atol=1e-15)
    assert np.abs(moved[1] - matrix[1]).max() > 1e-3


def test_initial_values_may_differ_by_channel(x):
    kernel = SquaredExponential(length_scale=1.0, amplitude=1.0, num_latents=2)
    kernel._raw["amplitude"].assign(np.log([1.0, 3.0]))
    close(kernel.diagonal(x[np.newaxis])[:, 0], [1.0, 9.0], rtol=1e-12)


def test_composites_join_shared_parts_and_parts_per_channel(x):
    kernel = Periodic(columns=[0]) * Linear(amplitude=1.3, columns=[1, 2], num_latents=2) + White(0.5)
    matrix = kernel.matrix(x[np.newaxis, np.newaxis], x[np.newaxis])
    assert kernel.num_latents == 2
    assert matrix.shape == (1, 2, 5, 5)
    close(tf.linalg.diag_part(matrix), kernel.diagonal(x[np.newaxis, np.newaxis]), rtol=1e-12)


def test_parameters_of_composites_have_a_name_by_part():
    kernel = Periodic(length_scale=0.5) * (Linear(2.0) + Constant(3.0))
    values = {name: float(value) for name, value in kernel.parameters.items()}
    assert values == pytest.approx({"0.length_scale": 0.5, "1.0.slope_amplitude": 2.0, "1.1.amplitude": 3.0})


# Gradients.


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_has_a_finite_gradient_other_than_zero(name, x, z):
    kernel = ALL[name]()
    raw = raw_parameters(kernel)
    if name.startswith("wrapped"):  # TFP cannot differentiate its GammaExponential at coincident points
        z = points(4, seed=1)
    assert len(raw) == len(kernel.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(kernel.matrix(x, z) * points(5, 4, seed=2)) if raw else tf.constant(0.0)
    for parameter, gradient in zip(raw, tape.gradient(loss, list(raw.values())), strict=True):
        assert np.isfinite(gradient).all() and np.all(np.abs(gradient) > 1e-8), parameter


@pytest.mark.parametrize("name", ["squared_exponential", "matern32", "periodic", "normalized_linear", "linear"])
def test_gradients_are_those_of_finite_differences(name, x, z):
    kernel = ALL[name]()
    weights = points(5, 4, seed=2)

    def loss(inputs):
        return tf.reduce_sum(kernel.matrix(inputs, z) * weights)

    moved = tf.constant(x + 0.1)
    with tf.GradientTape() as tape:
        tape.watch(moved)
        value = loss(moved)
    gradient = tape.gradient(value, moved).numpy()
    step = np.zeros_like(x)
    step[1, 2] = 1e-5
    close(gradient[1, 2], float(loss(moved + step) - loss(moved - step)) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize(
    "make", [SquaredExponential, Matern12, Matern32, Matern52, RationalQuadratic, Periodic, NormalizedLinear, Linear]
)
@pytest.mark.parametrize("kwargs", [{}, {"num_latents": 2}])
def test_gradients_are_finite_for_coincident_points_and_at_zero(make, kwargs):
    kernel = make(**kwargs)
    inputs = tf.constant([[[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(kernel.matrix(inputs, inputs)) + tf.reduce_sum(kernel.diagonal(inputs))
    sources = [inputs, *raw_parameters(kernel).values()]
    for gradient in tape.gradient(loss, sources, unconnected_gradients="zero"):
        assert np.isfinite(gradient).all()


def test_a_zero_vector_has_cosine_similarity_zero_with_all():
    matrix = NormalizedLinear().matrix(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [4.0, 3.0]]))
    close(matrix, [[0.0, 0.0], [0.0, 24.0 / 25.0]], rtol=1e-14)


# Saving.


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


# Errors.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SquaredExponential(length_scale=0.0), "SquaredExponential: length_scale must be positive and finite"),
        (lambda: SquaredExponential(amplitude=-1.0), "SquaredExponential: amplitude must be positive and finite"),
        (lambda: Matern32(length_scale=[1.0, -1.0]), "Matern32: scales must be positive and finite"),
        (lambda: RationalQuadratic(scale_mixture_rate=np.inf), "scale_mixture_rate must be positive and finite"),
        (lambda: White(np.nan), "White: amplitude must be positive and finite"),
        (lambda: Periodic(period=0.0), "Periodic: period must be positive and finite"),
        (lambda: Periodic(length_scale=[1.0, 2.0]), "Periodic takes one length scale"),
        (lambda: Linear(columns=[]), "Linear selects no column"),
        (lambda: TFPKernel("NoSuchKernel"), "tfp.math.psd_kernels has no class 'NoSuchKernel'"),
        (lambda: Sum([]), "Sum joins kernels of this module"),
        (lambda: Product([Linear(), "linear"]), "Product joins kernels of this module"),
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

"""Data and settings that cannot work: each is refused in one line that names what is wrong."""

import numpy as np
import pytest
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf.kernels import SquaredExponential
from tests.helpers import small_models
from tests.helpers.small_models import N, conditioned, decoder, encoder, make

TIMES, VALUES = small_models.series()
PLACES, POINT_VALUES = small_models.data_set()


def spoiled(array: np.ndarray, index, value: float = np.nan) -> np.ndarray:
    array = array.copy()
    array[index] = value
    return array


def fit(model: svgp.LatentModel, x, y=None, **kwargs) -> None:
    model.compile("sgd")
    model.fit(x, y, verbose=0, shuffle=False, **kwargs)


def batches(*arrays) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(arrays).batch(3)


def refused(action, message: str, error: type[Exception] = svgp.DataError) -> None:
    with pytest.raises(error, match=message) as caught:
        action()
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


ARRAYS = {
    "nan": (TIMES, spoiled(VALUES, (1, 2, 0)), r"observations holds 1 value\(s\) .* at index \(1, 2, 0\)"),
    "infinite aux": (spoiled(TIMES, (3, 4), np.inf), VALUES, r"aux holds 1 value\(s\) .* at index \(3, 4\)"),
    "fewer series": (TIMES, VALUES[:3], r"aux and observations differ in .*\(6, 8\) and \(3, 8\)"),
    "fewer points": (TIMES[:, :5], VALUES, r"aux and observations differ in .*\(6, 5\) and \(6, 8\)"),
    "empty": (TIMES[:0], VALUES[:0], r"aux is empty: shape \(0, 8\)"),
    "no points": (TIMES[:, :0], VALUES[:, :0], "is empty"),
    "strings": (TIMES.astype(str), VALUES, "aux must hold numbers"),
    "objects": (TIMES, VALUES.astype(str).astype(object), "observations must hold numbers, got an array of object"),
    "complex": (TIMES, VALUES.astype(complex), "observations must hold numbers"),
    "aux of one axis": (TIMES[0], VALUES, r"aux needs at least 2 axes \(series, points\), got shape \(8,\)"),
    "aux of too many axes": (TIMES[..., None, None], VALUES, r"features of shape \(6, 8, 1, 1\); they need 3 axes"),
    "observations of one axis": (TIMES, VALUES[0, :, 0], "observations needs at least 2 axes"),
    "numbers for vectors": (TIMES, VALUES[..., 0], r"observations have shape \(\) each, but the encoder takes \(3,\)"),
    "another width": (TIMES, VALUES[..., :2], r"observations have shape \(2,\) each, but the encoder takes \(3,\)"),
    "none": (TIMES, None, "observations are missing"),
    "a name for nothing": ({}, VALUES, "auxiliary data hold no array"),
    "a name": ({"time": TIMES}, VALUES, r"auxiliary data are named \(time\); give the model auxiliary=NamedColumns"),
}


@pytest.mark.parametrize("route", ["fit", "condition"])
@pytest.mark.parametrize("case", ARRAYS)
def test_arrays(case, route):
    x, y, message = ARRAYS[case]
    model = make("hensman")
    refused(lambda: fit(model, x, y) if route == "fit" else model.condition(x, y), message)


STAMPS = TIMES.astype(np.float64) + 1.7e9
TOO_FINE = {
    "timestamps": (STAMPS, "too little for single precision: subtract an offset"),
    "a column of timestamps": (
        np.stack([TIMES, STAMPS], -1),
        r"aux varies by .* around 1\.7e\+09 in column 1, too little for single precision",
    ),
}


@pytest.mark.parametrize("case", TOO_FINE)
def test_fit_refuses_what_runs_together_in_single_precision(case):
    x, message = TOO_FINE[case]
    model = make("hensman")
    refused(lambda: fit(model, x, VALUES), message)


def test_late_times_are_close_enough_for_a_posterior():
    seconds = np.arange(N, dtype=np.float64)[:, np.newaxis] + 86_400.0
    model = make("hensman", N, inducing_points=np.linspace(86_400.0, 86_424.0, 5)[:, np.newaxis])
    rest = slice(12, None)
    model.condition(tf.data.Dataset.from_tensor_slices((seconds[:12], POINT_VALUES[:12])).batch(2))
    model.update(seconds[rest], POINT_VALUES[rest])
    parts = model.predict(seconds[-2:], verbose=0)
    model.condition(seconds, POINT_VALUES)
    np.testing.assert_allclose(parts, model.predict(seconds, verbose=0)[-2:], rtol=1e-5)


def unknown_shapes(x, y) -> tf.data.Dataset:
    """Batches of which a graph knows no shape."""
    spec = tf.TensorSpec((None, None), tf.float32)
    both = tf.data.Dataset.from_tensor_slices((x.astype(np.float32), y.astype(np.float32))).batch(6)
    unknown = tf.data.Dataset.from_generator(lambda: iter(both), output_signature=(spec, spec))
    return unknown.apply(tf.data.experimental.assert_cardinality(len(both)))


@pytest.mark.parametrize("route", ["fit", "evaluate", "condition"])
def test_features_of_another_width_are_no_broadcast(route):
    two = np.repeat(PLACES, 2, axis=1)
    message = "do not give 2 features|have 2 feature"

    def model() -> svgp.LatentModel:
        found = make("hensman", N, inducing_points=two[:5])
        found.compile("sgd")
        return found

    def ask(asked: svgp.LatentModel, data: tf.data.Dataset) -> None:
        asked.condition(data) if route == "condition" else getattr(asked, route)(data, verbose=0)

    def known_shapes(x, y) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices((x, y)).batch(6)

    for stream in (unknown_shapes, known_shapes):
        trained = model()
        ask(trained, stream(two, POINT_VALUES))  # after which TensorFlow would trace for any width
        wrong = stream(PLACES, POINT_VALUES)
        with pytest.raises((svgp.DataError, ValueError), match=message) as caught:
            ask(trained, wrong)
        assert "\n" not in str(caught.value)


def test_batches_without_rows_or_of_unequal_length():
    def cut(x, y) -> tuple:
        return x[: tf.shape(x)[0] - 1], y

    def none(x, y) -> tuple:
        return x[:0], y[:0]

    data = tf.data.Dataset.from_tensor_slices((PLACES, POINT_VALUES))
    refused(
        lambda: fit(make("hensman", N), data.batch(6).map(cut)),
        r"aux and observations differ in length: \(5,\) and \(6,\)",
    )
    refused(lambda: fit(make("hensman", N), data.batch(6).map(none)), r"aux is empty: shape \(0, 1\)")
    refused(
        lambda: fit(make("hensman", N), data.batch(6).concatenate(data.batch(6).map(none))),
        r"aux is empty: shape \(0, 1\)",
    )


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras' own word for it
@pytest.mark.parametrize("route", ["fit", "evaluate"])
def test_data_sets_without_batches_or_not_in_batches(route):
    model = make("hensman", N)
    model.compile("sgd")
    data = tf.data.Dataset.from_tensor_slices((PLACES, POINT_VALUES))
    empty = data.batch(6).filter(lambda x, y: tf.constant(False))  # of a length that nobody knows
    for nothing in (empty, data.batch(6).take(0)):
        refused(lambda data=nothing: getattr(model, route)(data, verbose=0), "holds no batch")
    for ask in (model.condition, lambda data: getattr(model, route)(data, verbose=0)):
        refused(lambda ask=ask: ask(data), r"call .batch\(...\) on it")


def test_data_of_a_data_set():
    refused(lambda: fit(make("hensman", 30), PLACES, POINT_VALUES), "num_data=30 points, but 24 were given")
    refused(
        lambda: fit(make("vae", N), PLACES, POINT_VALUES[:5]),
        r"aux and observations differ in length: \(24,\) and \(5,\)",
    )


def test_no_data_at_all():
    refused(lambda: fit(make("vae"), None), "there are no data")
    refused(lambda: make("vae").condition(batches(TIMES, VALUES).take(0)), "there are no data to condition on")


@pytest.mark.parametrize("wrong", ["validation", "evaluate"])
def test_validation_data(wrong):
    bad = spoiled(VALUES, (0, 0, 0))
    model = make("vae")
    model.compile("sgd")
    if wrong == "evaluate":
        refused(lambda: model.evaluate(TIMES, bad, verbose=0), "NaN or infinite")
    else:
        refused(lambda: fit(model, TIMES, VALUES, validation_data=(TIMES, bad)), "NaN or infinite")


def test_named_columns():
    def named() -> svgp.LatentModel:
        return make("vae", auxiliary=svgp.auxiliary.NamedColumns(["time", "place"]))

    refused(lambda: fit(named(), {"time": TIMES}, VALUES), "auxiliary data lack place; they hold time")
    refused(lambda: fit(named(), batches({"time": TIMES}, VALUES)), "auxiliary data lack place; they hold time")
    refused(lambda: fit(named(), TIMES, VALUES), "auxiliary data must be a dict with time, place")
    refused(
        lambda: fit(named(), {"time": TIMES, "place": TIMES[:, :2]}, VALUES),
        r"time and place differ in .*\(6, 8\) and \(6, 2\)",
    )


def test_features_that_the_kernel_or_the_inducing_points_lack():
    other = make("gpvae", kernel=SquaredExponential(columns=[1]))
    refused(lambda: fit(other, TIMES, VALUES), "selects feature column 1, but the data have 1", ValueError)
    refused(lambda: fit(other, batches(TIMES, VALUES)), "selects feature column 1, but the data have 1", ValueError)
    two = make("hensman", inducing_points=np.ones((4, 2)) * np.arange(4)[:, None])
    refused(lambda: fit(two, TIMES, VALUES), "inducing points have 2 feature.s., but auxiliary data give 1", ValueError)


def test_tf_data():
    bad = spoiled(VALUES, (1, 1, 1))
    refused(lambda: fit(make("vae"), batches(TIMES, bad)), r"observations holds 1 value\(s\) .* at index \(1, 1, 1\)")
    refused(lambda: make("vae").condition(batches(TIMES, bad)), "NaN or infinite")
    refused(lambda: fit(make("vae"), batches(TIMES, VALUES[..., :2])), r"shape \(2,\) each, but the encoder takes")
    alone = tf.data.Dataset.from_tensor_slices(TIMES).batch(3)
    refused(lambda: fit(make("vae"), alone), "must give pairs")
    refused(lambda: make("vae").condition(alone), "must give pairs")


def test_weights_of_data():
    weights = np.ones(len(TIMES))
    refused(lambda: fit(make("vae"), TIMES, VALUES, sample_weight=weights), "weights of data have no meaning")
    refused(lambda: fit(make("vae"), TIMES, VALUES, class_weight={0: 1.0}), "weights of data have no meaning")
    refused(lambda: fit(make("vae"), batches(TIMES, VALUES, weights)), "weights of data have no meaning")


def test_an_exact_gp_takes_no_mini_batches():
    refused(
        lambda: fit(make("gpvae", N), PLACES, POINT_VALUES, batch_size=8), "needs all of it in one batch", ValueError
    )


@pytest.mark.parametrize("question", ["predict", "predict_latent", "sample"])
def test_new_inputs(question):
    model = conditioned("hensman")

    def ask(x) -> None:
        getattr(model, question)(x, **({"verbose": 0} if question == "predict" else {}))

    refused(lambda: ask(spoiled(TIMES, (0, 1))), r"NaN or infinite, the first at index \(0, 1\)")
    refused(lambda: ask(TIMES[:2]), "the posterior holds 6 series, but inputs for 2 were given")
    refused(lambda: ask(TIMES[0]), "aux needs at least 2 axes")
    refused(lambda: ask(np.stack([TIMES, TIMES], -1)), "inducing points have 1 feature", ValueError)


@pytest.mark.parametrize("action", ["update", "forget"])
def test_data_of_other_series(action):
    model = conditioned("hensman")
    refused(lambda: getattr(model, action)(TIMES[:2], VALUES[:2]), "holds 6 series, but data for 2 were given")


SETTINGS = {
    "likelihood name": (lambda: make("vae", likelihood="poisson"), "unknown likelihood 'poisson'; choose one of"),
    "likelihood type": (lambda: make("vae", likelihood=None), "likelihood must be a name or a `Likelihood`, got None"),
    "bounds that fall": (lambda: make("vae", variance_bounds=(1.0, 0.1)), "variance_bounds must be positive"),
    "bounds at zero": (lambda: make("vae", variance_bounds=(0.0, 1.0)), "variance_bounds must be positive"),
    "bounds of nan": (lambda: make("vae", variance_bounds=(0.1, np.nan)), "variance_bounds must be positive"),
    "beta": (lambda: svgp.ELBO(beta=-1.0), "beta must be finite and not negative, got -1.0"),
    "bound": (lambda: make("laplace"), "unknown bound 'laplace'; choose one of hensman, titsias"),
    "more inducing points than data": (lambda: make("hensman", 3), "4 inducing points are more than the 3 data points"),
    "no data": (lambda: make("vae", 0), "num_data must be at least 1"),
    "an odd encoder": (lambda: svgp.VAE(encoder(outputs=3), decoder()), "must give 2 L outputs .* but gives 3"),
    "a decoder of other latents": (
        lambda: svgp.VAE(encoder(), decoder(3)),
        "there are 2 latents, but the decoder takes 3",
    ),
    "a decoder of other outputs": (
        lambda: svgp.VAE(encoder(), decoder(pixels=1)),
        r"decoder gives outputs of shape \(1,\), but observations have shape \(3,\)",
    ),
    "a Keras loss": (lambda: make("vae").compile("sgd", loss="mse"), "a model has no loss to set"),
    "no samples": (lambda: conditioned("vae").sample(TIMES, 0), "num_samples must be at least 1"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings(case):
    refused(*SETTINGS[case], ValueError)

"""The sparse GP with a free q(u): against the amortised one at its optimum, the oracles and the original program."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.gp import sparse, whitened
from svgp_vae_tf.kernels import Kernel, Linear, Periodic, SquaredExponential
from svgp_vae_tf.models import LatentModel
from svgp_vae_tf.priors.base import LatentData
from svgp_vae_tf.priors.sparse import SparseGP
from svgp_vae_tf.priors.variational import VariationalGP
from tests.reference import golden, oracles

close = np.testing.assert_allclose
NUM_LATENTS, NUM_DATA, BATCH = 2, 20, 8
FUNCTION = oracles.squared_exponential(0.8, 1.3)
RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-2.0, 2.0, (5, 2))
POINTS_BY_CHANNEL = np.stack([POINTS, POINTS[::-1] + 0.3])
FEATURES = RNG.uniform(-2.0, 2.0, (BATCH, 2))
NEW = RNG.uniform(-2.0, 2.0, (4, 2))
MEAN = RNG.normal(size=(BATCH, NUM_LATENTS))
VARIANCE = np.exp(RNG.uniform(-2.0, 1.0, (BATCH, NUM_LATENTS)))
of = LatentData.of
DATA = of(FEATURES, MEAN, VARIANCE)


def kernel(**kwargs) -> Kernel:
    return SquaredExponential(0.8, 1.3, **kwargs)


def free(points=POINTS, num_latents=NUM_LATENTS, num_data: int | None = NUM_DATA, **kwargs) -> VariationalGP:
    return VariationalGP(kernel(), points, num_latents, num_data, **kwargs)


def moments(num_latents=NUM_LATENTS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    factor = np.tril(rng.normal(0.0, 0.3, (num_latents, 5, 5)), -1) + 0.5 * np.eye(5)
    return rng.normal(size=(num_latents, 5)), factor @ np.swapaxes(factor, 1, 2)


def at_optimum(points) -> tuple[VariationalGP, SparseGP, whitened.WhitenedPosterior]:
    """A free q set to the posterior of the amortised prior given the batch, and both."""
    amortised = SparseGP(kernel(), points, num_data=NUM_DATA)
    v, _ = amortised.project(FEATURES)
    stats = sparse.statistics(v, tf.constant(MEAN.T), tf.constant(VARIANCE.T))
    q = sparse.posterior(stats, NUM_DATA / BATCH)
    prior = free(points)
    prior.assign_inducing_moments(*whitened.inducing_moments(q, amortised.chol_kmm))
    return prior, amortised, q


# What it computes.


def test_it_starts_as_the_prior():
    posterior = free()(of(FEATURES))
    close(posterior.mean, np.zeros((BATCH, NUM_LATENTS)))
    close(posterior.variance, np.full((BATCH, NUM_LATENTS), 1.3**2), rtol=1e-12)
    assert posterior.kl.shape == ()
    assert abs(float(posterior.kl)) < 1e-14


@pytest.mark.parametrize("points", [POINTS, POINTS_BY_CHANNEL], ids=["shared", "by channel"])
def test_at_the_optimum_it_is_the_amortised_posterior(points):
    prior, amortised, _ = at_optimum(points)
    got, expected = prior(DATA), amortised(DATA)
    close(got.mean, expected.mean, rtol=1e-9, atol=1e-9)
    close(got.variance, expected.variance, rtol=1e-9, atol=1e-9)
    close(got.kl, expected.kl, rtol=1e-9)


def test_the_optimum_is_stationary_for_the_bound_of_eq_8_with_gaussian_data():
    prior, _, _ = at_optimum(POINTS)
    with tf.GradientTape() as tape:
        q = prior(of(FEATURES))
        fit = -0.5 * tf.reduce_sum((tf.square(MEAN - q.mean) + q.variance) / VARIANCE) / BATCH
        bound = fit - q.kl
    for gradient in tape.gradient(bound, [prior._mean.value, prior._raw_factor.value]):
        assert np.max(np.abs(gradient)) < 1e-7


@pytest.mark.parametrize("points", [POINTS, POINTS_BY_CHANNEL], ids=["shared", "by channel"])
def test_marginals_and_kl_are_those_of_the_oracles(points):
    prior = free(points)
    mu, a = moments()
    prior.assign_inducing_moments(mu, a)
    posterior = prior(of(FEATURES))
    total = 0.0
    for channel in range(NUM_LATENTS):
        own = points if points.ndim == 2 else points[channel]
        kmm = oracles.jittered(oracles.gram(FUNCTION, own, own), 1e-6)
        kmn = oracles.gram(FUNCTION, own, FEATURES)
        expected = oracles.sparse_marginals(kmm, kmn, np.full(BATCH, 1.3**2), mu[channel], a[channel])
        close(posterior.mean[:, channel], expected[0], rtol=1e-8, atol=1e-9)
        close(posterior.variance[:, channel], expected[1], rtol=1e-8)
        total += oracles.kl(kmm, mu[channel], a[channel])
    assert float(posterior.kl) == pytest.approx(total / NUM_DATA, rel=1e-9)


def test_the_original_program_agrees():
    case = golden.worked("rotated")
    rotated_kernel = Periodic(length_scale=1.0, columns=[0]) * Linear(columns=[1, 2])
    prior = VariationalGP(rotated_kernel, case["inducing_points"], num_latents=1, num_data=10)
    factor = np.eye(3) + 0.1 * np.tril(np.ones((3, 3)), -1)
    prior.assign_inducing_moments(np.array([[0.1, -0.2, 0.3]]), (factor @ factor.T)[np.newaxis])
    posterior = prior(of(np.column_stack([case["angles"], case["objects"]])))
    close(posterior.mean[:, 0], [0.1085958847, -0.1396684361, 0.2465832143, -0.1158795337], rtol=1e-5)
    assert 10 * float(posterior.kl) == pytest.approx(0.2407181942, rel=1e-5)
    assert -float(tf.reduce_sum(posterior.variance)) / (2 * 0.1) == pytest.approx(-23.8309940671, rel=1e-5)


def test_encoded_moments_are_ignored():
    prior = free()
    prior.assign_inducing_moments(*moments())
    for with_data, without in zip(prior(DATA), prior(of(FEATURES)), strict=True):
        close(with_data, without, rtol=0)


def test_inducing_moments_round_trip():
    prior = free(POINTS_BY_CHANNEL)
    mu, a = moments()
    prior.assign_inducing_moments(mu, a)
    got_mu, got_a = prior.inducing_moments()
    close(got_mu, mu, rtol=1e-9, atol=1e-11)
    close(got_a, a, rtol=1e-9, atol=1e-11)


# Conditioning and prediction.


def test_statistics_add_nothing():
    prior = free()
    prior.assign_inducing_moments(*moments())
    statistics = prior.statistics(of(FEATURES))
    assert [tuple(array.shape) for array in statistics] == [(1, NUM_LATENTS)]
    before = prior.posterior(statistics).predict(tf.constant(NEW))
    for other in (prior.merge(statistics, statistics), prior.remove(statistics, statistics)):
        close(prior.posterior(other).predict(tf.constant(NEW)), before, rtol=0)


def test_predictions_are_the_marginals_of_the_joint_ones():
    prior = free()
    prior.assign_inducing_moments(*moments())
    conditioned = prior.posterior(prior.statistics(of(FEATURES)))
    mean, variance = conditioned.predict(tf.constant(NEW))
    posterior = prior(of(NEW))
    close(mean, posterior.mean, rtol=0)
    close(variance, posterior.variance, rtol=0)
    joint_mean, covariance = conditioned.predict_joint(tf.constant(NEW))
    assert covariance.shape == (NUM_LATENTS, len(NEW), len(NEW))
    close(joint_mean, mean, rtol=0)
    close(tf.linalg.diag_part(covariance), tf.transpose(variance), rtol=1e-10)
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_joint_predictions_at_the_optimum_are_the_amortised_ones():
    prior, amortised, q = at_optimum(POINTS)
    v, _ = amortised.project(NEW)
    expected = whitened.covariance(q, v, amortised.kernel.matrix(NEW, NEW))
    conditioned = prior.posterior(prior.statistics(of(FEATURES)))
    close(conditioned.predict_joint(tf.constant(NEW))[1], expected, atol=1e-9)


# Training and serialisation.


def test_gradients_reach_all_weights():
    prior = free()
    prior.assign_inducing_moments(*moments())
    assert {weight.name for weight in prior.weights} >= {"variational_mean", "variational_factor", "inducing_points"}

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            q = prior(of(FEATURES))
            loss = tf.reduce_sum(tf.square(q.mean - MEAN) + q.variance) + q.kl
        return tape.gradient(loss, [weight.value for weight in prior.trainable_weights])

    for weight, gradient in zip(prior.trainable_weights, gradients(), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all()
        used = (
            np.tril(np.ones((5, 5), bool)) if weight.name == "variational_factor" else np.ones(weight.shape[1:], bool)
        )
        assert (np.asarray(gradient)[..., used] != 0).all(), weight.path


def test_config_round_trip():
    prior = free(POINTS_BY_CHANNEL, train_inducing_points=False, inducing_scale=0.5, jitter=1e-5)
    again = VariationalGP.from_config(prior.get_config())
    assert again.get_config() == prior.get_config()
    prior.assign_inducing_moments(*moments())
    again.set_weights(prior.get_weights())
    for old, new in zip(prior(of(FEATURES)), again(of(FEATURES)), strict=True):
        close(new, old, rtol=0)


def test_saved_and_loaded_within_a_model(tmp_path):
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2 * NUM_LATENTS)])
    decoder = keras.Sequential([keras.Input((NUM_LATENTS,)), keras.layers.Dense(3)])
    model = LatentModel(encoder, decoder, free())
    model.prior.assign_inducing_moments(*moments())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.prior, VariationalGP)
    for old, new in zip(model.prior(of(FEATURES)), loaded.prior(of(FEATURES)), strict=True):
        close(new, old, rtol=0)


# Bad input.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: free(num_data=None), "give num_data"),
        (lambda: free(num_latents=0), "num_latents must be at least 1, got 0"),
        (lambda: free(num_data=4), "more than the 4 data points"),
        (lambda: free(bound="titsias"), "leave out `bound`"),
        (lambda: free(POINTS_BY_CHANNEL, num_latents=3), "inducing points are for 2 latents, but there are 3"),
        (lambda: VariationalGP(kernel(num_latents=3), POINTS, 2, NUM_DATA), "num_latents=3, but there are 2"),
        (lambda: free().validate_latents(3), "num_latents=2, but there are 3 latents"),
        (lambda: free().assign_inducing_moments(*moments(1)), r"\(2, 5\) and \(2, 5, 5\), got \(1, 5\)"),
        (lambda: free().assign_inducing_moments(moments()[0], -moments()[1]), "positive definite"),
        (lambda: free().assign_inducing_moments(moments()[0] * np.nan, moments()[1]), "not finite"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("num_latents", [1, 3])
def test_another_number_of_latents_is_refused(num_latents):
    prior = VariationalGP(SquaredExponential(), np.zeros((2, 1)) + [[0.0], [1.0]], num_latents, num_data=9)
    with pytest.raises(ValueError, match="2 latents"):
        prior.validate_latents(2)


def test_a_covariance_with_a_slightly_negative_eigenvalue_is_refused():
    prior = VariationalGP(SquaredExponential(), np.array([[0.0], [1.0]]), 1, num_data=9)
    with pytest.raises(ValueError, match="A must be symmetric and positive definite"):
        prior.assign_inducing_moments(np.zeros((1, 2)), np.array([[[1.0, 0.0], [0.0, -0.01]]]))

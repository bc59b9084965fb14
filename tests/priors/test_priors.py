"""The prior layers against the oracles: posterior, KL, statistics and prediction, of series and of data sets."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from run_experiments.original.ball import OriginalBallGP
from svgp_vae_tf import priors
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.kernels import Linear, SquaredExponential
from tests.reference import oracles

close = np.testing.assert_allclose
NUM_LATENTS, NUM_DATA, BATCH = 2, 20, 8
JITTER = 1e-6
FUNCTION = oracles.squared_exponential(0.8, 1.3)
RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-2.0, 2.0, (5, 2))
POINTS_BY_CHANNEL = np.stack([POINTS, POINTS[::-1] + 0.3])
FEATURES = RNG.uniform(-2.0, 2.0, (BATCH, 2))
NEW = RNG.uniform(-2.0, 2.0, (4, 2))
MEAN = RNG.normal(size=(BATCH, NUM_LATENTS))
VARIANCE = np.exp(RNG.uniform(-2.0, 1.0, (BATCH, NUM_LATENTS)))
of = priors.LatentData.of
DATA = of(FEATURES, MEAN, VARIANCE)


def kernel(**kwargs) -> SquaredExponential:
    return SquaredExponential(0.8, 1.3, **kwargs)


def sparse(points=POINTS, layer=priors.SparseGP, **kwargs) -> priors.SparseGP:
    return layer(kernel(), points, jitter=JITTER, **kwargs)


def series(*arrays: np.ndarray) -> list[np.ndarray]:
    """Two series: the data, and the same with means negated and halved."""
    return [np.stack([array, array]) for array in arrays]


class Expected:
    """What the oracles say of one channel."""

    def __init__(self, points, channel, features=FEATURES, mean=MEAN, variance=VARIANCE, scale=1.0):
        points = points if points.ndim == 2 else points[channel]
        self.y, self.s2 = mean[:, channel], variance[:, channel]
        self.kmm = oracles.jittered(oracles.gram(FUNCTION, points, points), JITTER)
        self.kmn = oracles.gram(FUNCTION, points, features)
        self.k_diagonal = np.diag(oracles.gram(FUNCTION, features, features))
        self.mu, self.a = oracles.inducing_moments(self.kmm, self.kmn, self.y, self.s2, scale)
        self.mean, self.variance = oracles.sparse_marginals(self.kmm, self.kmn, self.k_diagonal, self.mu, self.a)
        self.points = points

    @property
    def kl(self) -> float:
        return oracles.kl(self.kmm, self.mu, self.a)

    @property
    def titsias_surplus(self) -> float:
        cross_entropy = oracles.expected_log_density(self.mean, self.variance, self.y, self.s2)
        return cross_entropy - oracles.titsias_bound(self.kmm, self.kmn, self.k_diagonal, self.y, self.s2)

    def predict(self, new) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance at new inputs."""
        kmr, krr = oracles.gram(FUNCTION, self.points, new), oracles.gram(FUNCTION, new, new)
        mean, _ = oracles.sparse_marginals(self.kmm, kmr, np.diag(krr), self.mu, self.a)
        return mean, oracles.sparse_covariance(self.kmm, kmr, krr, self.a)


# Sparse GP: posterior and regulariser.


@pytest.mark.parametrize("points", [POINTS, POINTS_BY_CHANNEL], ids=["shared", "per_channel"])
@pytest.mark.parametrize("bound", ["hensman", "titsias"])
def test_sparse_gp_of_a_data_set_scales_the_batch_to_all_data(points, bound):
    posterior = sparse(points, bound=bound, num_data=NUM_DATA)(DATA)
    expected = [Expected(points, channel, scale=NUM_DATA / BATCH) for channel in range(NUM_LATENTS)]
    for channel, oracle in enumerate(expected):
        close(posterior.mean[:, channel], oracle.mean, rtol=1e-7, atol=1e-9)
        close(posterior.variance[:, channel], oracle.variance, rtol=1e-7)
    if bound == "hensman":  # KLterm of the batch is -(b/N) KL, and so an example's share KL / N
        close(posterior.kl, sum(oracle.kl for oracle in expected) / NUM_DATA, rtol=1e-7)
    else:  # eq. 6 covers the batch only, and an example's share is that of the batch
        close(posterior.kl, sum(oracle.titsias_surplus for oracle in expected) / BATCH, rtol=1e-7)


@pytest.mark.parametrize("points", [POINTS, POINTS_BY_CHANNEL], ids=["shared", "per_channel"])
@pytest.mark.parametrize("bound", ["hensman", "titsias"])
def test_sparse_gp_of_series_takes_each_by_itself(points, bound):
    features, mean, variance = series(FEATURES, MEAN, VARIANCE)
    mean[1] *= -0.5
    posterior = sparse(points, bound=bound)(of(features, mean, variance))
    assert posterior.kl.shape == (2,)
    for i in (0, 1):
        expected = [Expected(points, channel, mean=mean[i]) for channel in range(NUM_LATENTS)]
        for channel, oracle in enumerate(expected):
            close(posterior.mean[i, :, channel], oracle.mean, rtol=1e-7, atol=1e-9)
            close(posterior.variance[i, :, channel], oracle.variance, rtol=1e-7)
        close(posterior.kl[i], sum(oracle.kl for oracle in expected), rtol=1e-7)


def test_both_bounds_agree_for_the_whole_data():
    hensman, titsias = (sparse(bound=b, num_data=BATCH)(DATA) for b in priors.sparse.BOUNDS)
    close(hensman.kl, titsias.kl, rtol=1e-10)


def test_kernel_parameters_per_channel_reach_their_channel():
    own = kernel(num_latents=NUM_LATENTS)
    own._raw["amplitude"].assign(np.log([1.3, 2.6]))
    posterior = priors.SparseGP(own, POINTS, jitter=JITTER)(of(*series(FEATURES, MEAN, VARIANCE)))
    shared = sparse()(of(*series(FEATURES, MEAN, VARIANCE)))
    close(posterior.mean[..., 0], shared.mean[..., 0], rtol=1e-10)
    assert np.abs(posterior.mean[..., 1] - shared.mean[..., 1]).max() > 1e-3


def test_original_ball_prior_replaces_the_regulariser_only():
    features, mean, variance = series(FEATURES, MEAN, VARIANCE)
    variance[1] *= 3.0
    original = sparse(layer=OriginalBallGP)(of(features, mean, variance))
    ours = sparse()(of(features, mean, variance))
    close(original.mean, ours.mean, rtol=1e-14)
    close(original.variance, ours.variance, rtol=1e-14)
    for video in (0, 1):
        expected = 0.0
        for channel in range(NUM_LATENTS):
            moments = [Expected(POINTS, channel, mean=mean[i], variance=variance[i]) for i in (0, 1)]
            expected += oracles.original_ball_term(moments[0].kmm, [m.a for m in moments], video)
        close(original.kl[video], expected, rtol=1e-6)


def test_original_ball_term_does_not_see_the_means():
    features, mean, variance = series(FEATURES, MEAN, VARIANCE)
    prior = sparse(layer=OriginalBallGP)
    close(prior(of(features, 100.0 * mean, variance)).kl, prior(of(features, mean, variance)).kl, rtol=1e-12)


# Sparse GP: statistics and prediction.


@pytest.mark.parametrize("points", [POINTS, POINTS_BY_CHANNEL], ids=["shared", "per_channel"])
def test_sparse_predictions_are_those_of_eq_3(points):
    prior = sparse(points, num_data=NUM_DATA)
    statistics = prior.statistics(DATA)  # of all data: no N/b
    mean, variance = prior.posterior(statistics).predict(tf.constant(NEW))
    joint_mean, covariance = prior.posterior(statistics).predict_joint(tf.constant(NEW))
    assert (mean.shape, covariance.shape) == ((4, NUM_LATENTS), (NUM_LATENTS, 4, 4))
    for channel in range(NUM_LATENTS):
        expected_mean, expected_covariance = Expected(points, channel).predict(NEW)
        close(mean[:, channel], expected_mean, rtol=1e-7, atol=1e-9)
        close(joint_mean[:, channel], expected_mean, rtol=1e-7, atol=1e-9)
        close(variance[:, channel], np.diag(expected_covariance), rtol=1e-7)
        close(covariance[channel], expected_covariance, rtol=1e-7, atol=1e-8)


def test_sparse_predictions_of_series_are_those_of_each():
    prior = sparse()
    features, mean, variance, new = series(FEATURES, MEAN, VARIANCE, NEW)
    mean[1] *= -0.5
    statistics = prior.statistics(of(features, mean, variance))
    predicted, spread = prior.posterior(statistics).predict(tf.constant(new))
    _, covariance = prior.posterior(statistics).predict_joint(tf.constant(new))
    assert covariance.shape == (2, NUM_LATENTS, 4, 4)
    for i in (0, 1):
        for channel in range(NUM_LATENTS):
            expected_mean, expected_covariance = Expected(POINTS, channel, mean=mean[i]).predict(NEW)
            close(predicted[i, :, channel], expected_mean, rtol=1e-7, atol=1e-9)
            close(spread[i, :, channel], np.diag(expected_covariance), rtol=1e-7)


GP_PRIORS = {
    "sparse": lambda: sparse(num_data=NUM_DATA),
    "sparse_per_channel": lambda: sparse(POINTS_BY_CHANNEL, num_data=NUM_DATA),
    "exact": lambda: priors.ExactGP(kernel(), num_data=BATCH),
}


def assert_same_predictions(prior, a, b, new=NEW):
    for first, second in zip(*(prior.posterior(s).predict_joint(tf.constant(new)) for s in (a, b)), strict=True):
        close(first, second, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("make", GP_PRIORS.values(), ids=GP_PRIORS)
def test_statistics_merged_from_parts_is_that_of_the_whole(make):
    prior = make()
    parts = [prior.statistics(of(FEATURES[i], MEAN[i], VARIANCE[i])) for i in (slice(0, 3), slice(3, None))]
    merged = prior.merge(*parts)
    assert_same_predictions(prior, merged, prior.statistics(of(FEATURES, MEAN, VARIANCE)))


@pytest.mark.parametrize("make", GP_PRIORS.values(), ids=GP_PRIORS)
def test_statistics_without_a_part_is_that_of_the_rest(make):
    prior = make()
    whole = prior.statistics(of(FEATURES, MEAN, VARIANCE))
    gone = [5, 1, 2]
    rest = [i for i in range(BATCH) if i not in gone]
    remaining = prior.remove(whole, prior.statistics(of(FEATURES[gone], MEAN[gone], VARIANCE[gone])))
    assert_same_predictions(prior, remaining, prior.statistics(of(FEATURES[rest], MEAN[rest], VARIANCE[rest])))


@pytest.mark.parametrize("make", [sparse, lambda: priors.ExactGP(kernel())], ids=["sparse", "exact"])
def test_statistics_of_series_merges_and_parts(make):
    prior = make()
    features, mean, variance, new = series(FEATURES, MEAN, VARIANCE, NEW)
    first = prior.statistics(of(features[:, :5], mean[:, :5], variance[:, :5]))
    second = prior.statistics(of(features[:, 5:], mean[:, 5:], variance[:, 5:]))
    merged = prior.merge(first, second)
    assert_same_predictions(prior, merged, prior.statistics(of(features, mean, variance)), new)
    assert_same_predictions(prior, prior.remove(merged, second), first, new)


def test_a_sparse_gp_that_forgets_all_but_rounding_is_near_its_prior():
    """Networks in single precision give other roundings in other chunks."""
    prior = sparse()
    precise = np.full_like(VARIANCE, 1e-10)
    rounding = 1.0 + 1e-7 * np.random.default_rng(1).normal(size=VARIANCE.shape)
    whole, gone = (
        prior.statistics(of(FEATURES, MEAN, precise)),
        prior.statistics(of(FEATURES, MEAN, precise * rounding)),
    )
    left = prior.remove(whole, gone)
    assert np.linalg.eigvalsh(np.asarray(whole[0]) - gone[0]).min() < -1.0  # I + S has no factor
    assert np.linalg.eigvalsh(left[0]).min() > -1e-9
    mean, variance = prior.posterior(left).predict(tf.constant(NEW))
    assert np.isfinite(mean).all()
    close(np.minimum(variance, 1.3**2), variance, rtol=1e-6)  # no more than the prior's
    with pytest.raises(DataError, match="cannot forget"):
        prior.remove(gone, prior.statistics(of(FEATURES + 0.5, MEAN, precise)))


def diagonal_statistics(precision: list[float], information: list[float]):
    """Of one channel, in directions that are the axes."""
    arrays = np.diag(precision)[np.newaxis], np.array(information)[np.newaxis]
    return priors.SparseGP.statistics_type(*(tf.constant(array, tf.float64) for array in arrays))


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (6.0, (6.0, 0.5)),  # 1 + 6 is above 100 rounding errors 2^-24 of 1e6, which is 5.96
        (4.5, (0.0, 0.0)),  # 1 + 4.5 is not
        (-0.9, (0.0, 0.0)),  # a rounding error below zero
    ],
)
def test_a_sparse_gp_keeps_of_a_direction_what_rounding_cannot_have_made(left, expected):
    whole = diagonal_statistics([1e6, 3.0], [7.0, 2.0])
    gone = diagonal_statistics([1e6 - left, 1.0], [6.5, 0.5])
    precision, information = sparse().remove(whole, gone)
    close(precision, [np.diag([expected[0], 2.0])], rtol=1e-9, atol=1e-12)
    close(information, [[expected[1], 1.5]], rtol=1e-9, atol=1e-12)


def test_a_sparse_gp_forgets_nothing_of_a_direction_that_is_a_little_negative_for_want_of_data():
    left = sparse().remove(diagonal_statistics([0.0, 3.0], [0.0, 2.0]), diagonal_statistics([1e-7, 0.0], [1e-3, 0.0]))
    close(left.data_precision, [np.diag([0.0, 3.0])], atol=1e-12)
    close(left.precision_mean, [[0.0, 2.0]], atol=1e-12)


def test_a_sparse_gp_refuses_what_is_more_than_rounding_below_zero():
    """The limit is 1e-6 of 1 + tr S = 1,000."""
    whole = diagonal_statistics([0.0, 999.0], [0.0, 0.0])
    sparse().remove(whole, diagonal_statistics([0.9e-3, 0.0], [0.0, 0.0]))
    with pytest.raises(DataError, match="cannot forget data that the posterior was not given"):
        sparse().remove(whole, diagonal_statistics([1.1e-3, 0.0], [0.0, 0.0]))


# Exact GP.


def exact_moments(channel: int, new: np.ndarray, mean=MEAN) -> tuple[np.ndarray, np.ndarray]:
    return oracles.exact_posterior(
        oracles.gram(FUNCTION, FEATURES, FEATURES),
        oracles.gram(FUNCTION, FEATURES, new),
        oracles.gram(FUNCTION, new, new),
        mean[:, channel],
        VARIANCE[:, channel],
    )


@pytest.mark.parametrize("num_data", [None, BATCH])
def test_exact_gp_gives_the_exact_posterior_and_its_divergence(num_data):
    data = (FEATURES, MEAN, VARIANCE) if num_data else series(FEATURES, MEAN, VARIANCE)
    posterior = priors.ExactGP(kernel(), num_data=num_data)(of(*data))
    kl = 0.0
    for channel in range(NUM_LATENTS):
        mean, covariance = exact_moments(channel, FEATURES)
        close(posterior.mean[..., channel], np.broadcast_to(mean, data[1].shape[:-1]), rtol=1e-8, atol=1e-10)
        close(posterior.variance[..., channel], np.broadcast_to(np.diag(covariance), data[1].shape[:-1]), rtol=1e-8)
        cross_entropy = oracles.expected_log_density(mean, np.diag(covariance), MEAN[:, channel], VARIANCE[:, channel])
        k_nn = oracles.gram(FUNCTION, FEATURES, FEATURES)
        kl += cross_entropy - oracles.log_z(k_nn, MEAN[:, channel], VARIANCE[:, channel])
    close(posterior.kl, kl / num_data if num_data else [kl, kl], rtol=1e-8)


def test_exact_predictions_are_those_of_eq_1():
    prior = priors.ExactGP(kernel(), num_data=BATCH)
    statistics = prior.statistics(of(FEATURES, MEAN, VARIANCE))
    mean, variance = prior.posterior(statistics).predict(tf.constant(NEW))
    joint_mean, covariance = prior.posterior(statistics).predict_joint(tf.constant(NEW))
    for channel in range(NUM_LATENTS):
        expected_mean, expected_covariance = exact_moments(channel, NEW)
        close(mean[:, channel], expected_mean, rtol=1e-8, atol=1e-10)
        close(joint_mean[:, channel], expected_mean, rtol=1e-8, atol=1e-10)
        close(variance[:, channel], np.diag(expected_covariance), rtol=1e-8)
        close(covariance[channel], expected_covariance, rtol=1e-8, atol=1e-9)


def test_a_sparse_gp_with_inducing_points_at_the_data_is_the_exact_gp():
    exact = priors.ExactGP(kernel(), num_data=BATCH)(DATA)
    close_to_it = priors.SparseGP(kernel(), FEATURES, num_data=BATCH, jitter=1e-12)(DATA)
    for a, b in zip(exact, close_to_it, strict=True):
        close(a, b, rtol=1e-6, atol=1e-8)


def test_exact_gp_needs_the_whole_data_set_in_a_batch():
    with pytest.raises(tf.errors.InvalidArgumentError, match="needs all of it in one batch"):
        priors.ExactGP(kernel(), num_data=BATCH + 1)(DATA)


def test_exact_gp_forgets_the_row_that_is_meant_among_equal_inputs_and_refuses_strangers():
    prior = priors.ExactGP(kernel(), num_data=3)
    twice = np.stack([FEATURES[0], FEATURES[0], FEATURES[1]])
    statistics = prior.statistics(of(twice, MEAN[:3], VARIANCE[:3]))
    for row in (0, 1):
        rounded = MEAN[row : row + 1] * (1.0 + 1e-6)  # as networks in single precision would in another batch
        left = prior.remove(statistics, prior.statistics(of(FEATURES[:1], rounded, VARIANCE[row : row + 1])))
        for kept, whole in zip(left, (twice, MEAN, VARIANCE), strict=True):
            close(kept, np.delete(whole[:3], row, axis=0))
    strangers = {
        "it was never conditioned on": of(NEW[:1], MEAN[:1], VARIANCE[:1]),
        "what was observed there differs": of(FEATURES[:1], MEAN[:1] + 0.5, VARIANCE[:1]),
        "observed there differs": of(FEATURES[:1], MEAN[:1], 1.1 * VARIANCE[:1]),
    }
    for message, data in strangers.items():
        with pytest.raises(DataError, match=f"cannot forget the datum with features .*: .*{message}"):
            prior.remove(statistics, prior.statistics(data))


def test_an_exact_gp_knows_a_row_by_all_its_channels():
    prior = priors.ExactGP(SquaredExponential(), num_data=1)
    held = of([[0.0]], [[2.0, 5.0]], [[0.25, 0.25]])
    with pytest.raises(DataError, match="what was observed there differs"):
        prior.remove(held, of([[0.0]], [[2.0, 7.0]], [[0.25, 0.25]]))


@pytest.mark.parametrize(
    ("mean", "variance", "known"),
    [
        (2.0 + 0.9 * 0.007, 0.25, True),  # 1e-2 standard deviations 0.5, and 1e-3 of 2
        (2.0 - 1.1 * 0.007, 0.25, False),
        (2.0, 0.25 * np.exp(0.009), True),
        (2.0, 0.25 * np.exp(-0.011), False),
    ],
)
def test_an_exact_gp_knows_a_row_by_its_moments_up_to_a_hundredth(mean, variance, known):
    prior = priors.ExactGP(SquaredExponential(), num_data=2)
    asked, held = of([[0.0]], [[2.0]], [[0.25]]), of([[0.0], [1.0]], [[mean], [5.0]], [[variance], [1.0]])
    if known:
        close(prior.remove(held, asked).mean, [[5.0]])
    else:
        with pytest.raises(DataError, match="what was observed there differs"):
            prior.remove(held, asked)


# Low rank.


def low_rank_statistics(gram: list[float], count: float):
    """Of one channel whose latents are zero, in features that are orthogonal."""
    arrays = np.diag(gram), np.zeros((2, 1)), np.zeros(1), np.zeros((1, 2, 2)), np.zeros(1), np.array([count])
    return priors.LowRankGP.statistics_type(*(tf.constant(array, tf.float64) for array in arrays))


def test_a_low_rank_gp_forgets_all_it_was_given_and_refuses_what_is_more_than_rounding_below_zero():
    """The limit is 1e-6 of 1 + tr V^T V = 1,000."""
    prior, whole = priors.LowRankGP(kernel(), POINTS, 9), low_rank_statistics([999.0, 0.0], 5.0)
    left = prior.remove(whole, low_rank_statistics([998.0, 0.9e-3], 4.0))
    close(left.gram, np.diag([1.0, -0.9e-3]), atol=1e-12)
    assert not np.any(prior.remove(whole, low_rank_statistics([999.0, 0.9e-3], 5.0)).gram)  # no data, no residue
    for stranger in (low_rank_statistics([0.0, 1.1e-3], 1.0), low_rank_statistics([0.0, 0.0], 6.0)):
        with pytest.raises(DataError, match="cannot forget data that the posterior was not given"):
            prior.remove(whole, stranger)


# Standard normal.


@pytest.mark.parametrize("num_data", [None, NUM_DATA])
def test_standard_normal_gives_the_encoders_gaussian_and_its_divergence(num_data):
    data = (FEATURES, MEAN, VARIANCE) if num_data else series(FEATURES, MEAN, VARIANCE)
    posterior = priors.StandardNormal(num_data=num_data)(of(*data))
    close(posterior.mean, data[1])
    close(posterior.variance, data[2])
    close(posterior.kl, [oracles.kl_to_standard_normal(m, v) for m, v in zip(data[1], data[2], strict=True)])


@pytest.mark.parametrize("as_series", [False, True])
def test_standard_normal_knows_nothing_at_new_inputs(as_series):
    data = series(FEATURES, MEAN, VARIANCE) if as_series else (FEATURES, MEAN, VARIANCE)
    new = series(NEW)[0] if as_series else NEW
    prior = priors.StandardNormal()
    statistics = prior.statistics(of(data[0], data[1], data[2]))
    mean, variance = prior.posterior(prior.remove(prior.merge(statistics, statistics), statistics)).predict(
        tf.constant(new)
    )
    _, covariance = prior.posterior(statistics).predict_joint(tf.constant(new))
    shape = (*new.shape[:-1], NUM_LATENTS)
    close(mean, np.zeros(shape))
    close(variance, np.ones(shape))
    close(covariance, np.broadcast_to(np.eye(4), (*new.shape[:-2], NUM_LATENTS, 4, 4)))


# Gradients, inducing points and their unit.


@pytest.mark.parametrize("bound", ["hensman", "titsias"])
@pytest.mark.parametrize("points", [POINTS, POINTS_BY_CHANNEL], ids=["shared", "per_channel"])
def test_kernel_parameters_inducing_points_and_moments_all_get_gradients(bound, points):
    prior = sparse(points, bound=bound, num_data=NUM_DATA)
    y, s2 = tf.constant(MEAN), tf.constant(VARIANCE)
    with tf.GradientTape() as tape:
        tape.watch([y, s2])
        kl = prior(of(FEATURES, y, s2)).kl
    sources = [y, s2, *(variable.value for variable in prior.trainable_variables)]
    assert len(sources) == 5
    for gradient in tape.gradient(kl, sources):
        assert np.isfinite(gradient).all() and np.all(np.abs(gradient) > 0.0)


@pytest.mark.parametrize(
    ("unit", "expected"), [(None, np.std(POINTS, axis=0)), (2.0, [2.0, 2.0]), ([0.5, 4.0], [0.5, 4.0])]
)
def test_the_optimiser_sees_inducing_points_in_their_unit(unit, expected):
    prior = sparse(inducing_scale=unit)
    close(prior.inducing_points, POINTS, rtol=1e-14)
    close(prior._raw_points.value * expected, POINTS, rtol=1e-14)
    close(prior.inducing_scale, expected)


def test_a_feature_without_spread_has_unit_one():
    points = np.column_stack([POINTS[:, 0], np.full(5, 7.0)])
    assert sparse(points).inducing_scale[1] == 1.0


def test_fixed_inducing_points_are_not_trainable():
    names = [variable.name for variable in sparse(train_inducing_points=False).trainable_variables]
    assert names == ["log_length_scale", "log_amplitude"]


@pytest.mark.parametrize("jitter", [1e-8, 1e-2])
def test_the_jitter_given_is_the_jitter_used(jitter):
    prior = priors.SparseGP(kernel(), POINTS, jitter=jitter)
    chol = prior.chol_kmm
    expected = oracles.jittered(oracles.gram(FUNCTION, POINTS, POINTS), jitter)
    close((chol @ tf.linalg.matrix_transpose(chol))[0], expected, rtol=1e-13, atol=1e-13)


# Saving.


@pytest.mark.parametrize(
    "make",
    [
        lambda: sparse(num_data=NUM_DATA, bound="titsias", inducing_scale=[0.5, 4.0]),
        lambda: sparse(POINTS_BY_CHANNEL, num_data=NUM_DATA, train_inducing_points=False),
        lambda: sparse(layer=OriginalBallGP),
        lambda: priors.ExactGP(kernel(), num_data=BATCH),
        lambda: priors.StandardNormal(num_data=NUM_DATA),
    ],
    ids=["sparse", "sparse_per_channel", "original_ball", "exact", "standard_normal"],
)
def test_configuration_and_weights_survive_a_round_trip(make):
    prior = make()
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(prior))
    copy.set_weights(prior.get_weights())
    assert type(copy) is type(prior)
    assert copy.get_config() == prior.get_config()
    assert len(copy.trainable_variables) == len(prior.trainable_variables)
    for a, b in zip(copy(DATA), prior(DATA), strict=True):
        close(a, b, rtol=1e-14)


# Errors.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sparse(bound="elbo"), "unknown bound 'elbo'; choose one of hensman, titsias"),
        (lambda: sparse(np.zeros((0, 2))), r"need shape \(m, D\) or \(L, m, D\) with m >= 1, got \(0, 2\)"),
        (lambda: sparse(np.zeros(3)), r"need shape .* got \(3,\)"),
        (lambda: sparse(np.full((2, 2), np.nan)), "inducing points hold values that are not finite"),
        (lambda: sparse(num_data=4), "5 inducing points are more than the 4 data points"),
        (lambda: sparse(POINTS_BY_CHANNEL, num_data=4), "5 inducing points are more than the 4 data points"),
        (lambda: sparse(inducing_scale=0.0), "inducing_scale must be positive and finite"),
        (lambda: sparse(num_data=0), "num_data must be at least 1, got 0"),
        (lambda: priors.ExactGP(kernel(), num_data=-1), "num_data must be at least 1, got -1"),
        (lambda: priors.SparseGP(Linear(columns=[2]), POINTS), "Linear selects feature column 2"),
    ],
)
def test_bad_arguments_are_named_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: sparse(), (None, 8, 3), r"inducing points have 2 feature\(s\), but auxiliary data give 3"),
        (lambda: sparse(train_inducing_points=False), (None, 4, 2), "5 fixed inducing points are more than the 4"),
        (lambda: priors.ExactGP(Linear(columns=[2])), (None, 8, 2), "Linear selects feature column 2"),
        (lambda: priors.LowRankGP(kernel(), POINTS, 9), (None, 2), r"need 2 view column\(s\) and object columns"),
    ],
)
def test_features_that_do_not_fit_are_named_in_one_line(make, shape, message):
    with pytest.raises(ValueError, match=message) as error:
        make().validate_features(shape)
        make().validate_training(shape)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: sparse(), (None, 4, 2)),  # trained points may end outside a series
        (lambda: sparse(train_inducing_points=False), (None, 5, 2)),
        (lambda: sparse(train_inducing_points=False), (None, None, 2)),
        (lambda: sparse(train_inducing_points=False, num_data=NUM_DATA), (4, 2)),
        (lambda: sparse(), (None, 8, None)),
        (lambda: priors.StandardNormal(), (None, 4, 1)),
    ],
)
def test_features_that_fit_or_are_unknown_pass(make, shape):
    make().validate_features(shape)
    make().validate_training(shape)


@pytest.mark.parametrize("method", ["__call__", "statistics", "remove", "posterior"])
def test_the_interface_itself_has_no_implementation(method):
    prior = priors.Prior()
    arguments = [DATA, DATA] if method == "remove" else [DATA]
    with pytest.raises(NotImplementedError):
        getattr(prior, method)(*arguments)


@pytest.mark.parametrize("method", ["predict", "predict_joint"])
def test_the_posterior_itself_has_no_implementation(method):
    with pytest.raises(NotImplementedError):
        getattr(priors.Posterior(priors.Prior(), DATA), method)(tf.zeros((2, 1)))

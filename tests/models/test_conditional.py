"""The conditional VAE and deep SVIGP: models of one data set whose networks or posterior differ from the rest."""

import keras
import numpy as np
import pytest

import svgp_vae_tf as svgp
from run_experiments.original.svigp import OriginalSVIGP
from run_experiments.rotated_mnist import networks
from svgp_vae_tf import kernels, likelihoods
from svgp_vae_tf.priors import LatentData
from tests.reference import original_svigp

RNG = np.random.default_rng(0)
IDS, ANGLES = np.repeat(np.arange(4.0), 5), np.tile(np.arange(5.0), 4)
AUX = np.column_stack([IDS, ANGLES]).astype(np.float32)
IMAGES = RNG.uniform(size=(20, 28, 28, 1)).astype(np.float32)


def cvae() -> svgp.CVAE:
    keras.utils.set_random_seed(0)
    model = svgp.CVAE(
        networks.mnist_conditional_encoder(3), networks.mnist_conditional_decoder(3),
        num_groups=4, num_data=20, likelihood="gaussian",
    )  # fmt: skip
    model.compile("adam")
    return model


def svigp() -> svgp.SVIGP:
    keras.utils.set_random_seed(0)
    points = RNG.normal(size=(6, 2))
    model = svgp.SVIGP(
        networks.mnist_decoder(3), kernel=kernels.SquaredExponential(), inducing_points=points, num_data=20,
        likelihood="gaussian",
    )  # fmt: skip
    model.compile("adam")
    return model


def test_parameters_of_the_conditional_networks_are_the_papers():
    assert networks.mnist_conditional_encoder(16).count_params() == 2512
    assert networks.mnist_conditional_decoder(16).count_params() == 3817


@pytest.mark.parametrize("make", [cvae, svigp])
def test_models_train_predict_and_survive_saving(make, tmp_path):
    model = make()
    losses = model.fit(x=AUX, y=IMAGES, epochs=12, batch_size=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.condition(AUX, IMAGES)
    new = np.array([[0, 2.5], [3, 0.5]], np.float32)
    predicted = model.predict(new, verbose=0)
    assert predicted.shape == (2, 28, 28, 1)
    assert model.sample(new, 3, joint=False).shape == (3, 2, 28, 28, 1)
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(svgp.load_model(tmp_path / "model.keras").predict(new, verbose=0), predicted, atol=1e-6)


def test_a_new_image_of_a_group_has_the_average_latent_of_the_group():
    model = cvae()
    model.condition(AUX[:18], IMAGES[:18])
    _, means, variances = model.encode(IMAGES[:18], features=AUX[:18])
    latents = model.predict_latent(np.array([[1, 9.0], [3, 9.0]], np.float32))
    np.testing.assert_allclose(latents.mean, [means[5:10].numpy().mean(0), means[15:18].numpy().mean(0)], atol=1e-6)
    np.testing.assert_allclose(latents.variance[1], variances[15:18].numpy().sum(0) / 9, rtol=1e-5)
    with pytest.raises(svgp.DataError, match="cannot forget"):
        model.forget(AUX[5:10], 1.0 - IMAGES[5:10])
    model.forget(AUX[5:10], IMAGES[5:10])
    prior = model.predict_latent(np.array([[1, 9.0]], np.float32))
    np.testing.assert_allclose(prior.mean, 0.0, atol=1e-6)
    np.testing.assert_allclose(prior.variance, 1.0)


@pytest.mark.parametrize("group", [4, -1, 0.5])
def test_an_unknown_group_is_an_error_in_one_line(group):
    model = cvae()
    with pytest.raises(svgp.DataError, match="no whole number from 0 to 3"):
        model.condition(np.array([[group, 0.0]]), IMAGES[:1])
    model.condition(AUX, IMAGES)
    with pytest.raises(svgp.DataError, match="no whole number from 0 to 3"):
        model.predict_latent(np.array([[group, 0.0]]))


def test_the_original_objective_of_svigp_is_that_of_the_golden_formula():
    keras.utils.set_random_seed(0)
    points = RNG.normal(size=(6, 2))
    model = OriginalSVIGP(
        networks.mnist_decoder(3), kernel=kernels.SquaredExponential(), inducing_points=points, num_data=20,
        likelihood=likelihoods.Gaussian(0.3, train_stddev=True),
    )  # fmt: skip
    model.prior._mean.assign(RNG.normal(size=(3, 6)))
    aux, images = AUX[:8], IMAGES[:8]
    terms = model.elbo_terms(aux, images, training=True)
    features = model.features(aux)
    v, k_diagonal = model.prior.project(features)
    decoded = model.decode(model.prior(LatentData(features, None, None)).mean)
    squared_error = np.sum(np.square(decoded - images))
    expected = original_svigp.objective(
        model.prior.q_u, v, k_diagonal, squared_error=squared_error, num_values=784, noise=0.3, num_data=20
    )
    got = float(np.sum(terms.log_likelihood) - np.sum(terms.kl))
    assert got == pytest.approx(float(expected), rel=1e-5)
    with pytest.raises(ValueError, match="needs a Gaussian likelihood"):
        OriginalSVIGP(
            networks.mnist_decoder(3), kernel=kernels.SquaredExponential(), inducing_points=points, num_data=20
        )


def test_a_conditional_vae_needs_networks_with_conditions_and_data_with_them():
    with pytest.raises(ValueError, match="take two inputs"):
        svgp.CVAE(networks.mnist_encoder(3), networks.mnist_decoder(3), num_groups=4, num_data=20)
    model = cvae()
    with pytest.raises(svgp.DataError, match="not a group and 1 condition"):
        model.fit(AUX[:, :1], IMAGES, verbose=0)
    wrong = AUX.copy()
    wrong[3, 0] = 9.0
    with pytest.raises(svgp.DataError, match="no whole number from 0 to 3"):
        model.fit(wrong, IMAGES, verbose=0)


def test_svigp_needs_a_decoder_that_says_how_many_latents_there_are():
    with pytest.raises(ValueError, match="must begin with"):
        svgp.SVIGP(keras.Sequential([keras.layers.Dense(3)]), kernel=kernels.SquaredExponential(),
                   inducing_points=RNG.normal(size=(6, 2)), num_data=20)  # fmt: skip

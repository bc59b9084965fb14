"""Elementwise Gaussian formulas against scipy and against integration."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from svgp_vae_tf.gp import gaussians
from tests.reference import oracles

CASES = [(0.3, 0.2, -0.5, 0.7), (-1.1, 1.5, 2.0, 0.05), (0.0, 1.0, 0.0, 1.0)]


def tensors(*values):
    return [tf.constant(value, tf.float64) for value in values]


@pytest.mark.parametrize(("x", "mean", "variance"), [(0.3, -1.0, 0.5), (2.0, 2.0, 4.0), (-5.0, 0.0, 0.1)])
def test_log_density_is_that_of_a_gaussian(x, mean, variance):
    expected = stats.norm.logpdf(x, mean, np.sqrt(variance))
    assert float(gaussians.log_density(*tensors(x, mean, variance))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("mean", "variance", "data", "data_variance"), CASES)
def test_expected_log_density_is_the_integral(mean, variance, data, data_variance):
    def integrand(z):
        return stats.norm.pdf(z, mean, np.sqrt(variance)) * stats.norm.logpdf(data, z, np.sqrt(data_variance))

    width = 12.0 * np.sqrt(variance)
    expected, _ = integrate.quad(integrand, mean - width, mean + width)
    value = float(gaussians.expected_log_density(*tensors(mean, variance, data, data_variance)))
    assert value == pytest.approx(expected, rel=1e-8)
    assert value == pytest.approx(oracles.expected_log_density([mean], [variance], [data], [data_variance]), rel=1e-12)


@pytest.mark.parametrize(("mean", "variance"), [(0.3, 0.2), (-1.1, 1.5)])
def test_kl_to_standard_normal_is_the_integral(mean, variance):
    def integrand(z):
        log_q = stats.norm.logpdf(z, mean, np.sqrt(variance))
        return np.exp(log_q) * (log_q - stats.norm.logpdf(z))

    width = 12.0 * np.sqrt(variance)
    expected, _ = integrate.quad(integrand, mean - width, mean + width)
    assert float(gaussians.kl_to_standard_normal(*tensors(mean, variance))) == pytest.approx(expected, rel=1e-8)


def test_kl_of_the_standard_normal_to_itself_is_zero():
    assert float(gaussians.kl_to_standard_normal(*tensors(0.0, 1.0))) == 0.0

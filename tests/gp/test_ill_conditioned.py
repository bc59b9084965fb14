"""Posteriors, divergences and their gradients where the algebra is badly conditioned, against decimals of 80 digits.

A value or gradient must be within its tolerance, or no further off than `ALLOWANCE` times what rounding errors of half
an ulp make of it in an otherwise precise computation: errors in the kernel matrices or, where it takes more than
these, also in V and the statistics S and s, which are stored and added up in float64. Then float64 cannot know it
better. `pytest -m slow -s` shows for how many that holds.
"""

import numpy as np
import pytest
import tensorflow as tf

from svgp_vae_tf.gp import linalg
from tests.helpers import ill_conditioned
from tests.helpers.ill_conditioned import compare, compare_random, random_problem
from tests.reference import decimals
from tests.reference.decimals import Problem

NUM_PROBLEMS = 200
QUICK = {"max_inducing": 16, "max_data": 12}


def failed(comparisons):
    return [str(c) for c in comparisons if c.verdict == "failed"]


def test_small_random_problems():
    assert failed(compare_random(range(3), **QUICK)) == []


@pytest.mark.slow
def test_two_hundred_random_problems():
    comparisons = compare_random(range(NUM_PROBLEMS))
    print(ill_conditioned.summary(comparisons))
    assert failed(comparisons) == []


def precise_problem(num_data: float, highest: float) -> Problem:
    """Half of the inducing points beside the other half, and latent data of small variances."""
    rng = np.random.default_rng(0)
    n, m = 40, 16
    x, z = 2.0 * rng.normal(size=(n, 1)), 2.0 * rng.normal(size=(m, 1))
    z[m // 2 :] = z[: m // 2] + 1e-4 * rng.normal(size=(m // 2, 1))
    s2 = ill_conditioned.log_uniform(rng, 1e-6, highest, n)
    return Problem(
        z=z, log_length=float(np.log(3.0)), log_amplitude=0.0, y=np.sin(x[:, 0]) + np.sqrt(s2) * rng.normal(size=n),
        s2=s2, x=x, new=x[:2] + 0.1, scale=num_data / n,
    )  # fmt: skip


@pytest.mark.parametrize(("num_data", "highest"), [(4e7, 1e-4), (1.6e5, 1e-3)])
def test_a_small_batch_of_many_precise_data(num_data, highest):
    """B = I + c S reaches 1e13; where the data say nothing its eigenvalues are 1."""
    comparisons = compare("sparse", precise_problem(num_data, highest))
    assert {c.verdict for c in comparisons if c.quantity == "kl" and c.field != "z"} == {"within tolerance"}


def test_an_exact_gp_of_precise_data():
    assert {c.verdict for c in compare("exact", precise_problem(40, 1e-4))} == {"within tolerance"}


def test_a_jitter_of_b_is_no_rounding_error(monkeypatch):
    """A share of 1e-13 of a diagonal of 1e13 doubles the eigenvalues of 1, and is seen."""

    def jittered(matrix, least):
        size = tf.linalg.trace(matrix)[..., tf.newaxis, tf.newaxis] / tf.cast(tf.shape(matrix)[-1], matrix.dtype)
        return matrix + 1e-13 * size * tf.eye(tf.shape(matrix)[-1], dtype=matrix.dtype)

    monkeypatch.setattr(linalg, "guarded", jittered)
    comparisons = compare("sparse", random_problem(1, **QUICK))
    assert "kl" in {c.quantity for c in comparisons if c.verdict == "failed"}


def test_both_forms_in_decimals_are_the_same():
    """By Q_nn + Omega and by the statistics, values and derivatives."""
    p = random_problem(0, **QUICK)
    directions = {field: np.ones(np.shape(getattr(p, field))) for field in ("y", "s2", "z", "log_length")}
    chains = decimals.sparse(linalg.JITTER), decimals.sparse_by_statistics(linalg.JITTER)
    (values, slopes), (other_values, other_slopes) = (decimals.with_derivatives(c, p, directions) for c in chains)
    for name in values:
        np.testing.assert_allclose(values[name], other_values[name], rtol=1e-15)
        for field in directions:
            np.testing.assert_allclose(slopes[field][name], other_slopes[field][name], rtol=1e-15, atol=1e-40)

"""Streamed conditioning gives the posterior that all data at once give."""

import numpy as np

from benchmarks import conditioning


def test_ten_thousand_streamed_points_give_the_posterior_of_all_at_once():
    count = 10_000
    new = np.random.default_rng(1).uniform(0.0, 10.0, (50, 2)).astype(np.float32)
    parts = list(conditioning.stream(count).as_numpy_iterator())
    assert len(parts) > 1
    places, observations = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    assert len(places) == count
    model = conditioning.make_model(count)
    model.condition(places, observations, batch_size=count)
    at_once = model.predict_latent(new)
    model.condition(conditioning.stream(count))
    streamed = model.predict_latent(new)
    np.testing.assert_allclose(streamed.mean, at_once.mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(streamed.variance, at_once.variance, rtol=1e-9)

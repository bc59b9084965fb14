"""Batches of whole groups."""

import numpy as np
import pytest

import svgp_vae_tf as svgp
from svgp_vae_tf import features
from tests.helpers.grouped_data import IDS, N, arrays


def test_batches_hold_whole_groups_and_all_rows_once():
    aux, images = arrays()
    for seed in (None, 5):
        seen = []
        for part, observed in features.whole_groups(aux, images, groups_per_batch=2, seed=seed):
            ids = part["group"].numpy()
            assert len(np.unique(ids)) <= 2
            assert all(np.sum(ids == own) == np.sum(IDS == own) for own in np.unique(ids))
            np.testing.assert_array_equal(part["image"], observed)
            seen.append(observed.numpy())
        np.testing.assert_array_equal(np.sort(np.concatenate(seen), axis=0), np.sort(images, axis=0))
    first, second = (
        np.concatenate([p["group"].numpy() for p, _ in stream])
        for stream in [features.whole_groups(aux, images, 2, seed=5)] * 2
    )
    assert (first != second).any()  # another order in each pass


def test_a_group_without_context_is_named():
    ids, vectors = np.array([1, 3]), np.array([[1.0], [3.0]])
    np.testing.assert_array_equal(features.gather_groups(np.array([3, 1, 3]), ids, vectors), [[3.0], [1.0], [3.0]])
    for wanted, named in (
        ([1, 2], "1 group.* of their observations was pooled: 2"),
        ([4, 5, 6, 0], "4 group.*: 0, 4, 5, ..."),
    ):
        with pytest.raises(svgp.DataError, match=named):
            features.gather_groups(np.array(wanted), ids, vectors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group": np.full(N, np.nan)}, "group holds ids that are NaN"),
        ({"group": np.full(N, 2**53 + 1)}, "ids from 2\\*\\*53"),
        ({"group": np.zeros((N, 2))}, "one id for each row"),
        ({"group": np.zeros(N, complex)}, "numbers or text"),
        ({"group": np.array(["a", None] * N, object)[:N]}, r"group holds \d missing value"),
        ({"group": np.array(["a", 1] * N, object)[:N]}, "neither all numbers nor all text"),
        ({"group": np.ma.array(IDS, mask=IDS == 7)}, r"group holds \d missing value"),
        ({"pose": np.ma.array(np.ones(N), mask=IDS == 7)}, r"pose holds \d missing value"),
        ({"group": np.array(["a", np.nan] * N, object)[:N]}, r"group holds \d missing value"),
        ({"pose": 1.0}, "have one length"),
    ],
)
def test_ids_that_cannot_be_told_apart_get_one_line(change, message):
    aux, images = arrays()
    with pytest.raises(svgp.DataError, match=message):
        features.whole_groups({**aux, **change}, images, 2)

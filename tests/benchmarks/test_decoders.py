"""Decoders with up-sampling convolutions are the same as those with two layers each."""

import keras
import numpy as np
import pytest

from benchmarks import decoders, tables
from run_experiments.common import run_folder
from run_experiments.rotated_mnist.networks import mnist_decoder
from run_experiments.sprites.networks import sprites_decoder
from svgp_vae_tf.layers import UpsampledConv2D


@pytest.mark.parametrize("make", [mnist_decoder, sprites_decoder])
def test_both_decoders_have_the_same_weights_and_outputs(make):
    ours = make()
    plain = decoders.with_two_layers(ours)
    assert plain.count_params() == ours.count_params()
    kinds = {type(layer) for layer in plain._flatten_layers(include_self=False)}
    assert UpsampledConv2D not in kinds and keras.layers.UpSampling2D in kinds
    latents = np.random.default_rng(0).normal(size=(3, *ours.input_shape[1:])).astype(np.float32)
    np.testing.assert_allclose(ours(latents), plain(latents), atol=1e-6)


def test_steps_are_timed_and_shown(monkeypatch, tmp_path):
    monkeypatch.setitem(decoders.DECODERS, "small", (mnist_decoder, 4))
    row = decoders.compare("small", 1, 1)
    assert row["ratio"] > 0.0 and row["relative_difference"] < 1e-5
    row |= {"ours_ms": 2.0, "plain_ms": 5.0, "ratio": 2.5, "relative_difference": 3e-7}
    report = {"rows": [row], "made_by": {"commit": "abc", "processors": 2, "command": "python x"}}
    run_folder.write_json(str(tmp_path / "decoders.json"), report)
    assert "| small | 5.0 | 2.0 | 2.50 | 3e-07 |" in tables.tables(str(tmp_path))

"""Groups of observations of unequal sizes, and a model whose features are pooled over them."""

import keras
import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf import features, kernels

SIZES = (3, 1, 4, 2, 5)
N, PIXELS, POSES, STYLE, LATENTS = sum(SIZES), 6, 4, 3, 2
IDS = np.repeat([7, 2, 9, 4, 30], SIZES)


def representation() -> keras.Sequential:
    return keras.Sequential([keras.layers.Input((PIXELS,)), keras.layers.Dense(STYLE, "tanh")])


def arrays(seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Rows of groups of unequal size, mixed; observations depend on group and pose."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(N)
    ids, poses = IDS[order], rng.integers(0, POSES, N)
    images = np.sin(ids[:, None] + np.arange(PIXELS) + poses[:, None]) + 0.1 * rng.normal(size=(N, PIXELS))
    images = images.astype(np.float32)
    return {"pose": poses.astype(np.float32), "group": ids.astype(np.float32), "image": images}, images


def model(**kwargs) -> svgp.SVGPVAE:
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(1)
    poses = features.GPLVM(rng.normal(size=(POSES, 2)), names=["pose"])
    kernel = kernels.NormalizedLinear(columns=[0, 1]) * kernels.NormalizedLinear(columns=[2, 3, 4])
    encoder = keras.Sequential([keras.layers.Input((PIXELS,)), keras.layers.Dense(2 * LATENTS)])
    decoder = keras.Sequential([keras.layers.Input((LATENTS,)), keras.layers.Dense(PIXELS)])
    settings = {
        "kernel": kernel,
        "inducing_points": rng.normal(size=(4, 5)),
        "auxiliary": features.PooledFeatures(representation(), poses),
        "likelihood": "gaussian",
        "num_data": N,
    }
    return svgp.SVGPVAE(encoder, decoder, **{**settings, **kwargs})


def trained_in(strategy: tf.distribute.Strategy) -> list[np.ndarray]:
    with strategy.scope():
        trained = model()
        trained.compile(keras.optimizers.SGD(0.05))
    trained.fit(features.whole_groups(*arrays(), 2), epochs=2, verbose=0)
    return trained.get_weights()

"""Small models and data, the same at each call."""

import keras
import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf.kernels import SquaredExponential

PIXELS, LATENTS, POINTS, SERIES, N = 3, 2, 8, 6, 24
INDUCING = np.linspace(0.0, POINTS - 1.0, 4)[:, None]
MODELS = ("hensman", "titsias", "gpvae", "vae")


def encoder(pixels: int = PIXELS, outputs: int = 2 * LATENTS) -> keras.Sequential:
    return keras.Sequential([keras.layers.Input((pixels,)), keras.layers.Dense(outputs)])


def decoder(latents: int = LATENTS, pixels: int = PIXELS) -> keras.Sequential:
    return keras.Sequential([keras.layers.Input((latents,)), keras.layers.Dense(pixels)])


def kernel() -> SquaredExponential:
    return SquaredExponential(2.0, amplitude=1.0)


def make(name: str, num_data: int | None = None, **kwargs) -> svgp.LatentModel:
    """A model with linear networks: the SVGP-VAE under the name of its bound, "gpvae" or "vae"."""
    keras.utils.set_random_seed(7)
    kwargs = {"likelihood": "gaussian", "num_data": num_data, **kwargs}
    if name == "vae":
        return svgp.VAE(encoder(), decoder(), **kwargs)
    if name == "gpvae":
        return svgp.GPVAE(encoder(), decoder(), **{"kernel": kernel(), **kwargs})
    kwargs = {"kernel": kernel(), "inducing_points": INDUCING, "bound": name, **kwargs}
    return svgp.SVGPVAE(encoder(), decoder(), **kwargs)


def series(count: int = SERIES, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Times (series, points) with gaps of their own and smooth observations (series, points, pixels), float32."""
    rng = np.random.default_rng(seed)
    times = np.arange(POINTS) + rng.uniform(-0.3, 0.3, (count, POINTS))
    phases = rng.uniform(0.0, 2.0 * np.pi, (count, 1, PIXELS))
    values = np.sin(0.7 * times[..., None] + phases) + 0.05 * rng.normal(size=(count, POINTS, PIXELS))
    return times.astype(np.float32), values.astype(np.float32)


def data_set(count: int = N, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Places (points, 1) and smooth observations (points, pixels) of one data set, float32."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.0, POINTS - 1.0, (count, 1))
    values = np.sin(0.7 * places + np.arange(PIXELS)) + 0.05 * rng.normal(size=(count, PIXELS))
    return places.astype(np.float32), values.astype(np.float32)


def data_for(num_data: int | None) -> tuple[np.ndarray, np.ndarray]:
    return series() if num_data is None else data_set(num_data)


def conditioned(name: str, num_data: int | None = None, **kwargs) -> svgp.LatentModel:
    model = make(name, num_data, **kwargs)
    model.condition(*data_for(num_data))
    return model


def without_noise(model: svgp.LatentModel) -> svgp.LatentModel:
    """The same model, its latent samples replaced by their mean."""
    model.sample_latents = lambda mean, variance: tf.cast(mean, model.compute_dtype)
    return model

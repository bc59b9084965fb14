"""Small instances of every model, each with its data, for the contracts."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from run_experiments.original.ball import OriginalBallGP
from run_experiments.original.gppvae import OriginalGPPVAE
from run_experiments.original.svigp import OriginalSVIGP
from svgp_vae_tf import features, kernels
from svgp_vae_tf.models import NeuralProcessGPVAE

PIXELS, LATENTS, SERIES, POINTS, N, GROUPS = 3, 2, 6, 6, 12, 4
Z = np.linspace(0.0, 3.0, 4)[:, None]
VIEWS = np.array([[0.0], [1.0], [2.0]])


def encoder() -> keras.Model:
    return keras.Sequential(
        [keras.layers.Input((PIXELS,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(2 * LATENTS)]
    )


def decoder() -> keras.Model:
    return keras.Sequential([keras.layers.Input((LATENTS,)), keras.layers.Dense(PIXELS)])


def conditional(width: int, outputs: int) -> keras.Model:
    inputs = [keras.layers.Input((width,)), keras.layers.Input((1,))]
    return keras.Model(inputs, keras.layers.Dense(outputs)(keras.layers.Concatenate()(inputs)))


def kernel() -> kernels.Kernel:
    return kernels.SquaredExponential(1.0, 1.3)


def sparse(networks: tuple = (), **kwargs) -> svgp.SVGPVAE:
    settings = {"kernel": kernel(), "inducing_points": Z, **GAUSSIAN, **kwargs}
    return svgp.SVGPVAE(*(networks or (encoder(), decoder())), **settings)


def exact(**kwargs) -> svgp.GPVAE:
    return svgp.GPVAE(encoder(), decoder(), kernel=kernel(), **kwargs)


GAUSSIAN = {"likelihood": "gaussian"}


def vae(**kwargs) -> svgp.VAE:
    return svgp.VAE(encoder(), decoder(), **GAUSSIAN, **kwargs)


def series(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Times (series, points) and observations (series, points, pixels)."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, 3.0, (SERIES, POINTS)), axis=1)
    return _single(times), _single(np.sin(times[..., None] + rng.uniform(0.0, 6.0, (SERIES, 1, PIXELS))))


def data_set(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Places (N, 1) and observations (N, pixels)."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.0, 3.0, (N, 1))
    return _single(places), _single(np.sin(places + np.arange(PIXELS)) + 0.1 * rng.normal(size=(N, PIXELS)))


def groups(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(group, time) (N, 2) and observations."""
    places, observations = data_set(seed)
    return np.column_stack([_single(np.arange(N) % GROUPS), places]), observations


def objects(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(object, view) (N, 2) and observations."""
    ids = np.arange(N)
    return _single(np.column_stack([ids % GROUPS, VIEWS[ids // GROUPS, 0]])), data_set(seed)[1]


def pooled(seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Times, groups and images (N, ...) and observations, the images."""
    aux, observations = groups(seed)
    return {"time": aux[:, 1], "group": aux[:, 0], "image": observations}, observations


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32)


def original_ball() -> svgp.LatentModel:
    return svgp.LatentModel(encoder(), decoder(), OriginalBallGP(kernel(), Z), likelihood="bernoulli")


def sparse_pooled() -> svgp.SVGPVAE:
    network = keras.Sequential([keras.layers.Input((PIXELS,)), keras.layers.Dense(2, "tanh")])
    points = np.random.default_rng(1).normal(size=(4, 3))
    auxiliary = features.PooledFeatures(network, features.NamedColumns(["time"]))
    return sparse(inducing_points=points, num_data=N, auxiliary=auxiliary)


def gppvae(cls: type = svgp.GPPVAE) -> svgp.GPPVAE:
    table = np.random.default_rng(1).normal(size=(GROUPS, 2))
    settings = {"views": VIEWS, "num_data": N, "auxiliary": features.GPLVM(table), "noise_variance": 0.3}
    return cls(encoder(), decoder(), kernel=kernels.Periodic(6.0, 1.2), **settings, **GAUSSIAN)


def svigp(cls: type = svgp.SVIGP) -> svgp.SVIGP:
    return cls(decoder(), kernel=kernel(), inducing_points=Z, num_data=N, **GAUSSIAN)


def cvae() -> svgp.CVAE:
    networks = conditional(PIXELS, 2 * LATENTS), conditional(LATENTS, PIXELS)
    return svgp.CVAE(*networks, num_groups=GROUPS, num_data=N, **GAUSSIAN)


class ModelCase(NamedTuple):
    """How to make a model, and data for it."""

    build: Callable[[], svgp.LatentModel]
    data: Callable[..., tuple[Any, np.ndarray]]
    refuses_replicas: str = ""
    """Part of the line with which it refuses several replicas."""
    batch: int = 4
    replicas_tested: bool = False
    """Whether other tests train it, or one like it, on two replicas; contracts do so among the slow tests only."""

    def make(self) -> svgp.LatentModel:
        """The model, the same each time."""
        keras.utils.set_random_seed(7)
        return self.build()

    def observed(self) -> tuple[Any, np.ndarray]:
        """Auxiliary data and observations that suit the likelihood."""
        aux, observations = self.data()
        return aux, (observations + 1.5) / 4.0


MODELS: dict[str, ModelCase] = {
    "sparse, series": ModelCase(sparse, series, replicas_tested=True),
    "sparse, data set": ModelCase(lambda: sparse(num_data=N), data_set, replicas_tested=True),
    "titsias, series": ModelCase(lambda: sparse(bound="titsias"), series, replicas_tested=True),
    "titsias, data set": ModelCase(lambda: sparse(bound="titsias", num_data=N), data_set, "use hensman", N),
    "sparse, pooled": ModelCase(sparse_pooled, pooled, replicas_tested=True),
    "exact, series": ModelCase(lambda: exact(likelihood="bernoulli"), series, replicas_tested=True),
    "exact, data set": ModelCase(lambda: exact(num_data=N, **GAUSSIAN), data_set, "use a sparse one", N),
    "neural process": ModelCase(lambda: NeuralProcessGPVAE(encoder(), decoder(), kernel=kernel(), **GAUSSIAN), series),
    "vae, series": ModelCase(vae, series, replicas_tested=True),
    "vae, data set": ModelCase(lambda: vae(num_data=N), data_set, replicas_tested=True),
    "cvae": ModelCase(cvae, groups),
    "svigp": ModelCase(svigp, data_set),
    "gppvae": ModelCase(gppvae, objects, "use one device"),
    "any prior": ModelCase(original_ball, series),
    "original svigp": ModelCase(lambda: svigp(OriginalSVIGP), data_set, replicas_tested=True),
    "original gppvae": ModelCase(lambda: gppvae(OriginalGPPVAE), objects, "use one device"),
}  # fmt: skip


def ready(name: str) -> svgp.LatentModel:
    """A model of the table that draws no noise, and has the training data that it needs."""
    model = MODELS[name].make()
    model.sample_latents = lambda mean, variance: tf.cast(mean, model.compute_dtype)
    if isinstance(model, svgp.GPPVAE):
        model.set_training_data(*MODELS[name].observed())
    return model

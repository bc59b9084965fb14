"""Small instances of every kernel, feature, likelihood, objective, optimizer, layer and prior, for the contracts."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from run_experiments.original.ball import OriginalBallGP
from run_experiments.original.geco import OriginalGECO
from svgp_vae_tf import features, kernels, layers, likelihoods, objectives, optimizers, priors, schedules
from svgp_vae_tf.kernels import Kernel
from svgp_vae_tf.models.cvae import GroupAverage
from svgp_vae_tf.priors import LatentData, Prior

RNG = np.random.default_rng(0)
LATENTS, POINTS, SERIES, N, GROUPS = 2, 6, 5, 12, 4

# each takes `columns`, `num_latents` and `trainable`
KERNELS: dict[str, Callable[..., Kernel]] = {
    "constant": lambda **kw: kernels.Constant(1.3, **kw),
    "linear": lambda **kw: kernels.Linear(0.8, 0.5, **kw),
    "matern12": lambda **kw: kernels.Matern12(0.9, 1.3, **kw),
    "matern32": lambda **kw: kernels.Matern32(0.9, 1.3, **kw),
    "matern52": lambda **kw: kernels.Matern52(0.9, 1.3, **kw),
    "normalized_linear": lambda **kw: kernels.NormalizedLinear(0.8, 0.5, **kw),
    "periodic": lambda **kw: kernels.Periodic(5.0, 0.9, 1.3, **kw),
    "product": lambda **kw: kernels.Product([kernels.SquaredExponential(0.9, **kw), kernels.Linear(0.8, 0.5, **kw)]),
    "rational_quadratic": lambda **kw: kernels.RationalQuadratic(0.9, 1.3, 0.7, **kw),
    "squared_exponential": lambda **kw: kernels.SquaredExponential(0.9, 1.3, **kw),
    "sum": lambda **kw: kernels.Sum([kernels.Matern32(0.9, 1.3, **kw), kernels.Linear(0.8, **kw)]),
    "wrapped": lambda **kw: kernels.TFPKernel("GammaExponential", {"length_scale": 0.9}, {"power": 0.8}, **kw),
    "white": lambda **kw: kernels.White(0.7, **kw),
}


def representation(width: int = 3) -> keras.Sequential:
    return keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(width, "tanh")])


VECTORS = RNG.normal(size=(GROUPS, 2))
IDS = np.arange(N) % GROUPS
TIMES = np.linspace(0.0, 3.0, N)
TABLE = np.column_stack([IDS, TIMES])
NAMED = {"time": TIMES, "place": RNG.normal(size=(N, 2)), "id": IDS.astype(np.float64)}
GROUPED = {"id": NAMED["id"], "group": IDS.astype(np.float64), "image": RNG.normal(size=(N, 4))}


class FeaturesCase(NamedTuple):
    """Features with auxiliary data that they take, and data that they must refuse."""

    make: Callable[[], features.Features]
    aux: Any
    refused: tuple[Any, ...]
    width: int


FEATURES: dict[str, FeaturesCase] = {
    "features": FeaturesCase(features.Features, np.column_stack([TIMES, IDS]), (NAMED,), 2),
    "named_columns": FeaturesCase(
        lambda: features.NamedColumns(["time", "place"]), NAMED, (TABLE, {"time": TIMES}), 3
    ),
    "gplvm": FeaturesCase(
        lambda: features.GPLVM(VECTORS), TABLE, (NAMED, TABLE + [0.5, 0.0], TABLE + [GROUPS, 0], TABLE - [1, 0]), 3
    ),
    "gplvm, named": FeaturesCase(
        lambda: features.GPLVM(VECTORS, names=["place", "id"], id_column=2), NAMED,
        (TABLE, {"id": NAMED["id"]}, {**NAMED, "id": NAMED["id"] + 1}, {**NAMED, "place": TIMES}), 4,
    ),
    "pooled": FeaturesCase(
        lambda: features.PooledFeatures(representation(), features.GPLVM(VECTORS, names=["id"])), GROUPED,
        (TABLE, {"id": NAMED["id"]}, {**GROUPED, "style": np.zeros((N, 2))}, {**GROUPED, "id": GROUPED["id"] + 9}), 5,
    ),
}  # fmt: skip

LIKELIHOODS: dict[str, Callable[[], likelihoods.Likelihood]] = {
    "bernoulli": likelihoods.Bernoulli,
    "gaussian": lambda: likelihoods.Gaussian(0.4),
    "gaussian, trained": lambda: likelihoods.Gaussian(0.4, train_stddev=True),
}

OBJECTIVES: dict[str, Callable[[], objectives.Objective]] = {
    "elbo": lambda: objectives.ELBO(0.7),
    "elbo_warmup": lambda: objectives.ELBO(schedules.KLWarmup(4, start=0.1)),
    "geco": lambda: objectives.GECO(0.3, decay=0.9),
    "geco_schedules": lambda: objectives.GECO(
        schedules.KLWarmup(3, start=0.9, end=0.3), schedules.KLWarmup(9, end=0.5)
    ),
    "original_geco": lambda: OriginalGECO(0.3, decay=0.9),
}

# each is an optimizer, with the rate of change that it is about
OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "soap": lambda: optimizers.SOAP(0.02, refresh_every=2),
    "piecewise_constant": lambda: keras.optimizers.Adam(optimizers.PiecewiseConstant([2, 4], [0.1, 0.03, 0.01])),
}

LAYERS: dict[str, tuple[Callable[[], keras.layers.Layer], tuple[int, ...]]] = {
    "upsampled_conv, few filters": (lambda: layers.UpsampledConv2D(3, "elu"), (4, 5, 2)),
    "upsampled_conv, many filters": (lambda: layers.UpsampledConv2D(9, padding="valid"), (4, 5, 2)),
}


class PriorCase(NamedTuple):
    """A prior, given a kernel, and a latent data set for it."""

    make: Callable[[Kernel], Prior]
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray]
    predicts_data: bool = False
    """Whether `call` at all data equals conditioning on them."""

    @property
    def data(self) -> LatentData:
        """The latent data set; tensors only when asked for, so that importing this module starts no TensorFlow."""
        return LatentData.of(*self.arrays)


def latent_arrays(series: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    leading = (SERIES, POINTS) if series else (N,)
    moments = rng.normal(size=(*leading, LATENTS)), np.exp(rng.normal(size=(*leading, LATENTS)) - 1.0)
    return rng.uniform(0.0, 3.0, (*leading, 1)), *moments


Z = np.linspace(0.0, 3.0, 4)[:, None]
Z2 = np.stack([Z, Z + 0.1])  # different points per channel
VIEWS = np.array([[0.0], [1.0], [2.0]])
OBJECTS = np.column_stack([VIEWS[np.arange(N) % 3, 0], RNG.normal(size=(N, 2))])
SERIES_DATA, SET_DATA = latent_arrays(True), latent_arrays(False)

PRIORS: dict[str, PriorCase] = {
    "sparse, series": PriorCase(lambda k: priors.SparseGP(k, Z), SERIES_DATA, True),
    "sparse, data set": PriorCase(lambda k: priors.SparseGP(k, Z, num_data=N), SET_DATA, True),
    "titsias, series": PriorCase(lambda k: priors.SparseGP(k, Z2, "titsias"), SERIES_DATA, True),
    "titsias, data set": PriorCase(lambda k: priors.SparseGP(k, Z, "titsias", N), SET_DATA, True),
    "exact, series": PriorCase(priors.ExactGP, SERIES_DATA, True),
    "exact, data set": PriorCase(lambda k: priors.ExactGP(k, N), SET_DATA, True),
    "standard normal, series": PriorCase(lambda k: priors.StandardNormal(), SERIES_DATA),
    "standard normal, data set": PriorCase(lambda k: priors.StandardNormal(N), SET_DATA),
    "low rank": PriorCase(lambda k: priors.LowRankGP(k, VIEWS, N), (OBJECTS, *SET_DATA[1:])),
    "variational": PriorCase(lambda k: priors.VariationalGP(k, Z, LATENTS, N), SET_DATA, True),
    "group average": PriorCase(lambda k: GroupAverage(GROUPS, N, 1), (TABLE, *SET_DATA[1:])),
    "original ball": PriorCase(lambda k: OriginalBallGP(k, Z), SERIES_DATA, True),
}  # fmt: skip


def kernel() -> Kernel:
    return kernels.SquaredExponential(0.9, 1.3)

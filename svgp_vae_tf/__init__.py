"""Variational autoencoders with scalable Gaussian-process priors, in TensorFlow and Keras."""

from svgp_vae_tf import (
    auxiliary,
    features,
    groups,
    inducing,
    kernels,
    layers,
    likelihoods,
    networks,
    objectives,
    optimizers,
    priors,
)
from svgp_vae_tf.errors import DataError, ModelFileError, NotConditionedError, WorkerLostError
from svgp_vae_tf.models import CVAE, GPPVAE, GPVAE, SVGPVAE, SVIGP, VAE, LatentModel
from svgp_vae_tf.objectives import ELBO, GECO
from svgp_vae_tf.saving import load_model
from svgp_vae_tf.schedules import KLWarmup

__version__ = "0.1.0"

__all__ = [
    "CVAE", "ELBO", "GECO", "GPPVAE", "GPVAE", "SVGPVAE", "SVIGP", "VAE", "DataError", "KLWarmup", "LatentModel",
    "ModelFileError", "NotConditionedError", "WorkerLostError", "auxiliary", "features", "groups", "inducing",
    "kernels", "layers", "likelihoods", "load_model", "networks", "objectives", "optimizers", "priors",
]  # fmt: skip

"""Priors over the latents, behind one interface: see `svgp_vae_tf.priors.base`."""

from svgp_vae_tf.priors.base import LatentData, LatentPosterior, Posterior, Prior
from svgp_vae_tf.priors.exact import ExactGP
from svgp_vae_tf.priors.low_rank import LowRankGP
from svgp_vae_tf.priors.sparse import SparseGP
from svgp_vae_tf.priors.standard_normal import StandardNormal
from svgp_vae_tf.priors.variational import VariationalGP

__all__ = [
    "ExactGP",
    "LatentData",
    "LatentPosterior",
    "LowRankGP",
    "Posterior",
    "Prior",
    "SparseGP",
    "StandardNormal",
    "VariationalGP",
]

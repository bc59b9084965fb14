"""Priors over the latents, behind one interface: see `svgp_vae_tf.priors.base`."""

from svgp_vae_tf.priors.base import LatentPosterior, Prior
from svgp_vae_tf.priors.exact import ExactGP
from svgp_vae_tf.priors.group_average import GroupAverage
from svgp_vae_tf.priors.low_rank import LowRankGP
from svgp_vae_tf.priors.sparse import SparseGP
from svgp_vae_tf.priors.standard_normal import StandardNormal
from svgp_vae_tf.priors.variational import FreeFormGP

__all__ = [
    "ExactGP",
    "FreeFormGP",
    "GroupAverage",
    "LatentPosterior",
    "LowRankGP",
    "Prior",
    "SparseGP",
    "StandardNormal",
]

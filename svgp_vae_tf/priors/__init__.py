"""Priors over the latents, behind one interface: see `svgp_vae_tf.priors.base`."""

from svgp_vae_tf.priors.base import LatentPosterior, Prior
from svgp_vae_tf.priors.exact_gp import ExactGP
from svgp_vae_tf.priors.free_form_gp import FreeFormGP
from svgp_vae_tf.priors.group_average import GroupAverage
from svgp_vae_tf.priors.low_rank_gp import LowRankGP
from svgp_vae_tf.priors.original_ball import OriginalBallGP
from svgp_vae_tf.priors.sparse_gp import SparseGP
from svgp_vae_tf.priors.standard_normal import StandardNormal

__all__ = [
    "ExactGP",
    "FreeFormGP",
    "GroupAverage",
    "LatentPosterior",
    "LowRankGP",
    "OriginalBallGP",
    "Prior",
    "SparseGP",
    "StandardNormal",
]

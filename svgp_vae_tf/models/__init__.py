"""Models: an encoder, a prior over the latents, and a decoder."""

from svgp_vae_tf.models.base import LatentModel
from svgp_vae_tf.models.baselines import GPVAE, VAE
from svgp_vae_tf.models.svgp_vae import SVGPVAE

__all__ = ["GPVAE", "SVGPVAE", "VAE", "LatentModel"]

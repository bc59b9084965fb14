"""Models: an encoder, a prior over the latents, and a decoder."""

from svgp_vae_tf.models.base import LatentModel
from svgp_vae_tf.models.baselines import CVAE, GPVAE, SVIGP, VAE
from svgp_vae_tf.models.gppvae import GPPVAE
from svgp_vae_tf.models.neural_process import NeuralProcessGPVAE
from svgp_vae_tf.models.svgp_vae import SVGPVAE

__all__ = [
    "CVAE",
    "GPPVAE",
    "GPVAE",
    "SVGPVAE",
    "SVIGP",
    "VAE",
    "LatentModel",
    "NeuralProcessGPVAE",
]

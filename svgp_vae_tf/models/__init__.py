"""Models: an encoder, a prior over the latents, and a decoder."""

from svgp_vae_tf.models.cvae import CVAE
from svgp_vae_tf.models.gppvae import GPPVAE
from svgp_vae_tf.models.gpvae import GPVAE
from svgp_vae_tf.models.latent_model import LatentModel
from svgp_vae_tf.models.neural_process import NeuralProcessGPVAE
from svgp_vae_tf.models.svgp_vae import SVGPVAE
from svgp_vae_tf.models.svigp import SVIGP
from svgp_vae_tf.models.vae import VAE

__all__ = ["CVAE", "GPPVAE", "GPVAE", "SVGPVAE", "SVIGP", "VAE", "LatentModel", "NeuralProcessGPVAE"]

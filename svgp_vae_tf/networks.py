"""Earlier name of `svgp_vae_tf.layers`."""

from svgp_vae_tf.layers import UpsampledConv2D

__all__ = ["UpsampledConv2D"]

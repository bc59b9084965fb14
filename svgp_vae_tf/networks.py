"""Alias of `svgp_vae_tf.layers`, under its earlier name."""

from svgp_vae_tf.layers import UpsampledConv2D

__all__ = ["UpsampledConv2D"]

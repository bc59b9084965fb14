"""Alias of part of `svgp_vae_tf.features`, under its earlier name."""

from svgp_vae_tf.features import GPLVM, Features, NamedColumns

__all__ = ["GPLVM", "Features", "NamedColumns"]

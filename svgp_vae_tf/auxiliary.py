"""Earlier name of part of `svgp_vae_tf.features`."""

from svgp_vae_tf.features import GPLVM, Features, NamedColumns

__all__ = ["GPLVM", "Features", "NamedColumns"]

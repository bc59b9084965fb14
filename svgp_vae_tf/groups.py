"""Earlier name of part of `svgp_vae_tf.features`."""

from svgp_vae_tf.features import PooledFeatures, vectors_of, whole_groups

__all__ = ["PooledFeatures", "vectors_of", "whole_groups"]

"""Alias of part of `svgp_vae_tf.features`, under its earlier name."""

from svgp_vae_tf.features import PooledFeatures, gather_groups, whole_groups

vectors_of = gather_groups

__all__ = ["PooledFeatures", "gather_groups", "vectors_of", "whole_groups"]

"""Auxiliary data become kernel features once, before the GP. Inducing points live in the space of these features."""

from svgp_vae_tf.features.base import Features
from svgp_vae_tf.features.batches import whole_groups
from svgp_vae_tf.features.columns import NamedColumns
from svgp_vae_tf.features.gplvm import GPLVM
from svgp_vae_tf.features.pooled import PooledFeatures, gather_groups

__all__ = ["GPLVM", "Features", "NamedColumns", "PooledFeatures", "gather_groups", "whole_groups"]

"""Features: layers that turn auxiliary data into the inputs of the kernels.

The model computes the features of auxiliary data once, before the GP; inducing points live in the space of features.

>>> features = NamedColumns(["time", "place"])
>>> features({"time": np.zeros(5), "place": np.ones((5, 2))}, batch_rank=1).shape
TensorShape([5, 3])
"""

from svgp_vae_tf.features.base import Features
from svgp_vae_tf.features.batches import whole_groups
from svgp_vae_tf.features.columns import NamedColumns
from svgp_vae_tf.features.gplvm import GPLVM
from svgp_vae_tf.features.pooled import PooledFeatures, gather_groups

__all__ = ["GPLVM", "Features", "NamedColumns", "PooledFeatures", "gather_groups", "whole_groups"]

"""Kernels: Keras layers that own positive parameters and build a TensorFlow Probability kernel at each call.

A Keras layer tracks Keras weights only, and a TFP kernel keeps the values it was built with. So the layer owns the
weights, and the TFP kernel is a short-lived value made from them inside the computation, where gradients flow.

Shapes: inputs are features (..., n, D) in float64. A kernel made with ``num_latents=L`` has one set of parameters per
latent channel and gives matrices with an axis L before the last two; its inputs then need a latent axis of 1 or L
there. Kernels compose with ``+`` and ``*``.

>>> kernel = Periodic(period=6.28, columns=[0]) * Linear(columns=[1, 2])
>>> kernel.matrix(np.zeros((5, 3)), np.ones((4, 3))).shape
TensorShape([5, 4])
"""

from svgp_vae_tf.kernels.base import Kernel, TFPKernel
from svgp_vae_tf.kernels.composite import Product, Sum
from svgp_vae_tf.kernels.linear import Linear, NormalizedLinear
from svgp_vae_tf.kernels.periodic import Periodic
from svgp_vae_tf.kernels.static import Constant, White
from svgp_vae_tf.kernels.stationary import Matern12, Matern32, Matern52, RationalQuadratic, SquaredExponential

__all__ = [
    "Constant",
    "Kernel",
    "Linear",
    "Matern12",
    "Matern32",
    "Matern52",
    "NormalizedLinear",
    "Periodic",
    "Product",
    "RationalQuadratic",
    "SquaredExponential",
    "Sum",
    "TFPKernel",
    "White",
]

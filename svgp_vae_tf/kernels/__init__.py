"""Kernels: Keras layers that own positive parameters and build a TensorFlow Probability (TFP) kernel at each call.

Keras tracks only its own weights, and a TFP kernel keeps the values it was built with. So the layer owns the weights,
and builds a short-lived TFP kernel from them inside each computation, where gradients flow.

Shapes: inputs are features (..., n, D), float64. A kernel with ``num_latents=L`` has one set of parameters per latent
channel and gives matrices (..., L, n, m); its inputs then need a channel axis of size 1 or L before the last two axes.
Kernels are combined with ``+`` and ``*``.

Source of the formulas: Rasmussen and Williams (2006), "Gaussian Processes for Machine Learning", chapter 4, unless a
kernel names another.

>>> kernel = Periodic(period=6.28, columns=[0]) * Linear(columns=[1, 2])
>>> kernel.matrix(np.zeros((5, 3)), np.ones((4, 3))).shape
TensorShape([5, 4])
"""

from svgp_vae_tf.kernels.base import Kernel, Product, Sum
from svgp_vae_tf.kernels.linear import Linear, NormalizedLinear
from svgp_vae_tf.kernels.periodic import Periodic
from svgp_vae_tf.kernels.static import Constant, White
from svgp_vae_tf.kernels.stationary import Matern12, Matern32, Matern52, RationalQuadratic, SquaredExponential
from svgp_vae_tf.kernels.wrapped import TFPKernel

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

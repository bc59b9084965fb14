"""Gaussian-process algebra: tensors in, tensors out. Imports TensorFlow and nothing else.

Notation (that of the paper)
----------------------------
=========  ==============================================================================
N, b, n    data points in all, in a mini-batch, in the set at hand
m          inducing points
L          latent channels
y, s2      latent data set: the encoder's means and variances, shape (..., L, n)
K_mm       kernel among inducing points, shape (L or 1, m, m)
K_mn       kernel between inducing points and data, shape (..., L or 1, m, n)
k_nn       prior variance at the data (a diagonal), shape (..., L or 1, n)
L_m        lower Cholesky factor of K_mm (jittered, the same everywhere)
V          L_m^-1 K_mn, the whitened projection of the data, shape (..., L or 1, m, n)
S, s       V Omega^-1 V^T and V Omega^-1 y with Omega = diag(s2): the sufficient statistics of the sparse GP
B          I + (N/b) S; the whitened posterior precision of u = L_m^-1 f_m
w, M       q(u) = N(w, M^T M): mean and root of the whitened posterior
=========  ==============================================================================

Leading axes ``...`` are independent series. Everything is float64.
"""

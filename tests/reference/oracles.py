"""Independent oracles: the paper's formulas in NumPy as they are printed, with loops and explicit inverses.

Nothing here is whitened, factored or vectorised cleverly, and nothing is shared with the package. All functions treat
one latent channel of one series: y and s2 have shape (n,), kmm (m, m), kmn (m, n).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

KernelFunction = Callable[[np.ndarray, np.ndarray], float]


# Kernels: functions of two feature vectors. A length scale may be a number or one per feature.


def _distance(x: np.ndarray, z: np.ndarray, length_scale) -> float:
    scales = np.broadcast_to(length_scale, x.shape)
    return math.sqrt(sum(((a - b) / s) ** 2 for a, b, s in zip(x, z, scales, strict=True)))


def squared_exponential(length_scale, amplitude: float = 1.0) -> KernelFunction:
    return lambda x, z: amplitude**2 * math.exp(-(_distance(x, z, length_scale) ** 2) / 2.0)


def matern12(length_scale, amplitude: float = 1.0) -> KernelFunction:
    return lambda x, z: amplitude**2 * math.exp(-_distance(x, z, length_scale))


def matern32(length_scale, amplitude: float = 1.0) -> KernelFunction:
    def kernel(x, z):
        r = math.sqrt(3.0) * _distance(x, z, length_scale)
        return amplitude**2 * (1.0 + r) * math.exp(-r)

    return kernel


def matern52(length_scale, amplitude: float = 1.0) -> KernelFunction:
    def kernel(x, z):
        r = math.sqrt(5.0) * _distance(x, z, length_scale)
        return amplitude**2 * (1.0 + r + r**2 / 3.0) * math.exp(-r)

    return kernel


def rational_quadratic(length_scale, amplitude: float = 1.0, rate: float = 1.0) -> KernelFunction:
    return lambda x, z: amplitude**2 * (1.0 + _distance(x, z, length_scale) ** 2 / (2.0 * rate)) ** (-rate)


def gamma_exponential(length_scale, amplitude: float, power: float) -> KernelFunction:
    return lambda x, z: amplitude**2 * math.exp(-((_distance(x, z, length_scale) ** 2 / 2.0) ** power))


def periodic(period: float, length_scale: float, amplitude: float = 1.0) -> KernelFunction:
    def kernel(x, z):
        waves = sum(math.sin(math.pi * (a - b) / period) ** 2 for a, b in zip(x, z, strict=True))
        return amplitude**2 * math.exp(-2.0 * waves / length_scale**2)

    return kernel


def linear(amplitude: float = 1.0, bias: float = 0.0) -> KernelFunction:
    return lambda x, z: bias**2 + amplitude**2 * sum(a * b for a, b in zip(x, z, strict=True))


def normalized_linear(amplitude: float = 1.0, bias: float = 0.0) -> KernelFunction:
    def kernel(x, z):
        norms = math.sqrt(sum(a * a for a in x)) * math.sqrt(sum(b * b for b in z))
        dot = sum(a * b for a, b in zip(x, z, strict=True))
        return bias**2 + (amplitude**2 * dot / norms if norms > 0 else 0.0)

    return kernel


def constant(amplitude: float) -> KernelFunction:
    return lambda x, z: amplitude**2


def white(amplitude: float) -> KernelFunction:
    return lambda x, z: amplitude**2 if all(a == b for a, b in zip(x, z, strict=True)) else 0.0


def on_columns(kernel: KernelFunction, columns: Sequence[int]) -> KernelFunction:
    return lambda x, z: kernel(np.array([x[c] for c in columns]), np.array([z[c] for c in columns]))


def plus(*kernels: KernelFunction) -> KernelFunction:
    return lambda x, z: sum(kernel(x, z) for kernel in kernels)


def times(*kernels: KernelFunction) -> KernelFunction:
    return lambda x, z: math.prod(kernel(x, z) for kernel in kernels)


def gram(kernel: KernelFunction, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Kernel matrix, entry by entry."""
    matrix = np.empty((len(x), len(z)))
    for i in range(len(x)):
        for j in range(len(z)):
            matrix[i, j] = kernel(x[i], z[j])
    return matrix


def jittered(matrix: np.ndarray, jitter: float) -> np.ndarray:
    """A jitter relative to the mean diagonal."""
    return matrix + jitter * np.mean(np.diag(matrix)) * np.eye(len(matrix))


# The sparse GP.


def sigma(kmm: np.ndarray, kmn: np.ndarray, s2: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Sigma = K_mm + (N/b) sum_i k_i k_i^T / s2_i."""
    total = kmm.copy()
    for i in range(len(s2)):
        total += scale * np.outer(kmn[:, i], kmn[:, i]) / s2[i]
    return total


def inducing_moments(kmm, kmn, y, s2, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """mu and A: eqs. 4 and 5, or 9 with scale N/b."""
    inverse = np.linalg.inv(sigma(kmm, kmn, s2, scale))
    mu = scale * kmm @ inverse @ sum(kmn[:, i] * y[i] / s2[i] for i in range(len(y)))
    return mu, kmm @ inverse @ kmm


def sparse_covariance(kmm, kmr, krr, a) -> np.ndarray:
    """Covariance of q_S at inputs r: eq. 3."""
    inverse = np.linalg.inv(kmm)
    return krr - kmr.T @ inverse @ kmr + kmr.T @ inverse @ a @ inverse @ kmr


def sparse_marginals(kmm, kmr, k_diagonal, mu, a) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of q_S at each input on its own: eq. 3."""
    inverse = np.linalg.inv(kmm)
    mean, variance = np.empty(kmr.shape[1]), np.empty(kmr.shape[1])
    for r in range(kmr.shape[1]):
        k = kmr[:, r]
        mean[r] = k @ inverse @ mu
        variance[r] = k_diagonal[r] - k @ inverse @ k + k @ inverse @ a @ inverse @ k
    return mean, variance


def kl(kmm, mu, a) -> float:
    """KL(N(mu, A) || N(0, K_mm))."""
    inverse = np.linalg.inv(kmm)
    log_ratio = np.linalg.slogdet(kmm)[1] - np.linalg.slogdet(a)[1]
    return 0.5 * (log_ratio - len(mu) + np.trace(inverse @ a) + mu @ inverse @ mu)


def hensman_sum(kmm, kmn, k_diagonal, y, s2, mu, a) -> float:
    """The sum over data in eq. 7, with Lambda_i = K_mm^-1 k_i k_i^T K_mm^-1 / s2_i."""
    inverse = np.linalg.inv(kmm)
    total = 0.0
    for i in range(len(y)):
        k = kmn[:, i]
        lambda_i = inverse @ np.outer(k, k) @ inverse / s2[i]
        k_tilde = k_diagonal[i] - k @ inverse @ k
        log_density = -0.5 * (math.log(2.0 * math.pi * s2[i]) + (y[i] - k @ inverse @ mu) ** 2 / s2[i])
        total += log_density - 0.5 * k_tilde / s2[i] - 0.5 * np.trace(a @ lambda_i)
    return total


def log_normal(y, covariance) -> float:
    """log N(y | 0, covariance)."""
    quadratic = y @ np.linalg.inv(covariance) @ y
    return -0.5 * (len(y) * math.log(2.0 * math.pi) + np.linalg.slogdet(covariance)[1] + quadratic)


def titsias_bound(kmm, kmn, k_diagonal, y, s2) -> float:
    """L_T of eq. 6."""
    nystrom = kmn.T @ np.linalg.inv(kmm) @ kmn
    residual = sum((k_diagonal[i] - nystrom[i, i]) / s2[i] for i in range(len(y)))
    return log_normal(y, nystrom + np.diag(s2)) - 0.5 * residual


def expected_log_density(mean, variance, y, s2) -> float:
    """sum_i E_{z ~ N(mean_i, variance_i)} [log N(y_i | z, s2_i)], the second moment written out."""
    total = 0.0
    for m, v, d, e in zip(mean, variance, y, s2, strict=True):
        total += -0.5 * (math.log(2.0 * math.pi) + math.log(e) + (v + m**2 - 2.0 * m * d + d**2) / e)
    return total


# The exact GP.


def exact_posterior(knn, knr, krr, y, s2) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance at new inputs: eq. 1."""
    inverse = np.linalg.inv(knn + np.diag(s2))
    return knr.T @ inverse @ y, krr - knr.T @ inverse @ knr


def log_z(knn, y, s2) -> float:
    """Log marginal likelihood of the latent data set."""
    return log_normal(y, knn + np.diag(s2))


def kl_to_standard_normal(mean, variance) -> float:
    return sum(0.5 * (v + m**2 - 1.0 - math.log(v)) for m, v in zip(np.ravel(mean), np.ravel(variance), strict=True))


def original_ball_term(kmm, a_of_videos: Sequence[np.ndarray], video: int) -> float:
    """What the original moving-ball program has where a KL belongs: A in place of mu, and sums over all videos."""
    inverse = np.linalg.inv(kmm)
    total = np.linalg.slogdet(kmm)[1] - len(kmm) + np.trace(inverse @ a_of_videos[video])
    for a in a_of_videos:
        total += np.trace(a @ inverse @ a) - np.linalg.slogdet(a)[1]
    return 0.5 * total

"""Bias of the posterior of the inducing values when it is estimated from a mini-batch.

The sum S = sum_i k_i k_i^T / s2_i over a batch, scaled by N/b, is unbiased, but mu and A (eq. 9) are not linear in it.
Here all parameters are frozen and each data point is encoded once, so that only the batch varies.
"""

from typing import Any

import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from svgp_vae_tf.gp import sparse, whitened
from svgp_vae_tf.priors import LatentData

BATCH_SIZES = (32, 64, 128, 256, 512, 1024)


def bias(
    model: svgp.SVGPVAE,
    aux: np.ndarray,
    observations: np.ndarray,
    batch_sizes: tuple[int, ...] = BATCH_SIZES,
    draws: int = 256,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Relative bias and spread of mu_b and A_b for several batch sizes.

    Args:
        model: a trained model with one GP over a data set.
        aux, observations: all N data points.
        batch_sizes: sizes of the batches, which are drawn without replacement; sizes above N are skipped.
        draws: number of batches of each size.
        seed: seed of the draws.

    Returns:
        For each batch size ``|mean_b mu_b - mu| / |mu|`` (mu_bias), the root mean square of
        ``|mu_b - mean_b mu_b| / |mu|`` (mu_spread), and the expected mu_bias of an unbiased estimate from as many
        draws (mu_bias_noise); the same for A.
    """
    parts = [model.encode(tf.constant(observations[i : i + 512])) for i in range(0, len(observations), 512)]
    mean, variance = (tf.concat([getattr(part, name) for part in parts], axis=0) for name in ("mean", "variance"))
    data = LatentData(model.features(aux), mean, variance)
    (v, _), chol, y, s2 = model.prior.project(data.features), model.prior.chol_kmm, data.y, data.s2

    def moments(rows: np.ndarray) -> list[np.ndarray]:
        chosen = [tf.gather(x, rows, axis=-1) for x in (v, y, s2)]
        q = sparse.posterior(sparse.statistics(*chosen), len(aux) / len(rows))
        return [np.asarray(x) for x in whitened.inducing_moments(q, chol)]

    exact = dict(zip(("mu", "A"), moments(np.arange(len(aux))), strict=True))
    generator = np.random.default_rng(seed)
    table = []
    for size in [size for size in batch_sizes if size <= len(aux)]:
        estimates = [moments(generator.choice(len(aux), size, replace=False)) for _ in range(draws)]
        row: dict[str, Any] = {"batch_size": size, "draws": draws}
        for i, (name, full) in enumerate(exact.items()):
            row |= {
                f"{name}_{key}": value for key, value in _relative(np.stack([e[i] for e in estimates]), full).items()
            }
        table.append(row)
    return table


def _relative(estimates: np.ndarray, full: np.ndarray) -> dict[str, float]:
    """Bias and spread of estimates (draws, ...), relative to the norm of the exact value."""
    norm = np.linalg.norm(full)
    mean = estimates.mean(axis=0)
    spread = np.sqrt(np.sum(np.square(estimates - mean)) / (len(estimates) - 1))
    return {
        "bias": float(np.linalg.norm(mean - full) / norm),
        "spread": float(spread / norm),
        "bias_noise": float(spread / norm / np.sqrt(len(estimates))),
    }

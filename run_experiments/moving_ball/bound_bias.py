"""The best that m inducing points can do on the moving ball, where the truth is known, without any network.

The posterior mean of a sparse GP lies in the span of the m functions k(., u_j), whatever the data. No path estimate can
be closer to the truth than the projection of the truth onto that span, see `lowest_rmse`.

Data y ~ N(0, K_l* + s2 I) on the frames of a video have the expected bound (eq. 6, averaged over y)

    E[L_T](l, Z) = -(n log 2 pi + log|Q + s2 I| + tr((Q + s2 I)^-1 (K_l* + s2 I)) + tr(K_l - Q) / s2) / 2

with Q = K_nm K_mm^-1 K_mn at length scale l. With inducing points on all frames its maximum is at l = l*. With fewer
points the trace term favours smoother kernels, and more so for smaller noise.

    python -m run_experiments.moving_ball.bound_bias --output=results/bound_bias.json
"""

import numpy as np
from absl import app, flags
from scipy.optimize import minimize, minimize_scalar

from run_experiments.common import provenance, run_folder

JITTER = 1e-6


def kernel(x: np.ndarray, z: np.ndarray, length_scale: float) -> np.ndarray:
    """Squared exponential covariances of unit amplitude, (n, m)."""
    return np.exp(-0.5 * np.square((x[:, None] - z[None, :]) / length_scale))


def expected_bound(length_scale: float, points: np.ndarray, noise: float, frames: np.ndarray, truth: float) -> float:
    """The expected bound E[L_T] of one series, see the module's docstring.

    Args:
        length_scale: length scale l of the model.
        points: inducing points Z, (m,).
        noise: noise variance s2.
        frames: times of the frames, (n,).
        truth: length scale l* of the data.
    """
    k_mm = kernel(points, points, length_scale) + JITTER * np.eye(len(points))
    v = np.linalg.solve(np.linalg.cholesky(k_mm), kernel(points, frames, length_scale))
    q = v.T @ v
    noisy = q + noise * np.eye(len(frames))
    data = kernel(frames, frames, truth) + noise * np.eye(len(frames))
    _, log_determinant = np.linalg.slogdet(noisy)
    quadratic = np.trace(np.linalg.solve(noisy, data))
    unexplained = (len(frames) - np.trace(q)) / noise
    return -0.5 * float(len(frames) * np.log(2 * np.pi) + log_determinant + quadratic + unexplained)


def lowest_rmse(num_inducing: int, num_frames: int = 30, truth: float = 2.0) -> float:
    """The lowest RMSE of a sparse posterior mean with equally spaced inducing points, for paths of unit variance.

    It is sqrt(tr((I - P) K) / n), where P is the projection onto the columns of K_nm.
    """
    frames, points = np.arange(float(num_frames)), np.linspace(0.0, num_frames - 1.0, num_inducing)
    basis, _ = np.linalg.qr(kernel(frames, points, truth))
    covariance = kernel(frames, frames, truth)
    return float(np.sqrt(np.trace(covariance - basis @ (basis.T @ covariance)) / num_frames))


def best_length_scale(num_inducing: int, noise: float, num_frames: int = 30, truth: float = 2.0) -> float:
    """The length scale that maximises the expected bound, with equally spaced inducing points."""
    frames, points = np.arange(float(num_frames)), np.linspace(0.0, num_frames - 1.0, num_inducing)
    found = minimize_scalar(
        lambda log_l: -expected_bound(np.exp(log_l), points, noise, frames, truth),
        bounds=(np.log(truth / 4), np.log(truth * 8)),
        method="bounded",
    )
    return float(np.exp(found.x))


def best_points(num_inducing: int, noise: float, num_frames: int = 30, truth: float = 2.0) -> np.ndarray:
    """The sorted inducing points that maximise the expected bound, at the true length scale."""
    frames = np.arange(float(num_frames))
    found = minimize(
        lambda z: -expected_bound(truth, z, noise, frames, truth),
        np.linspace(0.5, num_frames - 1.5, num_inducing),
        method="L-BFGS-B",
        options={"maxfun": 100_000},
    )
    return np.sort(found.x)


def best_jointly(num_inducing: int, noise: float, num_frames: int = 30, truth: float = 2.0) -> tuple[float, np.ndarray]:
    """The length scale and the sorted inducing points that jointly maximise the expected bound."""
    frames = np.arange(float(num_frames))
    start = np.concatenate([[np.log(truth)], np.linspace(0.5, num_frames - 1.5, num_inducing)])
    found = minimize(
        lambda free: -expected_bound(np.exp(free[0]), free[1:], noise, frames, truth),
        start,
        method="L-BFGS-B",
        options={"maxfun": 100_000},
    )
    return float(np.exp(found.x[0])), np.sort(found.x[1:])


def _main(_: list[str]) -> None:
    noises = (0.1, 0.03, 0.01, 0.003, 0.001)
    scales = {m: {str(s2): best_length_scale(m, s2) for s2 in noises} for m in (5, 10, 12, 15, 18, 20, 30)}
    points = {m: best_points(m, 0.01).tolist() for m in (10, 15)}
    length_scale, places = best_jointly(15, 0.01)
    jointly = {"15": {"length_scale": length_scale, "points": places.tolist()}}
    floors = {m: lowest_rmse(m) for m in scales}
    print("m   " + "".join(f"s2={s2:<8}" for s2 in noises))
    for m, row in scales.items():
        print(f"{m:<4}" + "".join(f"{value:<11.3f}" for value in row.values()))
    print("lowest RMSE " + ", ".join(f"m={m}: {value:.4f}" for m, value in floors.items()))
    if flags.FLAGS.output:
        report = {
            "lowest_rmse_by_m": floors,
            "best_jointly_at_noise_0.01_by_m": jointly,
            "best_length_scale_by_m_and_noise": scales,
            "best_points_by_m": points,
        }
        run_folder.write_json(flags.FLAGS.output, {**report, "made_by": provenance.provenance()})


if __name__ == "__main__":
    flags.DEFINE_string("output", None, "JSON file for the numbers.")
    app.run(_main)

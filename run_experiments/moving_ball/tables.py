"""The moving ball's tables in docs/results.md, and its headline result."""

from typing import Any

from run_experiments.common.markdown import Column, Report, Section, Table, named, picture

NAME = "Moving ball"
INTRODUCTION = (
    "A ball moves along a path drawn from a Gaussian process with length scale 2, and models infer the path from "
    "videos of 30 frames of 32 x 32 pixels. The path, the length scale and the best inducing points are known. "
    "[moving_ball.md](experiments/moving_ball.md) discusses these results."
)
TITLES = {"svgpvae_m15": "SVGP-VAE, m = 15", "gpvae": "GP-VAE (exact)", "vae": "VAE"}


def _headline(report: Report) -> str:
    if not set(TITLES) <= set(report["runs"]):
        return ""
    rmse = {name: f"{report['runs'][name]['metrics']['rmse']:.3f}" for name in TITLES}
    return (
        f"RMSE of the inferred paths, in units of 6.4 pixels: {rmse['svgpvae_m15']} with SVGP-VAE (15 inducing points "
        f"for 30 frames), against {rmse['gpvae']} with the exact GP-VAE and {rmse['vae']} with a VAE, after "
        f"{report['runs']['svgpvae_m15']['metrics']['steps']:,} steps each "
        "([why the sparse model is ahead](docs/experiments/moving_ball.md))."
    )


def _models(report: Report) -> list[dict[str, Any]]:
    """Metrics of the three models, with the RMSE relative to that of the exact GP-VAE."""
    metrics = {name: report["runs"][name]["metrics"] for name in TITLES if name in report["runs"]}
    exact = metrics.get("gpvae")
    return [
        {"title": TITLES[name], **entries, "ratio": entries["rmse"] / exact["rmse"] if exact else None}
        for name, entries in metrics.items()
    ]


def _degrees(report: Report) -> list[Column]:
    curved = report["rmse_after_polynomial_map_by_degree"]
    degrees = next(iter(curved.values()))
    return [Column("model", "title"), *(Column(f"degree {degree}", degree, ".4f") for degree in degrees)]


def _curved(report: Report) -> list[dict[str, Any]]:
    curved = report["rmse_after_polynomial_map_by_degree"]
    return [{"title": title, **curved[name]} for name, title in TITLES.items() if name in curved]


def _sweep(report: Report) -> list[dict[str, Any]]:
    """RMSE by number of inducing points, then of the models without any."""
    rmse, floors = report["rmse_at_step"], report["lowest_possible_rmse_by_m"]
    counts = sorted(_inducing(name) for name in rmse if "_m" in name)
    sparse = [
        {"title": f"SVGP-VAE, m = {m}", "rmse": rmse[f"sweep_m{m}"], "lowest": floors.get(str(m))} for m in counts
    ]
    others = [{"title": TITLES[name], "rmse": rmse.get(f"sweep_{name}")} for name in ("gpvae", "vae")]
    return [*sparse, *(row for row in others if row["rmse"] is not None)]


def _length_scales(report: Report) -> list[dict[str, Any]]:
    rows = [
        {
            **learned,
            "m": _inducing(name),
            "steps": report["runs"][name]["metrics"]["steps"],
            "shown": ", ".join(f"{value:.3f}" for value in learned["length_scales"]),
        }
        for name, learned in report["learned"].items()
    ]
    return sorted(rows, key=lambda row: row["m"])


def _spread(report: Report) -> list[dict[str, Any]]:
    return [{**row, "steps": report["runs"][row["name"]]["metrics"]["steps"]} for row in named(report["spread"])]


def _inducing(name: str) -> int:
    """The number of inducing points in the name of a run."""
    return int(name.rsplit("_m", 1)[1])


PATHS = Section(
    "figure2.json",
    "Paths (Figure 2)",
    (
        Table(
            [
                Column("model", "title"),
                Column("steps", "steps", ","),
                Column("test RMSE", "rmse", ".4f"),
                Column("relative to GP-VAE", "ratio", ".2f"),
                Column("test ELBO per video", "test.elbo", ".1f"),
                Column("log-likelihood", "test.log_likelihood", ".1f"),
                Column("KL", "test.kl", ".1f"),
            ],
            _models,
        ),
        lambda report: f"RMSE: {report['rmse_definition']}.",
        "The same after the best polynomial map instead of the affine one. What falls with the degree is curvature of "
        "the latent space:",
        Table(_degrees, _curved),
        picture("True and inferred paths", "figure2.png"),
    ),
)
SWEEP = Section(
    "figure1.json",
    "Number of inducing points (Figure 1)",
    (
        lambda report: (
            f"Test RMSE after {report['step']:,} steps of every run, and the lowest RMSE that is possible with m "
            "equally spaced inducing points."
        ),
        Table(
            [
                Column("model", "title"),
                Column("test RMSE", "rmse", ".4f"),
                Column("lowest possible RMSE", "lowest", ".4f"),
            ],
            _sweep,
        ),
        picture("RMSE against the number of inducing points", "figure1.png"),
    ),
)
LENGTH_SCALES = Section(
    "figure3.json",
    "Learned length scales (Figure 3)",
    (
        lambda report: (
            f"The true length scale is {report['true_length_scale']}. The last column is the length scale at which the "
            "sparse bound itself is largest, for the true process and the noise variance of the run's encoder."
        ),
        Table(
            [
                Column("m", "m"),
                Column("steps", "steps", ","),
                Column("learned length scales", "shown"),
                Column("noise variance of the encoder", "encoder_noise_variance", ".4f"),
                Column("optimum of the sparse bound", "best_for_the_bound", ".3f"),
            ],
            _length_scales,
        ),
        picture("Length scales during training", "figure3.png"),
    ),
)
INDUCING_POINTS = Section(
    "figure4.json",
    "Inducing points from bad starts (Figure 4)",
    (
        "Ten inducing points start within nine frames at one end or in the middle of the video. Deviations of the gaps "
        "between neighbouring points from the mean gap, relative to the mean gap:",
        Table(
            [
                Column("start", lambda row: row["name"].replace("_", " ")),
                Column("steps", "steps", ","),
                Column("largest deviation", "max_deviation", ".1%"),
                Column("mean deviation", "mean_deviation", ".1%"),
            ],
            _spread,
        ),
        picture("Inducing points during training", "figure4.png"),
    ),
)
STEP_TIMES = Section(
    "step_time.json",
    "Time per training step",
    (
        lambda report: (
            "Batches of 35 videos of 30 frames, m = 15, with "
            f"{report['made_by']['processors']} processors; medians over alternating rounds. The matrix products are "
            "the five large ones that a step of these networks cannot avoid."
        ),
        Table(
            [
                Column("model", "name"),
                Column("ms per step", "median_ms", ".1f"),
                Column("relative to the matrix products", "ratio_to_matrix_products", ".2f"),
                Column("seconds to the first step", "seconds_to_first_step", ".1f"),
            ],
            lambda report: named(report["steps"]),
        ),
    ),
)
SECTIONS = (PATHS, SWEEP, LENGTH_SCALES, INDUCING_POINTS, STEP_TIMES)
HEADLINE = Section("figure2.json", NAME, (_headline,))

"""Writes the README's tables from the files in results/.

python -m run_experiments.report          # rewrites README.md between its markers
"""

from absl import app, flags

from run_experiments.common.markdown import fill, read, table
from run_experiments.rotated_mnist.tables import (
    against_digits,
    against_time,
    batch_bias,
    digit_pictures,
    digits,
    embedded_digits,
)
from run_experiments.sprites.tables import sprites_choices, unseen_characters

TITLES = {"svgpvae_m15": "SVGP-VAE, m = 15", "gpvae": "GP-VAE (exact)", "vae": "VAE"}


def tables(results_dir: str) -> str:
    """All tables whose results are there, as Markdown."""
    parts = [
        headline,
        sweep,
        length_scales,
        inducing_points,
        step_times,
        digits,
        embedded_digits,
        digit_pictures,
        against_time,
        against_digits,
        batch_bias,
        unseen_characters,
        sprites_choices,
    ]
    return "\n\n".join(text for part in parts if (text := part(results_dir)))


def headline(results_dir: str) -> str:
    """RMSE and ELBO of the three models at full length."""
    report = read(results_dir, "figure2.json")
    if report is None:
        return ""
    runs = {name: report["runs"][name]["metrics"] for name in TITLES if name in report["runs"]}
    base = runs["gpvae"]["rmse"] if "gpvae" in runs else float("nan")
    rows = [
        [TITLES[n], f"{m['steps']:,}", f"{m['rmse']:.4f}", f"{m['rmse'] / base:.2f}", f"{m['test']['elbo']:.1f}",
         f"{m['test']['log_likelihood']:.1f}", f"{m['test']['kl']:.1f}"]
        for n, m in runs.items()
    ]  # fmt: skip
    header = ["model", "steps", "test RMSE", "to GP-VAE's", "test ELBO per video", "log-likelihood", "KL"]
    curved = report["rmse_after_polynomial_map_by_degree"]
    degrees = list(next(iter(curved.values())))
    bent = table(
        ["model", *(f"degree {degree}" for degree in degrees)],
        [[TITLES[n], *(f"{curved[n][degree]:.4f}" for degree in degrees)] for n in runs],
    )
    definition = f"RMSE: {report['rmse_definition']}."
    picture = "![True and inferred paths](results/figure2.png)"
    return (
        f"### Paths (Figure 2)\n\n{table(header, rows)}\n\n{definition}\n\nThe same after the best polynomial map in "
        f"the place of the affine one; what falls with the degree is curvature of the latents:\n\n{bent}\n\n{picture}"
    )


def sweep(results_dir: str) -> str:
    """RMSE against the number of inducing points."""
    report = read(results_dir, "figure1.json")
    if report is None:
        return ""
    rmse = report["rmse_at_step"]
    points = sorted((int(name.rsplit("_m", 1)[1]), value) for name, value in rmse.items() if "_m" in name)
    names = [f"m = {m}" for m, _ in points] + [TITLES[n] for n in ("gpvae", "vae") if f"sweep_{n}" in rmse]
    values = [f"{value:.4f}" for _, value in points] + [
        f"{rmse[f'sweep_{n}']:.4f}" for n in ("gpvae", "vae") if f"sweep_{n}" in rmse
    ]
    text = f"Test RMSE, every run after {report['step']:,} steps, and the lowest that m inducing points allow."
    floors = report["lowest_possible_rmse_by_m"]
    lowest = [f"{floors[str(m)]:.4f}" for m, _ in points] + [""] * (len(names) - len(points))
    rows = table(["", *names], [["RMSE", *values], ["lowest possible", *lowest]])
    picture = "![RMSE against m](results/figure1.png)"
    return f"### Inducing points (Figure 1)\n\n{text}\n\n{rows}\n\n{picture}"


def length_scales(results_dir: str) -> str:
    """Learned length scales beside the truth and the bound's own optimum."""
    report = read(results_dir, "figure3.json")
    if report is None:
        return ""
    rows = []
    for name, row in sorted(report["learned"].items(), key=lambda item: int(item[0].rsplit("_m", 1)[1])):
        scales = ", ".join(f"{value:.3f}" for value in row["length_scales"])
        steps = report["runs"][name]["metrics"]["steps"]
        noise, best = row["encoder_noise_variance"], row["best_for_the_bound"]
        rows.append([name.rsplit("_m", 1)[1], f"{steps:,}", scales, f"{noise:.4f}", f"{best:.3f}"])
    header = ["m", "steps", "learned length scales", "encoder's noise variance", "best for the sparse bound"]
    text = f"The true length scale is {report['true_length_scale']}."
    return f"### Length scale (Figure 3)\n\n{text}\n\n{table(header, rows)}"


def inducing_points(results_dir: str) -> str:
    """How equally the inducing points end up spaced."""
    report = read(results_dir, "figure4.json")
    if report is None:
        return ""
    rows = [
        [name.replace("_", " "), f"{report['runs'][name]['metrics']['steps']:,}", f"{100 * row['max_deviation']:.1f} %",
         f"{100 * row['mean_deviation']:.1f} %"]
        for name, row in report["spread"].items()
    ]  # fmt: skip
    header = ["start", "steps", "worst gap off the mean gap", "mean over gaps"]
    return f"### Inducing points from bad starts (Figure 4)\n\n{table(header, rows)}"


def step_times(results_dir: str) -> str:
    """Time of a training step beside the networks' matrix products."""
    report = read(results_dir, "step_time.json")
    if report is None:
        return ""
    rows = [
        [name, f"{row['median_ms']:.1f}", f"{row['ratio_to_matrix_products']:.2f}",
         f"{row['seconds_to_first_step']:.1f}" if "seconds_to_first_step" in row else ""]
        for name, row in report["steps"].items()
    ]  # fmt: skip
    header = ["", "ms per step", "to the products", "seconds to the first step"]
    text = (
        f"35 videos of 30 frames, m = 15, {report['made_by']['processors']} processors, medians of alternating rounds."
    )
    return f"### Time of a training step\n\n{text}\n\n{table(header, rows)}"


def _main(_: list[str]) -> None:
    with open(flags.FLAGS.readme) as file:
        text = fill(file.read(), tables(flags.FLAGS.results_dir))
    with open(flags.FLAGS.readme, "w") as file:
        file.write(text)


if __name__ == "__main__":
    flags.DEFINE_string("readme", "README.md", "The file to rewrite.")
    flags.DEFINE_string("results_dir", "results", "Where the results are.")
    app.run(_main)

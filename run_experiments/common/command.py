"""The experiments as commands: the flags they share, errors in one line, and what is said at the end."""

from collections.abc import Callable
from typing import Any

from absl import app, flags

import svgp_vae_tf as svgp
from run_experiments.common import distributed as distribute
from run_experiments.common import run_folder

flags.disclaim_key_flags()  # they are of the program that defines them, whose --help shows them

ERRORS = (ValueError, OSError, run_folder.RunFolderError, svgp.ModelFileError, svgp.WorkerLostError)
"""What a user can do something about; others are faults of the program and keep their traceback."""


def define_flags(output_dir: str) -> None:
    """Define the flags of a run that are not settings of it.

    Args:
        output_dir: the default folder.
    """
    flags.DEFINE_string("output_dir", output_dir, "The run folder to write.")
    flags.DEFINE_bool("resume", False, "Go on with the run in --output_dir.")
    flags.DEFINE_enum("verbose", "auto", ["auto", "0", "1", "2"], "Keras' progress bar: 0 silent, 1 bar, 2 lines.")
    distribute.define_flag()


def main(
    settings_from_flags: Callable[[], Any],
    run: Callable[..., dict[str, Any]],
    said: Callable[[dict[str, Any]], str],
) -> None:
    """Parse the flags and run an experiment.

    Args:
        settings_from_flags: gives the settings.
        run: trains and evaluates, and returns metrics; see `run_experiments.moving_ball.run`.
        said: from the metrics to the last words.
    """

    def program(_: list[str]) -> None:
        f = flags.FLAGS
        verbose = f.verbose if f.verbose == "auto" else int(f.verbose)
        try:
            metrics = run(settings_from_flags(), f.output_dir, f.resume, verbose, f.distribute)
        except ERRORS as error:
            raise SystemExit(f"error: {run_folder.one_line(error)}") from error
        print(said(metrics))
        print(f"figures, model and TensorBoard logs are in {f.output_dir}")

    app.run(program)

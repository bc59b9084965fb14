"""The command: python -m run_experiments.moving_ball --help."""

from run_experiments.common import command
from run_experiments.moving_ball.experiment import run, summary
from run_experiments.moving_ball.settings import define_flags, settings_from_flags

if __name__ == "__main__":
    define_flags()
    command.define_flags("runs/moving_ball")
    command.main(settings_from_flags, run, summary)

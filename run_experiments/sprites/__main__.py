"""The command: python -m run_experiments.sprites --help."""

from run_experiments.common import command
from run_experiments.sprites.experiment import run, summary
from run_experiments.sprites.settings import define_flags, settings_from_flags

if __name__ == "__main__":
    define_flags()
    command.define_flags("runs/sprites")
    command.main(settings_from_flags, run, summary)

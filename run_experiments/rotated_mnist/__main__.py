"""The command: python -m run_experiments.rotated_mnist --help."""

from run_experiments.common import command
from run_experiments.rotated_mnist.experiment import run, summary
from run_experiments.rotated_mnist.settings import define_flags, settings_from_flags

if __name__ == "__main__":
    define_flags()
    command.define_flags("runs/rotated_mnist")
    command.main(settings_from_flags, run, summary)

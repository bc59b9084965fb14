"""Rotated MNIST: generate digits at an unseen angle (paper, section 4.2).

    python -m run_experiments.rotated_mnist --model=svgpvae --output_dir=runs/rotated_mnist

Each setting of the experiment is a flag.
"""

from run_experiments.common import command
from run_experiments.rotated_mnist.experiment import run, summary
from run_experiments.rotated_mnist.settings import define_flags, settings_from_flags

if __name__ == "__main__":
    define_flags()
    command.define_flags("runs/rotated_mnist")
    command.main(settings_from_flags, run, summary)

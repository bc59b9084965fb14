"""Sprites: generate unseen characters in any pose (paper, section 4.3).

    python -m run_experiments.sprites --output_dir=runs/sprites

Each setting of the experiment is a flag.
"""

from run_experiments.common import command
from run_experiments.sprites.experiment import run, summary
from run_experiments.sprites.settings import define_flags, settings_from_flags

if __name__ == "__main__":
    define_flags()
    command.define_flags("runs/sprites")
    command.main(settings_from_flags, run, summary)

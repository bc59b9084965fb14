"""Moving ball: recover the path of a ball from a video (paper, section 4.1).

    python -m run_experiments.moving_ball --model=svgpvae --num_inducing=15 --output_dir=runs/svgpvae

Each setting of the experiment is a flag.
"""

from run_experiments.common import command
from run_experiments.moving_ball.experiment import run, summary
from run_experiments.moving_ball.settings import define_flags, settings_from_flags

if __name__ == "__main__":
    define_flags()
    command.define_flags("runs/moving_ball")
    command.main(settings_from_flags, run, summary)

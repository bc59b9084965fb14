"""Short runs of the SVGP-VAE, the exact GP-VAE and a VAE on moving-ball videos, compared in one picture.

python -m run_experiments.demo --output_dir=runs/demo
"""

import math
import os

import numpy as np
from absl import flags

import svgp_vae_tf as svgp
from data_generators import moving_ball as data
from run_experiments.common import command, figures, run_folder
from run_experiments.moving_ball import alignment
from run_experiments.moving_ball import experiment as moving_ball
from run_experiments.moving_ball.settings import Settings

MODELS = {"svgpvae": "SVGP-VAE, m = 15", "gpvae": "GP-VAE (exact)", "vae": "VAE"}


def demo_settings(model: str, steps: int) -> Settings:
    """Settings of a short run of one model, with a higher learning rate than the paper's."""
    return Settings(
        model=model, steps=steps, steps_per_epoch=math.gcd(250, steps), learning_rate=3e-3, num_test_videos=70
    )


def demo(output_dir: str, steps: int) -> dict[str, float]:
    """Train each of the three models for some steps, and write the comparison into ``output_dir``.

    Returns:
        RMSE by model, and under "none" that of always predicting the mean position.
    """
    inferred = {}
    rmse = {}
    first = demo_settings("svgpvae", steps)
    test = data.videos(first.num_test_videos, first.num_frames, first.data_length_scale, moving_ball.TEST_SEED)
    for model, title in MODELS.items():
        print(f"\n{title}: {steps} steps", flush=True)
        folder = os.path.join(output_dir, model)
        moving_ball.run(demo_settings(model, steps), folder, resume=os.path.exists(folder), verbose=1)
        trained = svgp.load_model(os.path.join(folder, "model.keras"))
        inferred[title] = moving_ball.inferred_paths(trained, test)
        rmse[model] = alignment.align(inferred[title][0], test.paths).rmse
    figures.save(figures.trajectories(test.frames, test.paths, inferred), os.path.join(output_dir, "comparison.png"))
    run_folder.write_json(
        os.path.join(output_dir, "comparison.json"), {"rmse": rmse, "definition": moving_ball.RMSE_DEFINITION}
    )
    rmse["none"] = float(np.std(test.paths - test.paths.mean(axis=(0, 1))))
    return rmse


def _main() -> None:
    rmse = demo(flags.FLAGS.output_dir, flags.FLAGS.steps)
    print(f"\nTest RMSE after {flags.FLAGS.steps} steps each, per coordinate, 1 unit = 6.4 pixels:")
    for model, title in MODELS.items():
        print(f"  {title:<18} {rmse[model]:.3f}")
    print(f"  {'mean position':<18} {rmse['none']:.3f}")
    print(f"The picture: {flags.FLAGS.output_dir}/comparison.png")
    print(f"Curves:      tensorboard --logdir {flags.FLAGS.output_dir}")


if __name__ == "__main__":
    flags.DEFINE_string("output_dir", "runs/demo", "Folder for the runs and the comparison.")
    flags.DEFINE_integer("steps", 1_500, "Optimiser steps for each model.", lower_bound=1)
    command.run(_main, resume=[])

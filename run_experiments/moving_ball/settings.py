"""Settings of the moving-ball experiment, and their flags."""

import dataclasses

from run_experiments.common.settings import ExperimentSettings, setting
from svgp_vae_tf import kernels

MODELS = ("svgpvae", "gpvae", "neural_process", "vae")
BOUNDS = ("hensman", "titsias", "original")
KERNELS = {
    "squared_exponential": kernels.SquaredExponential,
    "matern12": kernels.Matern12,
    "matern32": kernels.Matern32,
    "matern52": kernels.Matern52,
    "rational_quadratic": kernels.RationalQuadratic,
}
UNUSED_WITHOUT_INDUCING_POINTS = {"model": ("gpvae", "neural_process", "vae")}
UNUSED_WITHOUT_GP = {"model": ("vae",)}


@dataclasses.dataclass(frozen=True)
class Settings(ExperimentSettings):
    """All settings of a run. Each field has a flag of the same name, whose help describes it."""

    model: str = setting("svgpvae", "Prior over the latents.", choices=MODELS)
    bound: str = setting(
        "hensman",
        "Regulariser of svgpvae. 'original' is that of the original program; it is not a divergence and is kept to "
        "explain that program's results.",
        choices=BOUNDS,
        unused_with=UNUSED_WITHOUT_INDUCING_POINTS,
    )
    kernel: str = setting("squared_exponential", "Kernel over time.", choices=KERNELS, unused_with=UNUSED_WITHOUT_GP)
    num_inducing: int = setting(
        15, "Inducing points m of svgpvae.", lower=1, unused_with=UNUSED_WITHOUT_INDUCING_POINTS
    )
    inducing_range: tuple[float, float] | None = setting(
        None,
        "First and last of the initial inducing points, which are equally spaced, in frames; by default they span the "
        "whole video.",
        unused_with=UNUSED_WITHOUT_INDUCING_POINTS,
    )
    train_inducing: bool = setting(False, "Train the inducing points.", unused_with=UNUSED_WITHOUT_INDUCING_POINTS)
    inducing_unit: float = setting(
        5.0,
        "Frames that an inducing point moves per unit of the optimiser's step.",
        positive=True,
        unused_with=UNUSED_WITHOUT_INDUCING_POINTS,
    )
    train_kernel: bool = setting(
        False, "Learn the length scale, one for each coordinate.", unused_with=UNUSED_WITHOUT_GP
    )
    initial_length_scale: float = setting(
        2.0, "Initial length scale of the model's kernel, in frames.", positive=True, unused_with=UNUSED_WITHOUT_GP
    )
    beta: float = setting(1.0, "Weight of the KL divergence, 0 or more.", lower=0)
    variance_bounds: tuple[float, float] = setting(
        (1e-6, 1e3), "Smooth lower and upper bound of the encoder's variances.", increasing=True
    )
    jitter: float = setting(
        1e-6,
        "Added to the diagonal of K_mm, relative to its mean; 0 or more.",
        lower=0,
        unused_with=UNUSED_WITHOUT_INDUCING_POINTS,
    )
    num_frames: int = setting(30, "Frames per video.", lower=1)
    data_length_scale: float = setting(2.0, "Length scale of the true paths, in frames.", positive=True)
    batch_size: int = setting(35, "Videos per step.", lower=1)
    num_test_videos: int = setting(350, "Number of test videos; they are the same in every run.", lower=1)
    steps: int = setting(25_000, "Total number of optimiser steps.", lower=1)
    steps_per_epoch: int = setting(1_000, "Steps between evaluations and checkpoints.", lower=1)
    learning_rate: float = setting(1e-3, "Learning rate of Adam.", positive=True)
    final_learning_rate: float | None = setting(
        None, "Learning rate at the end of a cosine decay over all steps; constant by default.", lower=0
    )
    clip_norm: float | None = setting(
        None, "Clip the global norm of the gradient to this value; off by default.", positive=True
    )
    seed: int = setting(0, "Seed of weights, training videos and latent samples.", lower=0)

    @property
    def epoch_steps(self) -> int:
        """Steps between evaluations."""
        return min(self.steps_per_epoch, self.steps)

    def check(self) -> None:
        """Raise ValueError, in one line, for settings that cannot work."""
        super().check()
        if self.steps % self.epoch_steps:
            raise ValueError(f"--steps={self.steps} must be a multiple of --steps_per_epoch={self.steps_per_epoch}")
        if self.model == "svgpvae" and not self.train_inducing and self.num_inducing > self.num_frames:
            raise ValueError(
                f"--num_inducing={self.num_inducing} fixed inducing points are more than the {self.num_frames} frames"
            )


define_flags = Settings.define_flags
settings_from_flags = Settings.from_flags

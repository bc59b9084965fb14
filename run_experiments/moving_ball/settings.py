"""Settings of the moving-ball experiment, and their flags."""

import dataclasses

import numpy as np
from absl import flags

from run_experiments.common.settings import pair, refuse_idle
from svgp_vae_tf import kernels

flags.disclaim_key_flags()  # they are of the program that defines them, whose --help shows them

MODELS = ("svgpvae", "gpvae", "neural_process", "vae")
BOUNDS = ("hensman", "titsias", "original")
KERNELS = {
    "squared_exponential": kernels.SquaredExponential,
    "matern12": kernels.Matern12,
    "matern32": kernels.Matern32,
    "matern52": kernels.Matern52,
    "rational_quadratic": kernels.RationalQuadratic,
}
_OF_INDUCING_POINTS = ("bound", "num_inducing", "inducing_range", "train_inducing", "inducing_unit", "jitter")
IDLE = {
    "gpvae": _OF_INDUCING_POINTS,
    "neural_process": _OF_INDUCING_POINTS,
    "vae": (*_OF_INDUCING_POINTS, "kernel", "train_kernel", "initial_length_scale"),
}
"""Flags without effect on a model."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """A run, whole. Each field is a flag; see the flags for what they mean."""

    model: str = "svgpvae"
    bound: str = "hensman"
    kernel: str = "squared_exponential"
    num_inducing: int = 15
    inducing_range: tuple[float, float] | None = None
    train_inducing: bool = False
    inducing_unit: float = 5.0
    train_kernel: bool = False
    initial_length_scale: float = 2.0
    beta: float = 1.0
    variance_bounds: tuple[float, float] = (1e-6, 1e3)
    jitter: float = 1e-6
    num_frames: int = 30
    data_length_scale: float = 2.0
    batch_size: int = 35
    num_test_videos: int = 350
    steps: int = 25_000
    steps_per_epoch: int = 1_000
    learning_rate: float = 1e-3
    final_learning_rate: float | None = None
    clip_norm: float | None = None
    seed: int = 0

    @property
    def epoch_steps(self) -> int:
        """Steps between evaluations."""
        return min(self.steps_per_epoch, self.steps)

    def check(self) -> None:
        """Raise ValueError, in one line, for settings that cannot work."""
        for name, allowed in (("model", MODELS), ("bound", BOUNDS), ("kernel", tuple(KERNELS))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; choose one of {', '.join(allowed)}")
        for name in ("num_inducing", "num_frames", "batch_size", "num_test_videos", "steps", "steps_per_epoch"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} must be at least 1, got {getattr(self, name)}")
        if self.steps % self.epoch_steps:
            raise ValueError(f"--steps={self.steps} must be a multiple of --steps_per_epoch={self.steps_per_epoch}")
        for name in ("inducing_unit", "initial_length_scale", "data_length_scale", "learning_rate"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ValueError(f"--{name} must be positive and finite, got {getattr(self, name)}")
        if self.model == "svgpvae" and not self.train_inducing and self.num_inducing > self.num_frames:
            raise ValueError(
                f"--num_inducing={self.num_inducing} fixed inducing points are more than the {self.num_frames} frames"
            )


def define_flags() -> None:
    """Define a flag for each field of `Settings`."""
    d = Settings()
    flags.DEFINE_enum("model", d.model, MODELS, "Which prior over the latents.")
    flags.DEFINE_enum("bound", d.bound, BOUNDS, "Regulariser of svgpvae; 'original' is the first program's, which is "
                      "not a divergence and is kept to explain its figures.")  # fmt: skip
    flags.DEFINE_enum("kernel", d.kernel, list(KERNELS), "Kernel over time.")
    flags.DEFINE_integer("num_inducing", d.num_inducing, "Inducing points m of svgpvae.")
    flags.DEFINE_list("inducing_range", None, "Where the equally spaced inducing points start: first and last, in "
                      "frames; the whole video by default.")  # fmt: skip
    flags.DEFINE_bool("train_inducing", d.train_inducing, "Move the inducing points in training.")
    flags.DEFINE_float("inducing_unit", d.inducing_unit, "Frames an inducing point moves per unit of the optimiser's "
                       "step.")  # fmt: skip
    flags.DEFINE_bool("train_kernel", d.train_kernel, "Learn the length scale, one per coordinate.")
    flags.DEFINE_float("initial_length_scale", d.initial_length_scale, "Length scale of the model, in frames.")
    flags.DEFINE_float("beta", d.beta, "Weight of the KL.", lower_bound=0.0)
    flags.DEFINE_list(
        "variance_bounds", [str(x) for x in d.variance_bounds], "Smooth bounds of the encoder's variances."
    )
    flags.DEFINE_float("jitter", d.jitter, "Added to the diagonal of K_mm, relative to its mean.", lower_bound=0.0)
    flags.DEFINE_integer("num_frames", d.num_frames, "Frames per video.")
    flags.DEFINE_float("data_length_scale", d.data_length_scale, "Length scale of the true paths, in frames.")
    flags.DEFINE_integer("batch_size", d.batch_size, "Videos per step.")
    flags.DEFINE_integer("num_test_videos", d.num_test_videos, "Test videos; always the same ones.")
    flags.DEFINE_integer("steps", d.steps, "Optimiser steps in all.")
    flags.DEFINE_integer("steps_per_epoch", d.steps_per_epoch, "Steps between evaluations and checkpoints.")
    flags.DEFINE_float("learning_rate", d.learning_rate, "Of Adam.")
    flags.DEFINE_float("final_learning_rate", d.final_learning_rate, "Let the learning rate fall to this by a cosine "
                       "over all steps; constant by default.")  # fmt: skip
    flags.DEFINE_float("clip_norm", d.clip_norm, "Clip the global norm of the gradient; off by default.")
    flags.DEFINE_integer("seed", d.seed, "Of weights, videos and latent samples.")


def settings_from_flags() -> Settings:
    """Settings from the parsed flags.

    Raises:
        ValueError: for pairs that are not two numbers, and for flags without effect on the model.
    """
    values = {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(Settings)}
    settings = Settings(**values | {name: pair(name) for name in ("inducing_range", "variance_bounds")})
    refuse_idle(IDLE.get(settings.model, ()), f"--model={settings.model}")
    return settings

"""Settings of the sprites experiment, and their flags."""

import dataclasses

import numpy as np
from absl import flags

from data_generators.sprites.sheets import NUM_POSES
from run_experiments.common import schedule as batch_phases
from run_experiments.common.settings import pair, refuse_idle

flags.disclaim_key_flags()  # they are of the program that defines them, whose --help shows them

KERNELS = ("cosine", "squared_exponential")
OBJECTIVES = ("geco", "elbo")
CONTEXTS = ("random", "first")
OR_ZERO = ("final_characters_per_batch", "pretrain_epochs", "seed", "data_seed")
IDLE = {"geco": ("noise_stddev",), "elbo": ("tolerance",)}
"""Flags without effect on an objective."""
OF_THE_DATA = ("sheets", "characters", "train_characters", "poses_per_character", "data_seed")


@dataclasses.dataclass(frozen=True)
class Settings:
    """A run, whole. Each field is a flag; see the flags for what they mean."""

    data: str | None = None
    sheets: str | None = None
    characters: int = 1_040
    train_characters: int = 1_000
    poses_per_character: int = 16
    data_seed: int = 0
    num_latents: int = 64
    pose_size: int = 8
    style_size: int = 16
    inducing_per_pose: int = 1
    kernel: str = "cosine"
    objective: str = "geco"
    tolerance: float = 0.004
    noise_stddev: float = 0.0866
    variance_bounds: tuple[float, float] = (1e-3, 10.0)
    characters_per_batch: int = 5
    final_characters_per_batch: int = 25
    epochs: int = 8
    evaluate_every: int = 4
    optimizer: str = "soap"
    learning_rate: float = 5e-3
    final_learning_rate: float = 5e-5
    clip_norm: float = 0.1
    adam_beta_2: float = 0.99
    pretrain_epochs: int = 0
    pretrain_learning_rate: float = 1e-2
    num_context: int = 36
    context: str = "random"
    seed: int = 0

    def check(self) -> None:
        """Raise ValueError, in one line, for settings that cannot work."""
        for name, allowed in (("kernel", KERNELS), ("objective", OBJECTIVES), ("context", CONTEXTS),
                              ("optimizer", batch_phases.OPTIMIZERS)):  # fmt: skip
            if getattr(self, name) not in allowed:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; choose one of {', '.join(allowed)}")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type is int and field.name not in OR_ZERO and value < 1:
                raise ValueError(f"--{field.name} must be at least 1, got {value}")
            if field.type is float and not (0.0 < value < np.inf or (field.name == "clip_norm" and value == np.inf)):
                raise ValueError(f"--{field.name} must be positive and finite, got {value}")
        self._check_together()

    def _check_together(self) -> None:
        for name in OR_ZERO:
            if getattr(self, name) < 0:
                raise ValueError(f"--{name} must not be negative, got {getattr(self, name)}")
        if self.data is None and self.train_characters < 2:
            raise ValueError("--train_characters must be at least 2: of one alone no style can be learned")
        if self.pose_size > NUM_POSES:
            raise ValueError(f"--pose_size={self.pose_size} is more than the {NUM_POSES} poses")
        if not self.adam_beta_2 < 1.0:
            raise ValueError(f"--adam_beta_2 must be below 1, got {self.adam_beta_2}")
        if self.data is not None and self.sheets is not None:
            raise ValueError("give either --data, a folder of shards, or --sheets, the sprite sheets themselves")
        if self.data is None and self.train_characters >= self.characters:
            raise ValueError(
                f"--train_characters={self.train_characters} leaves none of the {self.characters} characters to test"
            )
        if self.epochs % self.evaluate_every:
            raise ValueError(f"--epochs={self.epochs} must be a multiple of --evaluate_every={self.evaluate_every}")


def define_flags() -> None:
    """Define a flag for each field of `Settings`."""
    d = Settings()
    flags.DEFINE_string("data", None, "A folder written by data_generators.sprites; drawn anew by default.")
    flags.DEFINE_string("sheets", None, "A folder of LPC sprite sheets to compose characters from.")
    flags.DEFINE_integer("characters", d.characters, "Characters in all, without --data.")
    flags.DEFINE_integer("train_characters", d.train_characters, "Characters to train on; the others are unseen.")
    flags.DEFINE_integer("poses_per_character", d.poses_per_character, "Poses of each that training sees.")
    flags.DEFINE_integer("data_seed", d.data_seed, "Of the choice of poses.")
    flags.DEFINE_integer("num_latents", d.num_latents, "Latent channels L.")
    flags.DEFINE_integer("pose_size", d.pose_size, "Entries of a pose's vector, which is learned (GP-LVM).")
    flags.DEFINE_integer(
        "style_size", d.style_size, "Entries of a character's vector, from the representation network."
    )
    flags.DEFINE_integer("inducing_per_pose", d.inducing_per_pose, "Inducing points for each of the 72 poses.")
    flags.DEFINE_enum("kernel", d.kernel, KERNELS, "Of pose and of style vectors; their product is the GP's kernel.")
    flags.DEFINE_enum("objective", d.objective, OBJECTIVES, "What training minimises.")
    flags.DEFINE_float("tolerance", d.tolerance, "Mean squared error that GECO asks for.")
    flags.DEFINE_float("noise_stddev", d.noise_stddev, "Of the pixels, with --objective=elbo.")
    flags.DEFINE_list(
        "variance_bounds", [str(x) for x in d.variance_bounds], "Smooth bounds of the encoder's variances."
    )
    flags.DEFINE_integer("characters_per_batch", d.characters_per_batch, "Whole characters per step.")
    flags.DEFINE_integer(
        "final_characters_per_batch",
        d.final_characters_per_batch,
        "Batches double up to so many characters over the second half; no more than at the start leaves them.",
    )
    flags.DEFINE_integer("epochs", d.epochs, "Passes through the data.")
    flags.DEFINE_integer("evaluate_every", d.evaluate_every, "Epochs between evaluations on unseen characters.")
    flags.DEFINE_enum("optimizer", d.optimizer, batch_phases.OPTIMIZERS, "What takes the steps.")
    flags.DEFINE_float("learning_rate", d.learning_rate, "At the start.")
    flags.DEFINE_float("final_learning_rate", d.final_learning_rate, "At the end of a cosine over all steps.")
    flags.DEFINE_float("clip_norm", d.clip_norm, "Clip the global norm of the gradient; inf for no clipping.")
    flags.DEFINE_float("adam_beta_2", d.adam_beta_2, "Decay of the optimiser's second moments.")
    flags.DEFINE_integer(
        "pretrain_epochs",
        d.pretrain_epochs,
        "Passes that train the representation network to tell characters apart, first.",
    )
    flags.DEFINE_float("pretrain_learning_rate", d.pretrain_learning_rate, "Of Adam, in these passes.")
    flags.DEFINE_integer("num_context", d.num_context, "Frames from which an unseen character's style is read.")
    flags.DEFINE_enum("context", d.context, CONTEXTS, "Which frames: drawn at random, or the first poses.")
    flags.DEFINE_integer("seed", d.seed, "Of weights, batches, contexts and latent samples.")


def settings_from_flags() -> Settings:
    """Settings from the parsed flags.

    Raises:
        ValueError: for bounds that are not two numbers, and for flags without effect.
    """
    values = {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(Settings)}
    settings = Settings(**{**values, "variance_bounds": pair("variance_bounds")})
    if settings.data is not None:
        idle = [name for name in OF_THE_DATA if name != "sheets"]  # both given: `check` tells
        refuse_idle(idle, "the shards of --data, which were made with their own")
    refuse_idle(IDLE[settings.objective], f"--objective={settings.objective}")
    if not settings.pretrain_epochs:
        refuse_idle(["pretrain_learning_rate"], "a run without --pretrain_epochs")
    return settings

"""Settings of the sprites experiment, and their flags."""

import dataclasses

from data_generators.sprites.sheets import NUM_POSES
from run_experiments.common import schedule
from run_experiments.common.settings import ExperimentSettings, setting

KERNELS = ("cosine", "squared_exponential")
OBJECTIVES = ("geco", "elbo")
CONTEXTS = ("random", "first")


@dataclasses.dataclass(frozen=True)
class Settings(ExperimentSettings):
    """All settings of a run. Each field has a flag of the same name, whose help describes it."""

    data: str | None = setting(None, "A folder written by data_generators.sprites; by default the sprites are drawn.")
    sheets: str | None = setting(None, "A folder of LPC sprite sheets from which characters are composed.")
    characters: int = setting(1_040, "Total number of characters, without --data.", lower=1, unused_given=("data",))
    train_characters: int = setting(
        1_000, "Number of characters to train on; the others are for testing.", lower=1, unused_given=("data",)
    )
    poses_per_character: int = setting(
        16, "Poses of each training character that training sees.", lower=1, unused_given=("data",)
    )
    data_seed: int = setting(0, "Seed of the choice of poses.", lower=0, unused_given=("data",))
    num_latents: int = setting(64, "Number of latent channels L.", lower=1)
    pose_size: int = setting(8, "Entries of a pose's vector, which is learned (GP-LVM).", lower=1)
    style_size: int = setting(
        16, "Entries of a character's style vector, the output of the representation network.", lower=1
    )
    inducing_per_pose: int = setting(1, f"Inducing points for each of the {NUM_POSES} poses.", lower=1)
    kernel: str = setting(
        "cosine", "Kernel over pose and over style vectors; the GP's is their product.", choices=KERNELS
    )
    objective: str = setting("geco", "What training minimises.", choices=OBJECTIVES)
    tolerance: float = setting(
        0.004, "Mean squared error that GECO aims for.", positive=True, unused_with={"objective": ("elbo",)}
    )
    noise_stddev: float = setting(
        0.0866,
        "Standard deviation of the pixels' noise with --objective=elbo.",
        positive=True,
        unused_with={"objective": ("geco",)},
    )
    variance_bounds: tuple[float, float] = setting(
        (1e-3, 10.0), "Smooth lower and upper bound of the encoder's variances.", increasing=True
    )
    characters_per_batch: int = setting(5, "Characters per step, each with all its training poses.", lower=1)
    final_characters_per_batch: int = setting(
        25,
        "Characters per step at the end: over the second half of the epochs batches double up to it. Set to "
        "--characters_per_batch or less to keep the size constant.",
        lower=0,
    )
    epochs: int = setting(8, "Number of passes through the data.", lower=1)
    evaluate_every: int = setting(4, "Epochs between evaluations on unseen characters.", lower=1)
    optimizer: str = setting("soap", "The optimiser.", choices=schedule.OPTIMIZERS)
    learning_rate: float = setting(5e-3, "Initial learning rate.", positive=True)
    final_learning_rate: float = setting(
        5e-5, "Learning rate at the end of a cosine decay over all steps.", positive=True
    )
    clip_norm: float = setting(
        0.1,
        "Clip the global norm of the gradient to this value; inf switches clipping off.",
        positive=True,
        finite=False,
    )
    adam_beta_2: float = setting(0.99, "Decay rate of the optimiser's second moments.", fraction=True)
    pretrain_epochs: int = setting(
        0,
        "Passes, before training, that teach the representation network to tell characters apart.",
        lower=0,
    )
    pretrain_learning_rate: float = setting(
        1e-2, "Learning rate of Adam in --pretrain_epochs.", positive=True, unused_with={"pretrain_epochs": (0,)}
    )
    num_context: int = setting(36, "Number of frames from which the style of an unseen character is read.", lower=1)
    context: str = setting(
        "random", "Which frames these are: drawn at random, or those of the first poses.", choices=CONTEXTS
    )
    seed: int = setting(0, "Seed of weights, batches, context frames and latent samples.", lower=0)

    def check(self) -> None:
        """Raise ValueError, in one line, for settings that cannot work."""
        super().check()
        if self.data is None and self.train_characters < 2:
            raise ValueError("--train_characters must be at least 2: style cannot be learned from a single character")
        if self.pose_size > NUM_POSES:
            raise ValueError(f"--pose_size={self.pose_size} is more than the {NUM_POSES} poses")
        if self.data is not None and self.sheets is not None:
            raise ValueError("give either --data, a folder of shards, or --sheets, the sprite sheets themselves")
        if self.data is None and self.train_characters >= self.characters:
            raise ValueError(
                f"--train_characters={self.train_characters} leaves none of the {self.characters} characters to test"
            )
        if self.epochs % self.evaluate_every:
            raise ValueError(f"--epochs={self.epochs} must be a multiple of --evaluate_every={self.evaluate_every}")


define_flags = Settings.define_flags
settings_from_flags = Settings.from_flags

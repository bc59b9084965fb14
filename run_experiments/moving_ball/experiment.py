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

import svgp_vae_tf as svgp
from data_generators import moving_ball as data
from run_experiments.common import distributed as distribute
from run_experiments.common import figures, run_folder
from run_experiments.moving_ball import alignment, networks
from run_experiments.moving_ball.settings import KERNELS, Settings
from run_experiments.original.ball import OriginalBallGP
from svgp_vae_tf import callbacks, kernels, priors
from svgp_vae_tf.models import NeuralProcessGPVAE

RMSE_DEFINITION = (
    "sqrt(sum of squared residuals / (2 * videos * frames)) in world units (6.4 pixels), after one affine "
    "least-squares fit of the posterior means to the true paths of the same test videos"
)
NUM_LATENTS = 2
TEST_SEED = 20_201_026


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
    if settings.model == "neural_process":
        return NeuralProcessGPVAE(encoder, decoder, kernel=kernel, **shared)
    first, last = settings.inducing_range or (0.0, settings.num_frames - 1.0)
    points = np.linspace(first, last, settings.num_inducing)[:, np.newaxis]
    if settings.bound == "original":
        prior = OriginalBallGP(
            kernel, points, train_inducing_points=settings.train_inducing, inducing_scale=settings.inducing_unit,
            jitter=settings.jitter,
        )  # fmt: skip
        return svgp.LatentModel(encoder, decoder, prior, **shared)
    return svgp.SVGPVAE(
        encoder, decoder, kernel=kernel, inducing_points=points, bound=settings.bound,
        train_inducing_points=settings.train_inducing, inducing_scale=settings.inducing_unit, jitter=settings.jitter,
        **shared,
    )  # fmt: skip


def test_rmse(model: svgp.LatentModel, test: data.Videos) -> float:
    """RMSE of the posterior means on test videos, see RMSE_DEFINITION."""
    return alignment.align(model.posterior_latents(test.times, test.frames).mean, test.paths).rmse


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
    means = model.encode(data.render(places)).mean
    fit = alignment.align(model.posterior_latents(test.times, test.frames).mean, test.paths)
    return figures.lattice(places, fit(np.asarray(means)))


def inferred_paths(model: svgp.LatentModel, test: data.Videos) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and covariances of the ball's place, mapped to world units."""
    latents = model.posterior_latents(test.times, test.frames)
    fit = alignment.align(latents.mean, test.paths)
    return fit(latents.mean), fit.covariances(latents.variance)


def run(
    settings: Settings,
    output_dir: str,
    resume: bool = False,
    verbose: int | str = "auto",
    distribution: str = "none",
) -> dict[str, Any]:
    """Train, evaluate and leave a run folder behind. Returns the metrics.

    Raises:
        ValueError: for settings that cannot work.
        RunFolderError: if the folder cannot be used.
        WorkerLostError: when another worker dies.
    """
    settings.check()
    with distribute.team(distribution) as team:
        with team.strategy.scope():
            model = build_model(settings)  # first, for settings that cannot work leave no folder behind
        folder = team.folder(output_dir, resume)
        # a longer run is the same run going on, unless the learning rate falls over its whole length
        folder.start(dataclasses.asdict(settings), ("steps",) if settings.final_learning_rate is None else ())
        test = data.videos(settings.num_test_videos, settings.num_frames, settings.data_length_scale, TEST_SEED)
        if resume and os.path.exists(folder.checkpoint):
            folder.load_checkpoint(model)
            folder.check_history(callbacks.steps_done(model))
        start = callbacks.steps_done(model)
        team.check_start(start, dataclasses.asdict(settings))
        if start < settings.steps:
            _train(model, settings, folder, test, start, team.verbose(verbose))
        return _report(model, settings, folder, test)


def _train(
    model: svgp.LatentModel,
    settings: Settings,
    folder: run_folder.RunFolder,
    test: data.Videos,
    start: int,
    verbose: Any,
) -> None:
    epoch = settings.epoch_steps
    if start % epoch:
        raise run_folder.RunFolderError(
            f"the run in {folder.path} has {start} steps, no whole number of epochs of {epoch}"
        )
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
    fit = alignment.align(model.posterior_latents(test.times, test.frames).mean, test.paths)
    elbo = model.evaluate(test.times, test.frames, batch_size=50, verbose=0, return_dict=True)
    metrics = {
        "steps": callbacks.steps_done(model),
        "rmse": fit.rmse,
        "rmse_per_point": fit.rmse_per_point,
        "rmse_definition": RMSE_DEFINITION,
        "test": {name: float(value) for name, value in elbo.items()},
        **gp_numbers(model),
    }
    model.condition(test.times, test.frames)
    folder.save_model(model)
    return folder.write_metrics(metrics)


def said(metrics: dict[str, Any]) -> str:
    """The closing message of a run."""
    return f"RMSE {metrics['rmse']:.4f} after {metrics['steps']} steps ({RMSE_DEFINITION})"

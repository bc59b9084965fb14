r"""Moving ball: recover the path of a ball from a video (paper, section 4.1).

    python -m run_experiments.moving_ball --model=svgpvae --num_inducing=15 --output_dir=runs/svgpvae

Every step trains on a batch of fresh videos. Every 1,000 steps (an epoch) the posterior means of fixed test videos are
mapped to the true paths by one affine least-squares fit, and the RMSE per coordinate is recorded next to the ELBO.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import svgp_vae_tf as svgp
from data_generators import moving_ball as videos
from run_experiments.common import figures
from run_experiments.common.run import Experiment, History, Training
from run_experiments.common.run import run as run_experiment
from run_experiments.common.run_folder import RunFolder
from run_experiments.common.schedule import BatchSizeSchedule
from run_experiments.moving_ball import alignment
from run_experiments.moving_ball.model import build_model, gp_parameters
from run_experiments.moving_ball.settings import Settings
from svgp_vae_tf import callbacks

RMSE_DEFINITION = (
    "sqrt(sum of squared residuals / (2 * videos * frames)) in world units (6.4 pixels), after one affine "
    "least-squares fit of the posterior means to the true paths of the same test videos"
)
TEST_SEED = 20_201_026


def align_posterior(model: svgp.LatentModel, test: videos.Videos) -> alignment.Alignment:
    """The affine fit of the posterior means of test videos to their true paths."""
    return alignment.align(model.posterior_latents(test.times, test.frames).mean, test.paths)


def test_rmse(model: svgp.LatentModel, test: videos.Videos) -> float:
    """RMSE of the posterior means of test videos, see `RMSE_DEFINITION`."""
    return align_posterior(model, test).rmse


def inferred_paths(model: svgp.LatentModel, test: videos.Videos) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means (V, T, 2) and covariances (V, T, 2, 2) of the ball's position, in world units."""
    latents = model.posterior_latents(test.times, test.frames)
    fit = alignment.align(latents.mean, test.paths)
    return fit(latents.mean), fit.covariances(latents.variance)


def trajectory_figure(model: svgp.LatentModel, test: videos.Videos, name: str, count: int = 4) -> Figure:
    """True and inferred paths of the first test videos, aligned on all of them."""
    return figures.trajectories(test.frames, test.paths, {name: inferred_paths(model, test)}, count)


def lattice_figure(model: svgp.LatentModel, test: videos.Videos) -> Figure:
    """Where the encoder alone puts balls on a lattice, in world units by the affine fit of the test videos."""
    line = np.linspace(-2.0, 2.0, 9)
    places = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    means = model.encode(videos.render(places)).mean
    return figures.lattice(places, align_posterior(model, test)(np.asarray(means)))


class MovingBall(Experiment[Settings, videos.Videos]):
    """The moving-ball experiment; its data are the test videos, and training videos are generated on the fly."""

    def load_data(self, settings: Settings, folder: RunFolder) -> videos.Videos:
        """The test videos."""
        return videos.videos(settings.num_test_videos, settings.num_frames, settings.data_length_scale, TEST_SEED)

    def build_model(self, settings: Settings, data: videos.Videos, pretrained: Any) -> svgp.LatentModel:
        """The compiled model."""
        return build_model(settings)

    def changeable_settings(self, settings: Settings) -> tuple[str, ...]:
        """The length of a run, unless the learning rate depends on it."""
        return ("steps",) if settings.final_learning_rate is None else ()

    def training(self, settings: Settings, data: videos.Videos) -> Training:
        """Epochs of equal length."""
        epochs = -(-settings.steps // settings.epoch_steps)
        return Training(BatchSizeSchedule.constant(epochs, settings.batch_size, settings.epoch_steps))

    def batches(self, settings: Settings, data: videos.Videos, batch_size: int, first_epoch: int) -> tf.data.Dataset:
        """Fresh videos."""
        start = first_epoch * settings.epoch_steps
        return videos.stream(batch_size, settings.num_frames, settings.data_length_scale, settings.seed, start=start)

    def evaluate(self, model: svgp.LatentModel, settings: Settings, data: videos.Videos) -> dict[str, float]:
        """The RMSE of the test videos."""
        return {"rmse": test_rmse(model, data)}

    def parameters(self, model: svgp.LatentModel) -> dict[str, float]:
        """Kernel parameters and inducing points."""
        return gp_parameters(model)

    def pictures(self, model: svgp.LatentModel, settings: Settings, data: videos.Videos) -> Mapping[str, Figure]:
        """Trajectories of test videos."""
        return {"trajectories": trajectory_figure(model, data, settings.model)}

    def condition(self, model: svgp.LatentModel, data: videos.Videos) -> None:
        """Condition on the test videos."""
        model.condition(data.times, data.frames)

    def write_figures(
        self,
        model: svgp.LatentModel,
        settings: Settings,
        data: videos.Videos,
        history: History,
        folder: RunFolder,
    ) -> None:
        """The lattice, training curves, and parameters of the GP over the steps."""
        figures.save(lattice_figure(model, data), folder.figure("lattice"))
        figures.save(figures.curves(history, ("elbo", "log_likelihood", "kl", "rmse")), folder.figure("curves"))
        steps = np.array([row["step"] for row in history])
        for group, ylabel in (("length_scale", "length scale"), ("inducing", "inducing point (frame)")):
            names = [name for name in history[0] if name.startswith(group)]
            if names:
                values = np.array([[row[name] for name in names] for row in history])
                figures.save(figures.lines_over_steps({"": {group: (steps, values)}}, ylabel), folder.figure(group))

    def metrics(
        self, model: svgp.LatentModel, settings: Settings, data: videos.Videos, history: History
    ) -> dict[str, Any]:
        """RMSE and ELBO of the test videos, and the parameters of the GP."""
        fit = align_posterior(model, data)
        elbo = model.evaluate(data.times, data.frames, batch_size=50, verbose=0, return_dict=True)
        return {
            "steps": callbacks.steps_done(model),
            "rmse": fit.rmse,
            "rmse_per_point": fit.rmse_per_point,
            "rmse_definition": RMSE_DEFINITION,
            "test": {name: float(value) for name, value in elbo.items()},
            **gp_parameters(model),
        }


def run(
    settings: Settings,
    output_dir: str,
    resume: bool = False,
    verbose: int | str = "auto",
    distribution: str = "none",
) -> dict[str, Any]:
    """Train, evaluate and write a run folder; see `run_experiments.common.run.run`."""
    return run_experiment(MovingBall(), settings, output_dir, resume, verbose, distribution)


def summary(metrics: dict[str, Any]) -> str:
    """The closing message of a run."""
    return f"RMSE {metrics['rmse']:.4f} after {metrics['steps']} steps ({RMSE_DEFINITION})"

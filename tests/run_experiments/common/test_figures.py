"""Figures are values: they are returned, drawn without pyplot, and leave no global state."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from data_generators import moving_ball
from run_experiments.common import figures

VIDEOS = moving_ball.videos(3, 6)
HISTORY = [{"step": 2, "loss": 5.0, "kl": 1.0}, {"step": 4, "loss": 3.0, "kl": 2.0}]


def trajectories(count: int = 2) -> Figure:
    covariances = np.broadcast_to(np.diag([0.04, 0.25]), (3, 6, 2, 2))
    inferred = {"with": (VIDEOS.paths + 0.1, covariances), "without": (VIDEOS.paths, None)}
    return figures.trajectories(VIDEOS.frames, VIDEOS.paths, inferred, count)


FIGURES = {
    "trajectories": (trajectories, 6),
    "trajectories of fewer videos": (lambda: trajectories(9), 9),
    "curves": (lambda: figures.curves(HISTORY, ["loss", "kl", "not there"]), 2),
    "lines_over_steps": (
        lambda: figures.lines_over_steps({"a": {"x": (np.arange(3), np.ones((3, 2)))}, "b": {}}, "value", truth=2.0),
        2,
    ),
    "against_inducing_points": (lambda: figures.against_inducing_points([(4, 0.2), (8, 0.1)], {"VAE": 0.4}, "rmse"), 1),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_returned_and_saved(name, tmp_path):
    make, panels = FIGURES[name]
    settings = dict(matplotlib.rcParams)
    figure = make()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == panels
    figures.save(figure, str(tmp_path / "figure.png"))
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == settings
    assert pyplot.get_fignums() == []


def test_rows_go_down_in_trajectories():
    axis = trajectories().axes[1]
    line = axis.lines[0]
    np.testing.assert_allclose(line.get_xdata(), VIDEOS.paths[0, :, 1])
    np.testing.assert_allclose(line.get_ydata(), VIDEOS.paths[0, :, 0])
    bottom, top = axis.get_ylim()
    assert bottom > top


def test_ellipses_are_one_standard_deviation_wide():
    ellipses = [patch for patch in trajectories().axes[1].patches if isinstance(patch, Ellipse)]
    assert len(ellipses) == 2  # every third of six points
    points = ellipses[0].get_patch_transform().transform(ellipses[0].get_path().vertices)
    half_widths = np.ptp(points, axis=0) / 2.0  # right, down
    np.testing.assert_allclose(half_widths, [0.5, 0.2], rtol=0.02)


def test_a_tilted_ellipse():
    covariances = np.broadcast_to([[1.0, 0.8], [0.8, 1.0]], (3, 6, 2, 2))
    figure = figures.trajectories(VIDEOS.frames, VIDEOS.paths, {"one": (VIDEOS.paths, covariances)}, 1)
    ellipse = next(patch for patch in figure.axes[1].patches if isinstance(patch, Ellipse))
    assert ellipse.width == pytest.approx(2 * np.sqrt(1.8))
    assert ellipse.height == pytest.approx(2 * np.sqrt(0.2))
    assert ellipse.angle % 180 == pytest.approx(45.0)


def test_later_frames_are_darker():
    frames = np.zeros((4, 2, 2))
    frames[0, 0, 0] = frames[3, 1, 1] = frames[0, 1, 1] = 1.0
    np.testing.assert_allclose(figures.overlay(frames), [[0.25, 0.0], [0.0, 1.0]])


def test_curves_show_the_numbers_against_the_step():
    loss, kl = figures.curves(HISTORY, ["loss", "kl"]).axes
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), [2, 4])
    np.testing.assert_array_equal(kl.lines[0].get_ydata(), [1.0, 2.0])

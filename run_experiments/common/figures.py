"""Figures of the experiments; each function returns a matplotlib `Figure` and uses no global plotting state."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from svgp_vae_tf import files

TRUE_COLOUR, INFERRED_COLOUR = "tab:blue", "tab:orange"


def overlay(frames: np.ndarray) -> np.ndarray:
    """Frames (T, H, W) overlaid in one image (H, W): 0 where all are empty, up to 1 in the last frame."""
    shades = (np.arange(1, len(frames) + 1) / len(frames))[:, np.newaxis, np.newaxis]
    return np.max(frames * shades, axis=0)


def trajectories(
    videos: np.ndarray, paths: np.ndarray, inferred: Mapping[str, tuple[np.ndarray, np.ndarray | None]], count: int = 4
) -> Figure:
    """Overlaid videos next to true and inferred paths: one row for each video, one column for each model.

    Args:
        videos: frames (V, T, H, W).
        paths: true paths (V, T, 2), the first coordinate down the rows.
        inferred: for each model name, inferred paths (V, T, 2) and their covariances (V, T, 2, 2) or None.
        count: number of videos to draw.
    """
    count = min(count, len(videos))
    figure = Figure(figsize=(2.4 * (1 + len(inferred)), 2.4 * count + 0.4), layout="constrained")
    grid = figure.subplots(count, 1 + len(inferred), squeeze=False)
    for row in range(count):
        grid[row, 0].imshow(overlay(videos[row]), cmap="Greys", vmin=0, vmax=1)
        _bare(grid[row, 0])
        for axis, (name, (estimate, covariance)) in zip(grid[row, 1:], inferred.items(), strict=True):
            _path(axis, paths[row], TRUE_COLOUR, "true")
            _path(axis, estimate[row], INFERRED_COLOUR, "inferred")
            if covariance is not None:
                _ellipses(axis, estimate[row], covariance[row])
            axis.set(xlim=(-2.6, 2.6), ylim=(2.6, -2.6), aspect="equal")  # as in the image, rows go down
            _bare(axis)
            if row == 0:
                axis.set_title(name)
    grid[0, 0].set_title("video")
    if inferred:
        grid[0, 1].legend(fontsize="x-small", loc="upper left")
    return figure


def lattice(places: np.ndarray, found: np.ndarray) -> Figure:
    """A square lattice of positions and its image under a model, which shows curvature of the latent space.

    Args:
        places: true positions (n, n, 2), the first coordinate down.
        found: the model's positions, in the same units and shape.
    """
    figure = Figure(figsize=(4.0, 4.0), layout="constrained")
    axis = figure.subplots()
    for points, colour, label in ((places, TRUE_COLOUR, "true"), (found, INFERRED_COLOUR, "encoded")):
        for lines in (points, points.swapaxes(0, 1)):
            drawn = axis.plot(lines[..., 1], lines[..., 0], color=colour, linewidth=1)
        drawn[0].set_label(label)
    axis.set(aspect="equal", xlabel="across (world units)", ylabel="down (world units)")
    axis.invert_yaxis()
    axis.legend(loc="upper left", fontsize="small")
    return figure


def _path(axis: Any, path: np.ndarray, colour: str, label: str) -> None:
    axis.plot(path[:, 1], path[:, 0], color=colour, linewidth=1.5, label=label)
    axis.plot(path[-1, 1], path[-1, 0], "o", color=colour, markersize=4)


def _ellipses(axis: Any, path: np.ndarray, covariances: np.ndarray) -> None:
    """Ellipses of one standard deviation, at every third point."""
    for (down, right), covariance in list(zip(path, covariances, strict=True))[::3]:
        values, vectors = np.linalg.eigh(covariance[::-1, ::-1])  # (right, down), as drawn
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        width, height = 2.0 * np.sqrt(np.maximum(values[::-1], 0.0))
        axis.add_patch(Ellipse((right, down), width, height, angle=angle, color=INFERRED_COLOUR, alpha=0.25))


def _bare(axis: Any) -> None:
    axis.set_xticks([])
    axis.set_yticks([])


def curves(history: Sequence[Mapping[str, float]], names: Sequence[str]) -> Figure:
    """Numbers of a training history against the step, one panel for each; rows may lack some of them."""
    names = [name for name in names if any(name in row for row in history)]
    figure = Figure(figsize=(3.2 * len(names), 2.8), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        points = [(row["step"], row[name]) for row in history if name in row]
        axis.plot(*zip(*points, strict=True))
        axis.set(title=name.replace("_", " "), xlabel="step")
        axis.grid(alpha=0.3)
    return figure


def lines_over_steps(
    panels: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], ylabel: str, truth: float | None = None
) -> Figure:
    """Panels of labelled lines over the steps of training.

    Args:
        panels: for each title and label, steps (n,) and values (n,), or (n, k) for k lines with one label.
        ylabel: label of the values.
        truth: a value to mark, or None.
    """
    figure = Figure(figsize=(4.2 * len(panels), 3.4), layout="constrained")
    for axis, (title, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for i, (label, (steps, values)) in enumerate(lines.items()):
            drawn = axis.plot(steps, values, color=f"C{i}", linewidth=1)
            drawn[0].set_label(label)
        if truth is not None:
            axis.axhline(truth, color="black", linestyle=":", label="true")
        axis.set(title=title, xlabel="step", ylabel=ylabel)
        if len(lines) > 1 or truth is not None:
            axis.legend(fontsize="small")
        axis.grid(alpha=0.3)
    return figure


def against_inducing_points(
    points: Sequence[tuple[int, float]],
    baselines: Mapping[str, float],
    ylabel: str,
    floors: Mapping[int, float] | None = None,
) -> Figure:
    """A measure against the number m of inducing points.

    Args:
        points: pairs (m, value).
        baselines: values by name, drawn as horizontal lines.
        ylabel: label of the values.
        floors: for each m the lowest possible value, or None.
    """
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axis = figure.subplots()
    axis.plot([m for m, _ in points], [value for _, value in points], "o-", label="SVGP-VAE")
    if floors:
        axis.plot(list(floors), list(floors.values()), "k:", label="lowest possible with m points")
    for i, (name, value) in enumerate(baselines.items(), start=1):
        axis.axhline(value, color=f"C{i}", linestyle="--", label=name)
    axis.set(xlabel="inducing points m", ylabel=ylabel, ylim=(0, None))
    axis.legend(fontsize="small")
    axis.grid(alpha=0.3)
    return figure


def save(figure: Figure, path: str) -> None:
    """Write a figure as PNG; OSError if it cannot be written, and the file that was there is kept."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    files.replace(path, content.getvalue())


def image_rows(rows: Mapping[str, np.ndarray]) -> Figure:
    """Rows of images, one below the other; grey images share one scale from 0 (white) to 1 (black).

    Args:
        rows: for each name, images (n, H, W), (n, H, W, 1) or, with colours from 0 to 1, (n, H, W, 3); n is the same
            in all rows.
    """
    count = len(next(iter(rows.values())))
    figure = Figure(figsize=(0.9 * count + 0.8, 0.95 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), count, squeeze=False)
    for axes, (name, images) in zip(grid, rows.items(), strict=True):
        for axis, image in zip(axes, images, strict=True):
            pixels = np.clip(image, 0.0, 1.0) if image.shape[2:] == (3,) else np.reshape(image, image.shape[:2])
            axis.imshow(pixels, cmap="Greys", vmin=0.0, vmax=1.0)
            _bare(axis)
        axes[0].set_ylabel(name.replace(", ", ",\n"), fontsize="small")
    return figure


def against_epochs(lines: Mapping[str, Sequence[tuple[float, float]]], ylabel: str, mark: float) -> Figure:
    """Measures during training; runs that differ only in their seed share a colour.

    Args:
        lines: pairs (epoch, value) by name; names that agree before "_seed" share a colour.
        ylabel: label of the values.
        mark: a value to mark with a horizontal line.
    """
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axis = figure.subplots()
    kinds = list(dict.fromkeys(name.rsplit("_seed", 1)[0] for name in lines))
    for kind in kinds:
        same = [values for name, values in lines.items() if name.rsplit("_seed", 1)[0] == kind]
        for i, values in enumerate(same):
            x, y = zip(*values, strict=True)
            axis.plot(x, y, color=f"C{kinds.index(kind)}", linewidth=1, label=None if i else kind.replace("_", " "))
    axis.axhline(mark, color="black", linestyle=":", label=f"{mark:g}")
    axis.set(xlabel="epoch", ylabel=ylabel, yscale="log", xscale="log")
    axis.yaxis.set_minor_formatter("{x:.2f}")
    axis.yaxis.set_major_formatter("{x:.2f}")
    axis.legend(fontsize="small")
    axis.grid(alpha=0.3, which="both")
    return figure


def labelled_points(lines: Mapping[str, Sequence[tuple[float, float, str]]], xlabel: str, ylabel: str) -> Figure:
    """Lines through labelled points (x, y, label)."""
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axis = figure.subplots()
    for name, points in lines.items():
        axis.plot([x for x, _, _ in points], [y for _, y, _ in points], "o-", label=name)
        for x, y, label in points:
            axis.annotate(label, (x, y), textcoords="offset points", xytext=(4, 5), fontsize="small")
    axis.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, None))
    axis.legend(fontsize="small")
    axis.grid(alpha=0.3)
    return figure


def panels_against(
    xlabel: str, x: Sequence[float], panels: Mapping[str, Sequence[float]], logarithmic: bool = False
) -> Figure:
    """One panel for each measure against x; axes of values start at zero, or all axes are logarithmic."""
    figure = Figure(figsize=(3.4 * len(panels), 3.0), layout="constrained")
    for axis, (title, values) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        axis.plot(x, values, "o-")
        axis.set(title=title, xlabel=xlabel)
        if logarithmic:
            axis.set(xscale="log", yscale="log")
        else:
            axis.set(ylim=(0, None))
        axis.grid(alpha=0.3, which="both")
    return figure

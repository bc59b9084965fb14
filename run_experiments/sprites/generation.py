"""Generating frames of unseen characters: context frames give a style, and the model any pose in that style."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import svgp_vae_tf as svgp
from data_generators.sprites import dataset
from svgp_vae_tf import features

MSE_DEFINITION = (
    "mean squared error per value, colours from 0 to 255/256, over the frames of unseen characters that are not context"
)
BLOCK = 8
"""Characters that are generated at once."""


class Unseen(NamedTuple):
    """Frames of some characters that training never saw: their context, and the target frames to generate.

    Images have shape (n, 64, 64, 3), poses and characters (n,).
    """

    context_images: np.ndarray
    context_poses: np.ndarray
    context_characters: np.ndarray
    target_images: np.ndarray
    target_poses: np.ndarray
    target_characters: np.ndarray


def unseen(
    sprites: dataset.SpriteSet, num_context: int, choice: str, seed: int, block: int = BLOCK
) -> Iterator[Unseen]:
    """The unseen characters, some at a time.

    Args:
        sprites: the data.
        num_context: context frames of each character; all other frames are targets.
        choice: "first" in the order of poses, or "random", drawn separately for each character.
        seed: seed of the draws.
        block: characters at a time.

    Raises:
        ValueError: if a character would have no context, or no target frames.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    for group in sprites.characters("test"):
        images, poses = dataset.scaled(group["frames"]).numpy(), group["pose"].numpy()
        character = int(group["character"])
        if not 1 <= num_context < len(poses):
            raise ValueError(
                f"--num_context={num_context} must be at least 1 and leave some of the {len(poses)} frames of "
                f"character {character} to generate"
            )
        order = np.arange(len(poses))
        if choice == "random":
            order = np.random.default_rng((seed, character)).permutation(len(poses))
        context, target = np.sort(order[:num_context]), np.sort(order[num_context:])
        ids = np.full(len(poses), character)
        parts.append((images[context], poses[context], ids[context], images[target], poses[target], ids[target]))
        if len(parts) == block:
            yield Unseen(*(np.concatenate(part) for part in zip(*parts, strict=True)))
            parts = []
    if parts:
        yield Unseen(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def target_aux(model: svgp.SVGPVAE, some: Unseen) -> dict[str, np.ndarray]:
    """Auxiliary data of the target frames: poses, and styles from the context."""
    return _aux(model, some, some.target_poses, some.target_characters)


def context_aux(model: svgp.SVGPVAE, some: Unseen) -> dict[str, np.ndarray]:
    """Auxiliary data of the context frames, with the same styles."""
    return _aux(model, some, some.context_poses, some.context_characters)


def _aux(model: svgp.SVGPVAE, some: Unseen, poses: np.ndarray, characters: np.ndarray) -> dict[str, np.ndarray]:
    ids, styles = model.auxiliary.pool(some.context_images, some.context_characters)
    return {"pose": poses.astype(np.float32), "style": features.gather_groups(characters, ids, styles)}


class Errors(NamedTuple):
    """Errors of the generated frames, and variances of their latents."""

    mse_mean: float
    """Error at the posterior mean of the latents."""
    mse_sampled: float
    """Error with one sample of the latents."""
    mse_by_pose: np.ndarray
    """Error at the posterior mean, (72,); NaN for poses without target frames."""
    mse_without_repeats: float
    """Error at the posterior mean, over target frames that differ from every context frame of their character."""
    share_of_repeats: float
    """Fraction of target frames that equal a context frame (poses of the LPC sheets repeat pictures)."""
    smallest_variance: float
    """Smallest predictive variance of a latent."""
    smallest_unexplained: float
    """Smallest part of these variances that the inducing points leave unexplained, before it is cut off at zero, see
    `SparseGP.unexplained_variance`."""


def generation_errors(model: svgp.SVGPVAE, blocks: Iterator[Unseen], seed: int) -> Errors:
    """Errors of a conditioned model on unseen characters; block i is sampled with ``seed + i``."""
    sums, counts, sampled = np.zeros(dataset.NUM_POSES), np.zeros(dataset.NUM_POSES), 0.0
    new_sum, new_count = 0.0, 0
    smallest, unexplained = np.inf, np.inf
    for i, some in enumerate(blocks):
        aux = target_aux(model, some)
        smallest = min(smallest, float(model.predict_latent(aux).variance.min()))
        unexplained = min(unexplained, float(np.min(model.prior.unexplained_variance(model.features(aux)))))
        error = np.mean(np.square(model.predict(aux, verbose=0) - some.target_images), axis=(1, 2, 3))
        np.add.at(sums, some.target_poses, error)
        np.add.at(counts, some.target_poses, 1)
        new = ~repeats(some)
        new_sum, new_count = new_sum + float(error[new].sum()), new_count + int(new.sum())
        draw = model.sample(aux, joint=False, seed=seed + i)[0]
        sampled += float(np.mean(np.square(draw - some.target_images), axis=(1, 2, 3)).sum())
    by_pose = np.divide(sums, counts, out=np.full(dataset.NUM_POSES, np.nan), where=counts > 0)
    total = counts.sum()
    without = new_sum / new_count if new_count else np.nan
    shares = without, 1.0 - new_count / total
    return Errors(float(sums.sum() / total), sampled / total, by_pose, *shares, smallest, unexplained)


def repeats(some: Unseen) -> np.ndarray:
    """Which target frames equal a context frame of their character, (n,)."""
    context = {(c, image.tobytes()) for c, image in zip(some.context_characters, some.context_images, strict=True)}
    targets = zip(some.target_characters, some.target_images, strict=True)
    return np.array([(c, image.tobytes()) in context for c, image in targets])


def baselines(blocks: Iterator[Unseen], mean_frames: np.ndarray) -> dict[str, float]:
    """Errors of predictions that need no model.

    Args:
        blocks: unseen characters.
        mean_frames: mean frame of each pose over the training characters, (72, 64, 64, 3).

    Returns:
        ``mean_character``: the mean frame of the pose; ``nearest_context``: the character's own context frame whose
        pose is nearest, by the distance between the mean frames of poses; and both ``..._without_repeats``, over
        frames that differ from every context frame of their character.
    """
    flat = mean_frames.reshape(len(mean_frames), -1)
    distances = np.linalg.norm(flat[:, np.newaxis] - flat, axis=-1)
    errors: dict[str, list[np.ndarray]] = {"mean_character": [], "nearest_context": []}
    new: list[np.ndarray] = []
    for some in blocks:
        repeated = repeats(some)
        for character in np.unique(some.target_characters):
            target, context = some.target_characters == character, some.context_characters == character
            truth, poses = some.target_images[target], some.target_poses[target]
            nearest = np.argmin(distances[np.ix_(poses, some.context_poses[context])], axis=1)
            for name, prediction in (
                ("mean_character", mean_frames[poses]),
                ("nearest_context", some.context_images[context][nearest]),
            ):
                errors[name].append(np.mean(np.square(prediction - truth), axis=(1, 2, 3)))
            new.append(~repeated[target])
    per_frame = {name: np.concatenate(parts) for name, parts in errors.items()}
    kept = np.concatenate(new)
    means = {name: float(error.mean()) for name, error in per_frame.items()}
    without = {f"{n}_without_repeats": float(e[kept].mean()) if kept.any() else np.nan for n, e in per_frame.items()}
    return means | without


def rows_of_characters(model: svgp.SVGPVAE, some: Unseen, characters: int = 3, poses: int = 12) -> dict[str, Any]:
    """Rows of frames of some unseen characters, each above what a conditioned model generates."""
    rows = {}
    generated = model.predict(target_aux(model, some), verbose=0)
    for i, character in enumerate(np.unique(some.target_characters)[:characters]):
        target = np.flatnonzero(some.target_characters == character)
        chosen = target[np.linspace(0, len(target) - 1, min(poses, len(target))).astype(int)]
        rows[f"truth {i + 1}"], rows[f"generated {i + 1}"] = some.target_images[chosen], generated[chosen]
    return rows

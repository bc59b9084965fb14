"""The model of the sprites experiment: poses as a GP-LVM, styles from a representation network."""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import svgp_vae_tf as svgp
from data_generators.sprites import dataset
from run_experiments.common import schedule
from run_experiments.sprites import networks
from run_experiments.sprites.settings import Settings
from svgp_vae_tf import features, kernels, likelihoods, objectives


class FrameSummary(NamedTuple):
    """Averages over the training frames."""

    mean_frames: np.ndarray
    """Mean frame of each pose over all characters, (72, 64, 64, 3)."""
    styles: np.ndarray
    """Mean representation vector of each training character, (characters, M)."""


def build_model(
    settings: Settings, sprites: dataset.SpriteSet, pretrained: list[np.ndarray] | None = None
) -> svgp.SVGPVAE:
    """The compiled model of a run, with a built optimiser.

    Args:
        settings: the settings of the run.
        sprites: the data.
        pretrained: weights of the representation network, see `pretrained_weights`.

    Raises:
        ValueError: for settings that cannot work.
    """
    settings.check()
    keras.utils.set_random_seed(settings.seed)
    network = representation(settings)
    encoder = networks.sprites_encoder(settings.num_latents)
    decoder = networks.sprites_decoder(settings.num_latents)
    if pretrained is not None:
        network.set_weights(pretrained)
    frames = summarise_frames(sprites, network)
    standardize(network, frames.styles)
    vectors = principal_scores(frames.mean_frames, settings.pose_size)
    styles = network.layers[-1](frames.styles).numpy()
    poses = features.GPLVM(vectors, names=["pose"])
    model = svgp.SVGPVAE(
        encoder,
        decoder,
        kernel=build_kernel(settings),
        inducing_points=inducing_points(vectors, styles, settings.inducing_per_pose, settings.seed),
        inducing_scale=1.0,
        auxiliary=features.PooledFeatures(network, poses, group="character"),
        likelihood=likelihoods.Gaussian(settings.noise_stddev),
        variance_bounds=settings.variance_bounds,
        num_data=sprites.num_frames("train"),
        seed=settings.seed,
    )
    rates = settings.learning_rate, settings.final_learning_rate
    optimizer = schedule.optimizer(
        settings.optimizer, batch_sizes(settings, sprites), *rates, settings.adam_beta_2, settings.clip_norm
    )
    objective = objectives.GECO(settings.tolerance) if settings.objective == "geco" else objectives.ELBO()
    model.compile(optimizer, objective=objective)
    model.optimizer.build(model.trainable_variables)
    return model


def batch_sizes(settings: Settings, sprites: dataset.SpriteSet) -> schedule.BatchSizeSchedule:
    """Characters per batch in each epoch."""
    sizes = settings.characters_per_batch, settings.final_characters_per_batch
    return schedule.BatchSizeSchedule.doubling(len(sprites.ids["train"]), settings.epochs, *sizes)


def build_kernel(settings: Settings) -> kernels.Kernel:
    """The kernel over features (pose vector, style), a product of one kernel for each."""
    pose = range(settings.pose_size)
    style = range(settings.pose_size, settings.pose_size + settings.style_size)
    if settings.kernel == "cosine":
        return kernels.NormalizedLinear(columns=pose) * kernels.NormalizedLinear(columns=style)
    # entries of styles have variance 1: with length scale 1 the kernel of any two characters would be almost zero
    style_kernel = kernels.SquaredExponential(math.sqrt(settings.style_size), columns=style)
    return kernels.SquaredExponential(columns=pose) * style_kernel


def representation(settings: Settings) -> keras.Sequential:
    """The representation network, followed by a fixed shift and scale that `standardize` sets.

    Without them the outputs of an untrained network are nearly parallel (the cosine of two characters is 0.84 to 1),
    and the cosine kernel could not tell characters apart.
    """
    network = networks.representation_network(settings.style_size)
    fixed = keras.layers.BatchNormalization(center=False, scale=False, epsilon=1e-12, trainable=False)
    return keras.Sequential([keras.layers.Input(dataset.SHAPE), *network.layers, fixed], name=network.name)


def standardize(network: keras.Sequential, styles: np.ndarray) -> None:
    """Set the shift and scale of a network so that these outputs (characters, M) get mean 0 and variance 1."""
    variances = styles.var(axis=0)
    # an entry that is the same for all characters stays 0
    network.layers[-1].set_weights([styles.mean(axis=0), np.where(variances > 0, variances, 1.0)])


def summarise_frames(sprites: dataset.SpriteSet, representation: keras.Model) -> FrameSummary:
    """Average the training frames in one pass; a pose without frames gets the mean of all frames."""
    sums, counts = np.zeros((dataset.NUM_POSES, *dataset.SHAPE)), np.zeros(dataset.NUM_POSES)
    styles = []
    for group in sprites.characters("train"):
        frames, poses = dataset.scaled(group["frames"]).numpy(), group["pose"].numpy()
        np.add.at(sums, poses, frames)
        np.add.at(counts, poses, 1)
        styles.append(representation(tf.constant(frames)).numpy().mean(axis=0))
    mean_frames = sums / np.maximum(counts, 1)[:, np.newaxis, np.newaxis, np.newaxis]
    mean_frames[counts == 0] = sums.sum(axis=0) / counts.sum()
    return FrameSummary(mean_frames.astype(np.float32), np.array(styles))


def principal_scores(images: np.ndarray, count: int) -> np.ndarray:
    """Principal component scores (n, count) of images (n, ...), in units of the first one's standard deviation."""
    from sklearn.decomposition import PCA

    scores = PCA(count, svd_solver="full").fit_transform(images.reshape(len(images), -1).astype(np.float64))
    return scores / scores[:, 0].std()


def inducing_points(vectors: np.ndarray, styles: np.ndarray, per_pose: int, seed: int) -> np.ndarray:
    """Initial inducing points (pose vector, style), ``per_pose`` for each pose, (72 per_pose, D).

    Styles are those of training characters, all different as long as there are enough: with one style for all poses
    the rank of K_mm would be at most that of the pose vectors' kernel.
    """
    count = len(vectors) * per_pose
    characters = np.resize(np.random.default_rng(seed).permutation(len(styles)), count)
    return np.column_stack([np.repeat(vectors, per_pose, axis=0), styles[characters]])


def pretrained_weights(settings: Settings, sprites: dataset.SpriteSet) -> list[np.ndarray] | None:
    """Weights of a pretrained representation network, or None without ``pretrain_epochs``.

    It is trained on one device, whatever trains the model; all workers get the same weights.
    """
    if not settings.pretrain_epochs:
        return None
    keras.utils.set_random_seed(settings.seed)
    network = representation(settings)
    pretrain_representation(network, settings, sprites)
    return network.get_weights()


def pretrain_representation(network: keras.Model, settings: Settings, sprites: dataset.SpriteSet) -> dict[str, Any]:
    """Train the network to classify the training characters, with a linear layer that is discarded.

    Batches contain single frames, shuffled among those of some hundred characters, which are shuffled themselves; the
    model is trained on batches of whole characters.

    Returns:
        Keras' history.
    """
    known = list(sprites.ids["train"])
    index = np.full(max(known) + 1, -1, np.int64)
    index[known] = np.arange(len(known))
    batch = min(500, sprites.num_frames("train"))

    def labelled(group: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return group["frames"], tf.repeat(tf.gather(index, group["character"]), tf.size(group["pose"]))

    passes = tf.data.Dataset.range(settings.pretrain_epochs)
    characters = passes.flat_map(lambda e: sprites.characters("train", seed=settings.seed, epoch=e))
    frames = characters.map(labelled).unbatch().shuffle(20 * batch, seed=settings.seed).batch(batch)
    frames = frames.map(lambda images, labels: (dataset.scaled(images), labels))  # the buffer holds bytes
    classifier = keras.Sequential([network, keras.layers.Dense(len(known))])
    classifier.compile(
        keras.optimizers.Adam(settings.pretrain_learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    steps = sprites.num_frames("train") // batch
    history = classifier.fit(frames, epochs=settings.pretrain_epochs, steps_per_epoch=steps, verbose=0, shuffle=False)
    return history.history

"""One run of an experiment: data, model, training, figures and metrics, with everything that resuming needs."""

import abc
import contextlib
import dataclasses
import os
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import tensorflow as tf
from matplotlib.figure import Figure

import svgp_vae_tf as svgp
from run_experiments.common import distributed, figures, provenance, schedule
from run_experiments.common.run_folder import RunFolder, RunFolderError
from svgp_vae_tf import callbacks

History = list[dict[str, Any]]
"""Rows of a run's history.csv, see `svgp_vae_tf.callbacks.read_history`."""


class Settings(Protocol):
    """A dataclass of settings that can check itself."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def check(self) -> None:
        """Raise ValueError for settings that cannot work."""


SettingsT = TypeVar("SettingsT", bound=Settings)
DataT = TypeVar("DataT")


class Training(NamedTuple):
    """How long and in which batches a model is trained, and what happens how often."""

    batch_sizes: schedule.BatchSizeSchedule
    passes: int = 1
    """Passes through the data in one Keras epoch."""
    evaluate_every: int = 1
    """Keras epochs between evaluations."""
    pictures_every: int = 5
    """Keras epochs between pictures for TensorBoard."""
    num_images: int | None = None
    """Images in one pass through the data, if history.csv is to contain throughput and memory."""


class Experiment(abc.ABC, Generic[SettingsT, DataT]):
    """The parts of an experiment. `run` calls its methods in the order in which they are defined here."""

    repeatable: ClassVar[bool] = False
    """Whether to call `provenance.make_repeatable`, as convolutional networks need for bit-exact resuming."""
    history_columns: ClassVar[tuple[str, ...]] = ()
    """Columns of history.csv that the report needs in every row."""

    @abc.abstractmethod
    def load_data(self, settings: SettingsT, folder: RunFolder) -> DataT:
        """The data of a run.

        Args:
            settings: the checked settings.
            folder: the run folder, still without a run: settings and data that cannot work should leave none behind.

        Raises:
            ValueError: for settings or data that cannot work.
        """

    def translate_data_errors(self, data: DataT) -> contextlib.AbstractContextManager[None]:
        """A context in which errors of reading the data, at any time of the run, name the damaged file."""
        return contextlib.nullcontext()

    def pretrain(self, settings: SettingsT, data: DataT) -> Any:
        """Train parts of the model first, on one device; not called when a run resumes from a checkpoint."""
        return None

    @abc.abstractmethod
    def build_model(self, settings: SettingsT, data: DataT, pretrained: Any) -> svgp.LatentModel:
        """The compiled model with a built optimiser.

        Args:
            settings: the settings.
            data: the data.
            pretrained: the result of `pretrain`, or None when a run resumes.
        """

    def set_training_data(self, model: svgp.LatentModel, data: DataT) -> None:
        """Store the training data in a model that needs all of them in every step."""

    def data_digest(self, data: DataT) -> str | None:
        """A digest of the data, if a run may only resume with the same; None if the settings determine the data."""
        return None

    def changeable_settings(self, settings: SettingsT) -> tuple[str, ...]:
        """Names of the settings that may change when a run is resumed."""
        return ()

    @abc.abstractmethod
    def training(self, settings: SettingsT, data: DataT) -> Training:
        """The training schedule."""

    @abc.abstractmethod
    def batches(self, settings: SettingsT, data: DataT, batch_size: int, first_epoch: int) -> tf.data.Dataset:
        """Endless batches (aux, observations) from the start of an epoch on; the same ones whenever they are read."""

    @abc.abstractmethod
    def evaluate(self, model: svgp.LatentModel, settings: SettingsT, data: DataT) -> dict[str, float]:
        """Errors on the test data during training, for history.csv and the progress bar."""

    def parameters(self, model: svgp.LatentModel) -> dict[str, float]:
        """Interpretable parameters of the model by name, for history.csv and TensorBoard."""
        return {}

    def pictures(self, model: svgp.LatentModel, settings: SettingsT, data: DataT) -> Mapping[str, Figure]:
        """Figures by name, for TensorBoard during training and for the run folder at the end.

        Args:
            model: the model, after `evaluate` or `condition`.
            settings: the settings.
            data: the data.
        """
        return {}

    @abc.abstractmethod
    def condition(self, model: svgp.LatentModel, data: DataT) -> None:
        """Give the trained model the posterior that its file is to contain."""

    def write_figures(
        self, model: svgp.LatentModel, settings: SettingsT, data: DataT, history: History, folder: RunFolder
    ) -> None:
        """Write further figures of the trained and conditioned model into the run folder."""

    @abc.abstractmethod
    def metrics(self, model: svgp.LatentModel, settings: SettingsT, data: DataT, history: History) -> dict[str, Any]:
        """The contents of metrics.json. The model has been saved and may be changed."""


def run(
    experiment: Experiment[SettingsT, DataT],
    settings: SettingsT,
    output_dir: str,
    resume: bool = False,
    verbose: int | str = "auto",
    distribution: str = "none",
) -> dict[str, Any]:
    """Train and evaluate a model, and write a run folder.

    Args:
        experiment: the experiment.
        settings: its settings, a dataclass with a method `check`.
        output_dir: the run folder.
        resume: whether to continue the run in ``output_dir``, if there is one.
        verbose: as for Keras.
        distribution: one of `distributed.DISTRIBUTIONS`.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        ValueError: for settings or data that cannot work.
        FolderInUseError: if another process is running in the folder.
        RunFolderError: if the folder cannot be used.
        WorkerLostError: when another worker is lost.
    """
    settings.check()
    if experiment.repeatable:
        provenance.make_repeatable()
    # a folder that is taken is refused before any work
    with distributed.worker_group(distribution) as group, group.folder(output_dir, resume) as folder:
        data = experiment.load_data(settings, folder)
        with experiment.translate_data_errors(data):
            model = _start(experiment, settings, data, folder, resume, group)
            _train(experiment, settings, data, folder, model, group.verbose(verbose))
            return _report(experiment, settings, data, folder, model)


def _start(
    experiment: Experiment[SettingsT, DataT],
    settings: SettingsT,
    data: DataT,
    folder: RunFolder,
    resume: bool,
    group: distributed.WorkerGroup,
) -> svgp.LatentModel:
    """Build the model, start the folder and, when resuming, load the checkpoint."""
    resuming = resume and os.path.exists(folder.checkpoint)
    pretrained = None if resuming else experiment.pretrain(settings, data)
    with group.strategy.scope():
        model = experiment.build_model(settings, data, pretrained)
    experiment.set_training_data(model, data)
    values: dict[str, Any] = dataclasses.asdict(settings)
    digest = experiment.data_digest(data)
    folder.start(values, experiment.changeable_settings(settings), digest)
    if resuming:
        folder.load_checkpoint(model)
        folder.check_history(callbacks.steps_done(model), experiment.history_columns)
    group.check_start(callbacks.steps_done(model), values | {"digest": digest})
    return model


def _train(
    experiment: Experiment[SettingsT, DataT],
    settings: SettingsT,
    data: DataT,
    folder: RunFolder,
    model: svgp.LatentModel,
    verbose: int | str,
) -> None:
    training = experiment.training(settings, data)
    _check_whole_epochs(callbacks.steps_done(model), training.batch_sizes, folder)
    throughput = (
        [] if training.num_images is None else [schedule.ThroughputLogger(training.num_images, training.passes)]
    )
    schedule.fit(
        model,
        training.batch_sizes,
        lambda batch_size, first_epoch: experiment.batches(settings, data, batch_size, first_epoch),
        [
            *throughput,
            callbacks.Evaluation(lambda m: experiment.evaluate(m, settings, data), training.evaluate_every),
            callbacks.HistoryFile(folder.history, experiment.parameters),
            callbacks.TensorBoardMonitor(
                folder.tensorboard,
                lambda m: experiment.pictures(m, settings, data),
                training.pictures_every,
                experiment.parameters,
            ),
            callbacks.Checkpoint(folder.checkpoint),
        ],
        training.passes,
        verbose,
    )


def _check_whole_epochs(step: int, batch_sizes: schedule.BatchSizeSchedule, folder: RunFolder) -> None:
    if step < batch_sizes.steps and batch_sizes.step_at(batch_sizes.epoch_at(step)) != step:
        raise RunFolderError(f"the run in {folder.path} has {step} steps, which is not a whole number of epochs")


def _report(
    experiment: Experiment[SettingsT, DataT],
    settings: SettingsT,
    data: DataT,
    folder: RunFolder,
    model: svgp.LatentModel,
) -> dict[str, Any]:
    history = callbacks.read_history(folder.history)
    experiment.condition(model, data)
    for name, figure in experiment.pictures(model, settings, data).items():
        figures.save(figure, folder.figure(name))
    experiment.write_figures(model, settings, data, history, folder)
    folder.save_model(model)
    return folder.write_metrics(experiment.metrics(model, settings, data, history))

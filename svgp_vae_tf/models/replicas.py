"""Training on several replicas as on one device: devices of one machine, or of several workers.

Keras' `fit` does it for the devices of one machine. Among workers its symbolic build and its reduction of logs fail,
and on one machine it splits batches its own way; `Replicas` replaces these parts and leaves the loop, with all
callbacks, to Keras. A model has a `OneDevice` or `Replicas` from its construction on, see `trainer_for`.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from svgp_vae_tf.arrays import is_array_like
from svgp_vae_tf.distribution import sum_over_replicas
from svgp_vae_tf.errors import DataError
from svgp_vae_tf.gp import linalg
from svgp_vae_tf.models import checks
from svgp_vae_tf.models.translation import several_workers

BATCH = 32
"""Keras' own default."""

Data = tuple[Any, Any, dict[str, Any]]
"""x, y and the other arguments of `fit` or `evaluate`."""


def trainer_for(model: Any) -> "OneDevice":
    """The trainer for a model, chosen once by the strategy it is built under."""
    return OneDevice(model) if model.distribute_strategy.num_replicas_in_sync == 1 else Replicas(model)


class OneDevice:
    """Keras' own training.

    Args:
        model: a `LatentModel`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def make_function(self, mode: str, keras_default: Callable[[bool], None], force: bool) -> None:
        """Set the model's function from an iterator of batches to logs; mode is "train" or "test"."""
        keras_default(force)

    def symbolic_build(self, keras_default: Callable[[], None]) -> None:
        """Build whatever is not built before the first step."""
        keras_default()

    def validate(self) -> None:
        """Raise ValueError for settings that several replicas cannot share."""

    def refuse_single_batch(self, method: str, instead: str) -> None:
        """Raise ValueError for methods that would give each replica the whole batch."""

    def split_for_fit(self, x: Any, y: Any, kwargs: dict[str, Any]) -> Data:
        """Arguments of `fit`."""
        return x, y, kwargs

    def split_for_evaluate(self, x: Any, y: Any, kwargs: dict[str, Any]) -> Data:
        """Arguments of `evaluate`."""
        return x, y, kwargs

    def combined(self, gradients: list[tf.Tensor | None]) -> list[tf.Tensor | None]:
        """Gradients to give to the optimiser."""
        if inner_optimizer(self._model.optimizer).global_clipnorm is None:
            return gradients
        return in_one_dtype(gradients)

    def track(self, *tracked: tuple[keras.metrics.Metric, tf.Tensor]) -> None:
        """Update metrics with what examples contribute, (batch,) each."""
        for tracker, values in tracked:
            tracker.update_state(values)


class Replicas(OneDevice):
    """What differs from Keras' training for a model built in the scope of a strategy with several replicas."""

    @property
    def count(self) -> int:
        """Replicas that train the model together."""
        return self._model.distribute_strategy.num_replicas_in_sync

    def make_function(self, mode: str, keras_default: Callable[[bool], None], force: bool) -> None:
        """Set the function from an iterator of distributed batches to the logs, which every replica has of all."""
        model = self._model
        if getattr(model, f"{mode}_function") is None or force:
            setattr(model, f"{mode}_function", self._on_replicas(getattr(model, f"{mode}_step")))

    def _on_replicas(self, step: Callable[[Any], dict[str, tf.Tensor]]) -> Callable[[Any], dict[str, tf.Tensor]]:
        strategy = self._model.distribute_strategy

        @tf.function(reduce_retracing=True, autograph=False)  # autograph would turn an error's line into pages
        def one_step(iterator: Any) -> dict[str, tf.Tensor]:
            logs = strategy.run(step, args=(iterator.get_next(),))
            return tree.map_structure(lambda value: strategy.experimental_local_results(value)[0], logs)

        return one_step

    def symbolic_build(self, keras_default: Callable[[], None]) -> None:
        """Keras' would call the model, which must be conditioned first, and fails on batches of unequal parts."""
        model = self._model
        if not model.built:
            keras_default()
        elif model.optimizer is not None and not model.optimizer.built:
            with model.distribute_strategy.scope():
                model.optimizer.build(model.trainable_variables)

    def validate(self) -> None:
        """Raise ValueError for settings that several replicas cannot share."""
        model = self._model
        self._validate_scope()
        if model.steps_per_execution != 1:
            raise ValueError(f"{self.count} replicas gain nothing by steps_per_execution: leave it out")
        if model.jit_compile is True:
            raise ValueError(f"XLA cannot sum over {self.count} replicas: leave out jit_compile=True")
        if model.run_eagerly:
            raise ValueError(f"{self.count} replicas cannot run eagerly: leave out run_eagerly=True")
        inner = inner_optimizer(model.optimizer)
        if clips(inner) and (inner is not model.optimizer or inner.gradient_accumulation_steps):
            raise ValueError(
                "several replicas cannot clip gradients that are scaled or accumulated: leave out one of the two"
            )
        model.prior.validate_replicas()

    def _validate_scope(self) -> None:
        """Raise ValueError for a variable that the strategy does not know: replicas would each change it."""
        model = self._model
        known = model.distribute_strategy.extended.variable_created_in_scope
        for variable in [*model.variables, *model.optimizer.variables]:
            if not known(variable.value):
                raise ValueError(
                    f"{variable.path} was made outside of the strategy's scope: make networks, kernel, likelihood, "
                    "auxiliary, objective, optimizer and model inside `with strategy.scope():`"
                )

    def refuse_single_batch(self, method: str, instead: str) -> None:
        """Raise ValueError."""
        raise ValueError(f"{method} would give each replica the whole batch: call {instead}")

    def split_for_fit(self, x: Any, y: Any, kwargs: dict[str, Any]) -> Data:
        """Arguments of `fit` with data that are split over the replicas."""
        if kwargs.get("validation_split"):
            raise DataError("several replicas cannot take validation_split: give validation_data")
        shared = {key: value for key, value in kwargs.items() if key != "shuffle"}
        x, steps = self._split(x, y, kwargs, "batch_size", "steps_per_epoch", kwargs.get("shuffle", True))
        shared |= {"batch_size": None, "steps_per_epoch": steps, "shuffle": False}
        held_out = kwargs.get("validation_data")
        if held_out is not None:
            held_x, held_y, _ = keras.utils.unpack_x_y_sample_weight(held_out)
            of_validation = {"validation_batch_size": kwargs.get("batch_size"), **kwargs}
            held_out, steps = self._split(held_x, held_y, of_validation, "validation_batch_size", "validation_steps")
            shared |= {"validation_data": held_out, "validation_batch_size": None, "validation_steps": steps}
        return x, None, shared

    def split_for_evaluate(self, x: Any, y: Any, kwargs: dict[str, Any]) -> Data:
        """Arguments of `evaluate` with data that are split over the replicas."""
        x, steps = self._split(x, y, kwargs, "batch_size", "steps")
        return x, None, {**kwargs, "batch_size": None, "steps": steps}

    def _split(
        self, x: Any, y: Any, kwargs: dict[str, Any], batch_size: str, steps: str, shuffle: bool = False
    ) -> tuple[Any, int | None]:
        """Distributed data and the steps of an epoch; ``batch_size`` and ``steps`` name arguments of Keras'."""
        if is_array_like(x):
            x = as_dataset(x, y, kwargs.get(batch_size), shuffle, self._model.seed)
        return split(x, self._model.distribute_strategy, kwargs.get(steps))

    def combined(self, gradients: list[tf.Tensor | None]) -> list[tf.Tensor | None]:
        """Gradients whose sum over replicas, which the optimiser takes, is the clipped one of the global batch.

        The optimiser alone would clip each replica's part.
        """
        gradients = in_one_dtype(gradients)
        context = tf.distribute.get_replica_context()
        optimizer: Any = self._model.optimizer
        if context is None or context.num_replicas_in_sync == 1 or not clips(optimizer):
            return gradients
        places = [i for i, gradient in enumerate(gradients) if gradient is not None]
        summed = context.all_reduce(tf.distribute.ReduceOp.SUM, [gradients[i] for i in places])
        clipped = iter(optimizer._clip_gradients(summed))
        share = float(context.num_replicas_in_sync)
        return [None if gradient is None else next(clipped) / share for gradient in gradients]

    def track(self, *tracked: tuple[keras.metrics.Metric, tf.Tensor]) -> None:
        """Update metrics on each replica with the mean over the examples of all replicas."""
        sums = [tf.cast(tf.reduce_sum(values), linalg.DTYPE) for _, values in tracked]
        count = tf.cast(tf.shape(tracked[0][1])[0], linalg.DTYPE)
        *totals, total_count = tf.unstack(sum_over_replicas(tf.stack([*sums, count])))
        for (tracker, _), total in zip(tracked, totals, strict=True):
            tracker.update_state(total / total_count, sample_weight=total_count)


def in_one_dtype(gradients: list[tf.Tensor | None]) -> list[tf.Tensor | None]:
    """Cast to float64: sums over replicas and global norms fail on mixed dtypes. The optimiser casts back."""
    return [None if gradient is None else tf.cast(gradient, linalg.DTYPE) for gradient in gradients]


def inner_optimizer(optimizer: Any) -> Any:
    """The optimiser that a loss-scaling optimiser wraps, or the optimiser itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def clips(optimizer: Any) -> bool:
    """Whether an optimiser clips gradients."""
    return any((optimizer.clipnorm, optimizer.global_clipnorm, optimizer.clipvalue))


def in_scope_of_workers() -> bool:
    """Whether the code runs in the scope of a strategy with replicas in other processes."""
    return tf.distribute.has_strategy() and several_workers(tf.distribute.get_strategy())


def as_dataset(x: Any, y: Any, batch_size: int | None, shuffle: bool, seed: int) -> tf.data.Dataset:
    """Batches of arrays, floats in Keras' float type, in an order that is the same on every worker."""
    columns = tree.map_structure(checks.in_keras_floats, (x, y))
    dataset = tf.data.Dataset.from_tensor_slices(columns)
    if shuffle:
        dataset = dataset.shuffle(len(tree.flatten(columns)[0]), seed=seed, reshuffle_each_iteration=True)
    return dataset.batch(BATCH if batch_size is None else batch_size)


def split(dataset: Any, strategy: tf.distribute.Strategy, steps: int | None) -> tuple[Any, int | None]:
    """Give each replica its rows of every global batch: of b rows, replica r of n takes b r // n to b (r + 1) // n.

    Every worker runs the whole input and keeps its own rows, so the data must come in the same order on all of them.

    Args:
        dataset: of global batches, checked; one that is distributed already passes through.
        strategy: the model's.
        steps: batches of an epoch, None for all there are.

    Returns:
        The distributed data set, and how many batches an epoch has, None if only the end will tell.

    Raises:
        DataError: for anything but a data set.
    """
    if isinstance(dataset, tf.distribute.DistributedDataset):
        return dataset, steps
    if not isinstance(dataset, tf.data.Dataset):
        raise DataError("several replicas train on arrays or a tf.data.Dataset, not on generators")
    if steps is None and dataset.cardinality() > 0:
        steps, dataset = int(dataset.cardinality()), dataset.repeat()
    endless = dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    replicas = strategy.num_replicas_in_sync

    def local(context: tf.distribute.InputContext) -> tf.data.Dataset:
        here = replicas // context.num_input_pipelines
        first = here * context.input_pipeline_id

        def parts(*batch: Any) -> tf.data.Dataset:
            rows = tf.shape(tree.flatten(batch[1])[0], out_type=tf.int64)[0]

            def part(replica: tf.Tensor) -> Any:
                own = slice(rows * replica // replicas, rows * (replica + 1) // replicas)
                return tree.map_structure(lambda array: array[own], batch)

            return tf.data.Dataset.range(first, first + here).map(part)

        own = dataset.flat_map(parts).prefetch(here)
        # without an end, workers need not ask each other at every step whether there are data left
        return own.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)) if endless else own

    return strategy.distribute_datasets_from_function(local), steps

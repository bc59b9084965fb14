"""Training on several replicas as on one device: devices of one machine, or of several workers.

Keras' `fit` does it for the devices of one machine. Among workers its symbolic build and its reduction of logs fail,
and on one machine it splits batches its own way; `ReplicaTrainer` replaces these parts and leaves the loop, with all
callbacks, to Keras.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from svgp_vae_tf.errors import DataError, WorkerLostError
from svgp_vae_tf.models import checks

BATCH = 32
"""Keras' own default."""

_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


class ReplicaTrainer(keras.Model):
    """What differs from Keras' training when a model was built in the scope of a strategy with several replicas."""

    batch_rank: int
    seed: int
    train_function: Any
    test_function: Any

    @property
    def num_replicas(self) -> int:
        """Replicas that train this model together."""
        return self.distribute_strategy.num_replicas_in_sync

    def make_train_function(self, force: bool = False) -> Any:
        if self.num_replicas == 1:
            return super().make_train_function(force)
        if self.train_function is None or force:
            self.train_function = self._on_replicas(self.train_step)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        if self.num_replicas == 1:
            return super().make_test_function(force)
        if self.test_function is None or force:
            self.test_function = self._on_replicas(self.test_step)
        return self.test_function

    def _on_replicas(self, step: Callable[[Any], dict[str, tf.Tensor]]) -> Callable[[Any], dict[str, tf.Tensor]]:
        """A function from an iterator of distributed batches to the logs, which every replica knows of all."""
        strategy = self.distribute_strategy

        @tf.function(reduce_retracing=True, autograph=False)  # which would make pages of an error's one line
        def one_step(iterator: Any) -> dict[str, tf.Tensor]:
            logs = strategy.run(step, args=(iterator.get_next(),))
            return tree.map_structure(lambda value: strategy.experimental_local_results(value)[0], logs)

        return one_step

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Keras' would call the model, which must be conditioned first, and would fail on batches of unequal parts."""
        if not self.built:
            super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)
        elif self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def validate_replicas(self) -> None:
        """Raise ValueError for settings that several replicas cannot share."""
        if self.num_replicas == 1:
            return
        self._check_scope()
        if self.steps_per_execution != 1:
            raise ValueError(f"{self.num_replicas} replicas gain nothing by steps_per_execution: leave it out")
        if self.jit_compile is True:
            raise ValueError(f"XLA cannot sum over {self.num_replicas} replicas: leave out jit_compile=True")
        if self.run_eagerly:
            raise ValueError(f"{self.num_replicas} replicas cannot run eagerly: leave out run_eagerly=True")
        optimizer: Any = self.optimizer
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if clips(inner) and (inner is not optimizer or inner.gradient_accumulation_steps):
            raise ValueError(
                "several replicas cannot clip gradients that are scaled or accumulated: leave out one of the two"
            )

    def _check_scope(self) -> None:
        """Raise ValueError for a variable that the strategy does not know: replicas would each change it."""
        known = self.distribute_strategy.extended.variable_created_in_scope
        for variable in [*self.variables, *self.optimizer.variables]:
            if not known(variable.value):
                raise ValueError(
                    f"{variable.path} was made outside of the strategy's scope: make networks, kernel, likelihood, "
                    "auxiliary, objective, optimizer and model inside `with strategy.scope():`"
                )

    def split_for_fit(self, x: Any, y: Any, kwargs: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """Arguments of `fit` with data that are split over the replicas."""
        if self.num_replicas == 1:
            return x, y, kwargs
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

    def split_for_evaluate(self, x: Any, y: Any, kwargs: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """Arguments of `evaluate` with data that are split over the replicas."""
        if self.num_replicas == 1:
            return x, y, kwargs
        x, steps = self._split(x, y, kwargs, "batch_size", "steps")
        return x, None, {**kwargs, "batch_size": None, "steps": steps}

    def _split(
        self, x: Any, y: Any, kwargs: dict[str, Any], batch_size: str, steps: str, shuffle: bool = False
    ) -> tuple[Any, int | None]:
        """Distributed data and the steps of an epoch; ``batch_size`` and ``steps`` name arguments of Keras'."""
        if checks.is_array_like(x):
            x, y = checks.check_arrays(x, y, self.batch_rank)
            x = as_dataset(x, y, kwargs.get(batch_size), shuffle, self.seed)
        return split(x, self.distribute_strategy, kwargs.get(steps))

    def summed_and_clipped(self, gradients: list[tf.Tensor | None]) -> list[tf.Tensor | None]:
        """Gradients whose sum over replicas, which the optimiser takes, is the clipped one of the global batch.

        The optimiser alone would clip each replica's part.
        """
        context = tf.distribute.get_replica_context()
        optimizer: Any = self.optimizer
        if context is None or context.num_replicas_in_sync == 1 or not clips(optimizer):
            return gradients
        places = [i for i, gradient in enumerate(gradients) if gradient is not None]
        summed = context.all_reduce(tf.distribute.ReduceOp.SUM, [gradients[i] for i in places])
        clipped = iter(optimizer._clip_gradients(summed))
        share = float(context.num_replicas_in_sync)
        return [None if gradient is None else next(clipped) / share for gradient in gradients]


def clips(optimizer: Any) -> bool:
    """Whether an optimiser clips gradients."""
    return any((optimizer.clipnorm, optimizer.global_clipnorm, optimizer.clipvalue))


def several_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether replicas are in other processes, too."""
    replicas = strategy.num_replicas_in_sync
    return replicas > 1 and replicas > len(strategy.extended.worker_devices)


def in_scope_of_workers() -> bool:
    """Whether the code stands in the scope of a strategy with replicas in other processes."""
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
        dataset: of global batches; one that is distributed already passes through.
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

        def parts(aux: Any, observations: Any) -> tf.data.Dataset:
            batch = aux, checks.check_batch(aux, observations)
            rows = tf.shape(batch[1], out_type=tf.int64)[0]

            def part(replica: tf.Tensor) -> Any:
                own = slice(rows * replica // replicas, rows * (replica + 1) // replicas)
                return tree.map_structure(lambda array: array[own], batch)

            return tf.data.Dataset.range(first, first + here).map(part)

        own = dataset.flat_map(parts).prefetch(here)
        # no end: workers need not ask each other at every step whether there are data left
        return own.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)) if endless else own

    return strategy.distribute_datasets_from_function(local), steps


@contextlib.contextmanager
def lost_workers_in_one_line(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turn TensorFlow's pages about a collective that was cut off into one line.

    Raises:
        WorkerLostError: when another worker does not answer.
    """
    try:
        yield
    except _LOST as error:
        if not several_workers(strategy):
            raise
        raise WorkerLostError(
            "another worker was lost: see its own output for why, then start all workers again from the last checkpoint"
        ) from error

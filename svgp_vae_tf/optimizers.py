"""The optimizer SOAP, and a piecewise constant learning rate."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from svgp_vae_tf.arguments import finite_array, finite_number, item_list, whole_number

MAX_SIZE = 256
"""Largest number of rows or columns that is rotated by default."""
DAMPING = 1e-5
"""Damping of second-moment matrices, relative to their mean diagonal entry.

Without it, rounding errors would choose the basis of directions that receive no gradient.
"""


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class SOAP(keras.optimizers.Adam):
    """Adam in the eigenbasis of Shampoo's preconditioner.

    Reshape the gradient of a weight to a matrix G whose columns are the last axis. Running averages of its second
    moments on either side have eigenvectors Q_A and Q_C, which rotate it:

        A <- beta_2 A + (1 - beta_2) G G^T,    C <- beta_2 C + (1 - beta_2) G^T G,    G' = Q_A^T G Q_C

    Adam's second moment is that of G', and its step is computed in the rotated basis and rotated back. Every few steps,
    the eigenvectors are updated by one power iteration, Q_A <- qr(A Q_A), and likewise Q_C. There are three differences
    from the authors' implementation: the eigenvectors start at the identity, where SOAP equals Adam; the power
    iteration adds 1e-5 of its mean diagonal entry to the diagonal of A, so that all replicas find the same basis for
    directions without gradient; and epsilon is added where Keras' Adam adds it.

    The gain over Adam is largest for small networks (docs/experiments/rotated_mnist.md), with larger learning rates
    than Adam's.
    Weights with more than `max_size` rows and columns, such as wide dense layers, are updated as by Adam.

    Source: Vyas et al. (2024), "SOAP: Improving and Stabilizing Shampoo using Adam", arXiv:2409.11321.

    Args:
        learning_rate, beta_1, beta_2, epsilon, kwargs: as in `keras.optimizers.Adam`, without `amsgrad`.
        refresh_every: number of steps between updates of the eigenvectors.
        max_size: rows or columns of a weight are not rotated if there are more than this; vectors are never rotated.

    Raises:
        ValueError: for a `refresh_every` or `max_size` that is not a whole number above 0, and for `amsgrad`.

    >>> model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    >>> model.compile(SOAP(1e-2), loss="mse")
    >>> history = model.fit(np.ones((8, 3)), np.ones((8, 2)), epochs=2, verbose=0)
    >>> history.history["loss"][1] < history.history["loss"][0]
    True
    """

    def __init__(
        self,
        learning_rate: Any = 1e-2,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-8,
        refresh_every: int = 5,
        max_size: int = MAX_SIZE,
        name: str = "soap",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, name=name, **kwargs)
        self.refresh_every = whole_number("refresh_every", refresh_every)
        self.max_size = whole_number("max_size", max_size)
        if self.amsgrad:
            raise ValueError("SOAP has no amsgrad: its second moments belong to a basis that changes")

    def build(self, var_list: list[keras.Variable]) -> None:
        """Create the state of each variable: that of Adam, and second moment and eigenvectors of each rotated side."""
        if self.built:
            return
        super().build(var_list)
        self._sides = [self._make_sides(variable) for variable in var_list]

    def _make_sides(self, variable: keras.Variable) -> list[list[keras.Variable] | None]:
        """For the rows and the columns of a weight: [second moment, eigenvectors], or None if they are not rotated."""
        if len(variable.shape) < 2:
            return [None, None]
        sizes = {"rows": math.prod(variable.shape[:-1]), "columns": variable.shape[-1]}
        return [
            self._make_side(size, _dtype_of(variable), f"{variable.path}_{side}".replace("/", "_"))
            if 1 < size <= self.max_size
            else None
            for side, size in sizes.items()
        ]

    def _make_side(self, size: int, dtype: str, name: str) -> list[keras.Variable]:
        starts = {"second_moment": "zeros", "eigenvectors": keras.initializers.Identity()}
        return [self.add_variable((size, size), start, dtype, name=f"{name}_{what}") for what, start in starts.items()]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        index = self._get_variable_index(variable)
        sides = self._sides[index]
        if sides == [None, None]:
            super().update_step(gradient, variable, learning_rate)
            return
        dtype, shape = _dtype_of(variable), tuple(variable.shape)

        def flat(tensor: Any) -> Any:
            return ops.reshape(ops.cast(tensor, dtype), (math.prod(shape[:-1]), shape[-1]))

        gradient = flat(gradient)
        momentum = flat(self._momentums[index])
        momentum += (1 - self.beta_1) * (gradient - momentum)
        velocity = flat(self._velocities[index])
        velocity += (1 - self.beta_2) * (ops.square(_rotate(gradient, sides)) - velocity)
        direction = _rotate(momentum, sides) / (ops.sqrt(velocity) + self.epsilon)
        step = self._rate(learning_rate, dtype) * _rotate(direction, sides, back=True)
        self.assign(self._momentums[index], ops.reshape(momentum, shape))
        self.assign(self._velocities[index], ops.reshape(velocity, shape))
        self.assign_sub(variable, ops.reshape(step, shape))
        rows, columns = sides
        if rows is not None:
            self._update_side(rows, tf.linalg.matmul(gradient, gradient, transpose_b=True))
        if columns is not None:
            self._update_side(columns, tf.linalg.matmul(gradient, gradient, transpose_a=True))

    def _rate(self, learning_rate: Any, dtype: Any) -> Any:
        """The learning rate including Adam's bias correction of both moments."""
        steps = ops.cast(self.iterations + 1, dtype)
        first, second = (1 - ops.power(ops.cast(beta, dtype), steps) for beta in (self.beta_1, self.beta_2))
        return ops.cast(learning_rate, dtype) * ops.sqrt(second) / first

    def _update_side(self, side: list[keras.Variable], square: Any) -> None:
        """Update the second moment of a side with G G^T or G^T G, and its eigenvectors when they are due."""
        moment, vectors = side
        self.assign_add(moment, (1 - self.beta_2) * (square - moment))

        def power_iteration() -> Any:
            damping = DAMPING * ops.mean(ops.diagonal(moment))
            product = ops.matmul(moment, vectors) + damping * vectors
            largest = ops.max(ops.abs(product))  # 0 if the squares of tiny gradients underflow
            return ops.where(largest > 0, ops.qr(ops.divide_no_nan(product, largest))[0], vectors)

        due = ops.equal(ops.mod(self.iterations, self.refresh_every), 0)
        self.assign(vectors, ops.cond(due, power_iteration, lambda: ops.convert_to_tensor(vectors)))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "refresh_every": self.refresh_every, "max_size": self.max_size}


def _dtype_of(variable: Any) -> str:
    """Type of a variable's matrices: half precision has no QR decomposition and too small a range for squares."""
    return "float64" if keras.backend.standardize_dtype(variable.dtype) == "float64" else "float32"


def _rotate(matrix: Any, sides: list[list[keras.Variable] | None], back: bool = False) -> Any:
    """``Q_A^T M Q_C``, or ``Q_A M Q_C^T`` to rotate back."""
    # TensorFlow's product can read factors as transposed; transposing them first would take most of the step
    rows, columns = sides
    if rows is not None:
        matrix = tf.linalg.matmul(ops.convert_to_tensor(rows[1]), matrix, transpose_a=not back)
    if columns is not None:
        matrix = tf.linalg.matmul(matrix, ops.convert_to_tensor(columns[1]), transpose_b=back)
    return matrix


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class PiecewiseConstant(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that is constant between boundaries; same values as Keras' `PiecewiseConstantDecay`, faster.

    The rate is found by one search, where Keras runs five operations for each boundary at every step, which takes two
    milliseconds for 200 boundaries.

    Args:
        boundaries: numbers of steps in ascending order; boundary i is the last step with rate i.
        values: the rates, one more than boundaries.
        name: name of the schedule.

    Raises:
        ValueError: for another number of values, or boundaries in descending order.

    >>> rate = PiecewiseConstant([10, 20], [1.0, 0.5, 0.1])
    >>> [float(rate(step)) for step in (0, 10, 11, 20, 21)]
    [1.0, 1.0, 0.5, 0.5, 0.10000000149011612]
    """

    def __init__(self, boundaries: Sequence[int], values: Sequence[float], name: str = "piecewise_constant") -> None:
        super().__init__()
        steps = np.atleast_1d(finite_array("boundaries", boundaries))
        self.boundaries = [whole_number("an item of boundaries", step, least=None) for step in steps]
        self.values = [finite_number("an item of values", value) for value in item_list("values", values)]
        self.name = name
        if len(self.values) != len(steps) + 1:
            raise ValueError(f"{len(steps)} boundaries need {len(steps) + 1} values, got {len(self.values)}")
        if (np.diff(steps) < 0).any():
            raise ValueError(f"boundaries must ascend, got {self.boundaries}")

    def __call__(self, step: Any) -> Any:
        """The rate at a step, float32, shape ()."""
        boundaries = ops.convert_to_tensor(self.boundaries, "int64")
        index = ops.searchsorted(boundaries, ops.reshape(ops.cast(step, "int64"), (1,)))[0]
        return ops.take(ops.convert_to_tensor(self.values, "float32"), index)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}

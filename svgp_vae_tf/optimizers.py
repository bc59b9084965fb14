"""SOAP, which is Adam in the basis in which a layer's gradients are uncorrelated, and learning rates in steps."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

MAX_SIZE = 256
DAMPING = 1e-5
"""Of second moments, relative to their mean diagonal: rounding would choose among bases of what no gradient reaches."""


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class SOAP(keras.optimizers.Adam):
    """Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al., 2024, arXiv:2409.11321).

    The gradient of a weight, reshaped to G (rows, columns) with the last axis as columns, has running second moments on
    either side, and their eigenvectors rotate it:

        A <- beta_2 A + (1 - beta_2) G G^T,    C <- beta_2 C + (1 - beta_2) G^T G,    G' = Q_A^T G Q_C

    Adam's second moment is that of G', and its step, taken in the rotated basis, is rotated back. The eigenvectors
    follow their matrix by one power iteration, Q <- qr(A Q), every few steps. Three things differ from the authors'
    program: the eigenvectors start at the identity, where SOAP is Adam; A has a damping of 1e-5 of its mean diagonal,
    so that replicas agree on a basis of what no gradient reaches; and epsilon stands where Keras' Adam has it.

    Gains are largest where networks are small (docs/rotated_mnist.md), with learning rates that are higher than Adam's.
    Weights with more than `max_size` rows and columns, such as wide dense layers, have Adam's steps.

    Args:
        learning_rate, beta_1, beta_2, epsilon, kwargs: as for `keras.optimizers.Adam`, but without its `amsgrad`.
        refresh_every: steps between updates of the eigenvectors.
        max_size: sides of a weight with more rows or columns are not rotated, vectors never are.

    Raises:
        ValueError: for a `refresh_every` or `max_size` that is no whole number above 0, and for `amsgrad`.

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
        if not all(isinstance(value, int) and value >= 1 for value in (refresh_every, max_size)):
            raise ValueError(
                f"refresh_every and max_size must be whole and at least 1: {refresh_every!r}, {max_size!r}"
            )
        if self.amsgrad:
            raise ValueError("SOAP has no amsgrad: its second moments are those of a basis that turns")
        self.refresh_every, self.max_size = refresh_every, max_size

    def build(self, var_list: list[keras.Variable]) -> None:
        """Make the state of each variable: Adam's, and for each rotated side its second moment and eigenvectors."""
        if self.built:
            return
        super().build(var_list)
        self._sides = [self._make_sides(variable) for variable in var_list]

    def _make_sides(self, variable: keras.Variable) -> list[list[keras.Variable] | None]:
        """For rows and columns of a weight: [second moment, eigenvectors], or None where it is not rotated."""
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
        """Take a step for one variable."""
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
            self._follow(rows, tf.linalg.matmul(gradient, gradient, transpose_b=True))
        if columns is not None:
            self._follow(columns, tf.linalg.matmul(gradient, gradient, transpose_a=True))

    def _rate(self, learning_rate: Any, dtype: Any) -> Any:
        """The learning rate with Adam's correction of both moments for their start at zero."""
        steps = ops.cast(self.iterations + 1, dtype)
        first, second = (1 - ops.power(ops.cast(beta, dtype), steps) for beta in (self.beta_1, self.beta_2))
        return ops.cast(learning_rate, dtype) * ops.sqrt(second) / first

    def _follow(self, side: list[keras.Variable], square: Any) -> None:
        """Add a gradient's square to the second moment of a side, and let the eigenvectors follow."""
        moment, vectors = side
        self.assign_add(moment, (1 - self.beta_2) * (square - moment))

        def power_iteration() -> Any:
            damping = DAMPING * ops.mean(ops.diagonal(moment))
            product = ops.matmul(moment, vectors) + damping * vectors
            largest = ops.max(ops.abs(product))  # 0 where squares of minute gradients vanish
            return ops.where(largest > 0, ops.qr(ops.divide_no_nan(product, largest))[0], vectors)

        due = ops.equal(ops.mod(self.iterations, self.refresh_every), 0)
        self.assign(vectors, ops.cond(due, power_iteration, lambda: ops.convert_to_tensor(vectors)))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "refresh_every": self.refresh_every, "max_size": self.max_size}


def _dtype_of(variable: Any) -> str:
    """Of the matrices of a variable: there is no QR in half precision, and squares need the range."""
    return "float64" if keras.backend.standardize_dtype(variable.dtype) == "float64" else "float32"


def _rotate(matrix: Any, sides: list[list[keras.Variable] | None], back: bool = False) -> Any:
    """Q_A^T M Q_C, or back, Q_A M Q_C^T."""
    # by TensorFlow's product, which reads its factors transposed: to transpose them first takes most of the step
    rows, columns = sides
    if rows is not None:
        matrix = tf.linalg.matmul(ops.convert_to_tensor(rows[1]), matrix, transpose_a=not back)
    if columns is not None:
        matrix = tf.linalg.matmul(matrix, ops.convert_to_tensor(columns[1]), transpose_b=back)
    return matrix


@keras.saving.register_keras_serializable(package="svgp_vae_tf")
class PiecewiseConstant(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that is constant between boundaries, as Keras' `PiecewiseConstantDecay`, looked up at once.

    Keras' takes five operations for each boundary at every step: two milliseconds for 200 of them.

    Args:
        boundaries: numbers of steps that do not fall; each is the last step of the rate at its place.
        values: rates, one more.

    Raises:
        ValueError: for another number of values, or boundaries that fall.

    >>> rate = PiecewiseConstant([10, 20], [1.0, 0.5, 0.1])
    >>> [float(rate(step)) for step in (0, 10, 11, 20, 21)]
    [1.0, 1.0, 0.5, 0.5, 0.10000000149011612]
    """

    def __init__(self, boundaries: Sequence[int], values: Sequence[float], name: str = "piecewise_constant") -> None:
        super().__init__()
        if len(values) != len(boundaries) + 1:
            raise ValueError(f"{len(boundaries)} boundaries need {len(boundaries) + 1} values, got {len(values)}")
        if (np.diff(boundaries) < 0).any():
            raise ValueError(f"boundaries must not fall, got {list(boundaries)}")
        self.boundaries, self.values, self.name = list(boundaries), list(values), name

    def __call__(self, step: Any) -> Any:
        """The rate at a step."""
        boundaries = ops.convert_to_tensor(self.boundaries, "int64")
        place = ops.searchsorted(boundaries, ops.reshape(ops.cast(step, "int64"), (1,)))[0]
        return ops.take(ops.convert_to_tensor(self.values, "float32"), place)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}

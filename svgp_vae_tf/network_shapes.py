"""Shapes that networks take and give, whether they are functional, sequential, or subclasses of `keras.Model`."""

from typing import Any

import keras
from keras import tree

Shape = tuple[int | None, ...]


def input_events(network: keras.layers.Layer) -> list[Shape] | None:
    """Shapes of one item of each input of a network; None if it does not say, as a subclass before any call."""
    shapes = getattr(network, "input_shape", None)
    if shapes is None:
        shapes = (network.get_build_config() or {}).get("input_shape")
    if not shapes:
        return None
    several = isinstance(shapes[0], list | tuple)
    return [tuple(shape)[1:] for shape in (shapes if several else [shapes])]


def output_event(network: keras.layers.Layer, inputs: Any) -> Shape:
    """Shape of one item of a network's output for a batch of inputs; builds the network if necessary.

    Raises:
        ValueError: for a network of several outputs.
    """
    return _of_one_output(network, tree.map_structure(lambda output: tuple(output.shape), network(inputs)))


def told_output_event(network: keras.layers.Layer) -> Shape | None:
    """The same as far as a network tells without being called; None for subclasses.

    Raises:
        ValueError: for a network of several outputs.
    """
    shape = getattr(network, "output_shape", None)
    return None if shape is None else _of_one_output(network, shape)


def _of_one_output(network: keras.layers.Layer, shapes: Any) -> Shape:
    if isinstance(shapes, tuple) and all(size is None or isinstance(size, int) for size in shapes):
        return shapes[1:]
    raise ValueError(f"a network must give one tensor, but {network.name} gives {len(shapes)} outputs")

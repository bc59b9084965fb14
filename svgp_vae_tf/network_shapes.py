"""Shapes that networks take and give, whether they are functional, sequential, or subclasses of `keras.Model`."""

from typing import Any

import keras

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
    outputs = network(inputs)
    if isinstance(outputs, list | tuple | dict):
        raise ValueError(f"a network must give one tensor, but {network.name} gives {len(outputs)} outputs")
    return tuple(outputs.shape[1:])

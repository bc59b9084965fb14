"""Arguments of constructors and methods as plain Python values, which files can hold.

Each function returns its value converted, or raises ValueError with one line that names the argument. Numbers may be
Python's, NumPy's or scalar tensors, but neither text nor True.
"""

import math
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import numpy as np

from svgp_vae_tf.arrays import as_array

T = TypeVar("T")


def shown(value: Any) -> str:
    """A value in one short line, for messages."""
    text = " ".join((repr if isinstance(value, str) else str)(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def finite_number(name: str, value: Any) -> float:
    """A finite number."""
    found = _scalar(value)
    if found is None or not math.isfinite(found):
        raise ValueError(f"{name} must be a finite number, got {shown(value)}")
    return float(found)


def positive_number(name: str, value: Any) -> float:
    """A number that is positive and finite."""
    found = _scalar(value)
    if found is None or not 0.0 < found < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {shown(value)}")
    return float(found)


def non_negative_number(name: str, value: Any) -> float:
    """A number that is finite and not negative."""
    found = _scalar(value)
    if found is None or not 0.0 <= found < math.inf:
        raise ValueError(f"{name} must be finite and not negative, got {shown(value)}")
    return float(found)


def whole_number(name: str, value: Any, least: int | None = 1) -> int:
    """A whole number of at least ``least``, if that is given."""
    found = _scalar(value)
    if found is None or not math.isfinite(found) or found != int(found):
        bound = "" if least is None else f" of at least {least}"
        raise ValueError(f"{name} must be a whole number{bound}, got {shown(value)}")
    if least is not None and found < least:
        raise ValueError(f"{name} must be at least {least}, got {shown(value)}")
    return int(found)


def random_seed(name: str, value: Any) -> int | None:
    """A seed of random numbers that fits into 63 bits; None for a random one."""
    if value is None:
        return None
    found = whole_number(name, value, least=0)
    if found >= 2**63:
        raise ValueError(f"{name} must be below 2**63, got {found}")
    return found


def true_or_false(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def finite_array(name: str, values: Any) -> np.ndarray:
    """A new array of finite numbers of any shape, float64."""
    found = as_array(name, values)
    if found.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold numbers, got {shown(values)}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} hold values that are not finite")
    return found.astype(np.float64)


def positive_array(name: str, values: Any) -> np.ndarray:
    """An array of positive, finite numbers, float64."""
    found = np.array(None) if values is None else as_array(name, values)
    if found.dtype.kind not in "fiu" or not (np.isfinite(found).all() and (found > 0).all()):
        raise ValueError(f"{name} must be positive and finite, got {shown(values)}")
    return found.astype(np.float64)


def item_list(name: str, values: Any) -> list[Any]:
    """A list of the items of a list, tuple, range or array."""
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray) or not len(values):
        raise ValueError(f"{name} must be a list with at least one item, got {shown(values)}")
    return list(values)


def nonempty_text(name: str, value: Any) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be text, got {shown(value)}")
    return value


def one_of(name: str, value: Any, choices: Collection[str]) -> str:
    """One of some words."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"unknown {name} {shown(value)}; choose one of {', '.join(choices)}")
    return value


def instance_of(name: str, value: Any, kind: type[T]) -> T:
    """An object of a class."""
    if not isinstance(value, kind):
        given = f"the class {value.__name__}" if isinstance(value, type) else shown(value)
        raise ValueError(f"{name} must be an instance of {kind.__name__}, got {given}")
    return value


def name_list(name: str, values: Sequence[str]) -> tuple[str, ...]:
    """Names in a list."""
    return tuple(nonempty_text(f"an item of {name}", value) for value in item_list(name, values))


def _scalar(value: Any) -> float | int | None:
    """A real number, as Python has it; None for anything else."""
    if not isinstance(value, int | float) and not hasattr(value, "__array__"):
        return None
    found = np.asarray(value)
    return found.item() if found.ndim == 0 and found.dtype.kind in "fiu" else None

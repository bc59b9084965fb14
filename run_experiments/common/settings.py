"""What the experiments' flags have in common: pairs of numbers, and flags that would change nothing."""

from collections.abc import Iterable

from absl import flags


def pair(name: str) -> tuple[float, float] | None:
    """The two numbers of a list flag, or None if it has no value.

    Raises:
        ValueError: for a value that is not two numbers.
    """
    value = flags.FLAGS[name].value
    if value is None:
        return None
    try:
        low, high = (float(x) for x in value)
    except ValueError:
        raise ValueError(f"--{name} takes two numbers, such as 1e-3,10; got {','.join(value)}") from None
    return low, high


def refuse_idle(names: Iterable[str], on: str) -> None:
    """Raise ValueError if one of these flags was given: it would have no effect on a run."""
    for name in names:
        if flags.FLAGS[name].present:
            raise ValueError(f"--{name} has no effect on {on}")

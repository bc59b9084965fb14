"""Settings of an experiment as a dataclass whose fields describe their own command-line flags."""

import dataclasses
import math
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any, Self

from absl import flags

flags.disclaim_key_flags()  # the flags belong to the program that defines them, and its --help lists them


@dataclasses.dataclass(frozen=True)
class Description:
    """Help, allowed values and use of a setting. None is always allowed where the field's annotation allows it.

    Args:
        help: help text of the flag.
        choices: the allowed strings.
        lower: the smallest allowed number, 0 or above.
        positive: whether a number must be above 0.
        finite: whether a positive number must be finite.
        fraction: whether a number must be between 0 and 1, exclusive.
        increasing: whether a pair of numbers must be positive, finite and increasing.
        default_varies: whether the default depends on other settings; the flag then shows none.
        unused_with: from names of other settings to those of their values with which this one has no effect.
        unused_given: names of other settings that leave this one without effect whenever they are not None.
    """

    help: str
    choices: Collection[str] | None = None
    lower: int | None = None
    positive: bool = False
    finite: bool = True
    fraction: bool = False
    increasing: bool = False
    default_varies: bool = False
    unused_with: Mapping[str, Collection[Any]] = dataclasses.field(default_factory=dict)
    unused_given: Collection[str] = ()

    def validate(self, name: str, value: Any) -> None:
        """Raise ValueError, in one line, for a value that is not allowed."""
        if self.choices is not None and value not in self.choices:
            raise ValueError(f"unknown {name} {value!r}; choose one of {', '.join(self.choices)}")
        if self.increasing:
            low, high = value
            if not 0.0 < low < high < math.inf:
                raise ValueError(f"--{name} must be positive and rising, got {low:g},{high:g}")
            return
        requirement, met = self._requirement(value)
        if not met:
            raise ValueError(f"--{name} must {requirement}, got {value}")

    def _requirement(self, value: Any) -> tuple[str, bool]:
        """What a number must be, in words, and whether this one is."""
        if self.fraction:
            return "be between 0 and 1", 0.0 < value < 1.0
        if self.positive and self.finite:
            return "be positive and finite", 0.0 < value < math.inf
        if self.positive:
            return "be positive", value > 0.0
        if self.lower is None:
            return "", True
        allowed = self.lower <= value < math.inf
        if self.lower > 0:
            return f"be at least {self.lower}", allowed
        return "be finite and not negative" if isinstance(value, float) else "not be negative", allowed


def setting(default: Any, help: str, **options: Any) -> Any:
    """A field of `ExperimentSettings` with a default value, the help of its flag, and options of `Description`."""
    return dataclasses.field(default=default, metadata={"description": Description(help, **options)})


@dataclasses.dataclass(frozen=True)
class ExperimentSettings:
    """Base class of an experiment's settings: every field of a subclass is made by `setting` and has a flag.

    The annotation of a field decides the kind of its flag: bool, int, float, str, or tuple[float, float] for two
    numbers separated by a comma. Any of them may be ``| None``.
    """

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Settings with these values. Subclasses with defaults that vary override it."""
        return cls(**values)

    @classmethod
    def define_flags(cls, flag_values: flags.FlagValues = flags.FLAGS) -> None:
        """Define a flag for each field."""
        for field in dataclasses.fields(cls):
            _define_flag(field, flag_values)

    @classmethod
    def from_flags(cls, flag_values: flags.FlagValues = flags.FLAGS) -> Self:
        """Settings from the parsed flags.

        Raises:
            ValueError: for a pair that is not two numbers, and for a flag that has no effect with the others.
        """
        values = {}
        for field in dataclasses.fields(cls):
            value = flag_values[field.name].value
            if value is None and field.metadata["description"].default_varies:
                continue
            values[field.name] = _parse_pair(field.name, value) if _kind(field) is tuple else value
        settings = cls.of(**values)
        settings._reject_unused(flag_values)
        return settings

    def check(self) -> None:
        """Raise ValueError, in one line, for settings that cannot work."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not (value is None and types.NoneType in typing.get_args(field.type)):
                field.metadata["description"].validate(field.name, value)

    def _reject_unused(self, flag_values: flags.FlagValues) -> None:
        """Raise ValueError for the first given flag that has no effect on a run with these settings."""
        for field in dataclasses.fields(self):
            if not flag_values[field.name].present:
                continue
            description: Description = field.metadata["description"]
            for other, values in description.unused_with.items():
                if getattr(self, other) in values:
                    raise ValueError(f"--{field.name} has no effect with --{other}={getattr(self, other)}")
            for other in description.unused_given:
                if getattr(self, other) is not None:
                    raise ValueError(f"--{field.name} has no effect when --{other} is given")


def _kind(field: dataclasses.Field[Any]) -> type:
    """The type of a field's values other than None: bool, int, float, str or tuple."""
    kind: Any = field.type
    if isinstance(kind, types.UnionType):
        (kind,) = (option for option in typing.get_args(kind) if option is not types.NoneType)
    return typing.get_origin(kind) or kind


def _define_flag(field: dataclasses.Field[Any], flag_values: flags.FlagValues) -> None:
    description: Description = field.metadata["description"]
    default: Any = None if description.default_varies else field.default
    if description.choices is not None:
        flags.DEFINE_enum(field.name, default, description.choices, description.help, flag_values=flag_values)
        return
    kind = _kind(field)
    if kind is tuple and default is not None:
        default = [str(number) for number in default]
    define = {
        bool: flags.DEFINE_bool,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
        tuple: flags.DEFINE_list,
    }[kind]
    define(field.name, default, description.help, flag_values=flag_values)


def _parse_pair(name: str, value: list[str] | None) -> tuple[float, float] | None:
    if value is None:
        return None
    try:
        low, high = (float(number) for number in value)
    except ValueError:
        raise ValueError(f"--{name} takes two numbers, such as 1e-3,10; got {','.join(value)}") from None
    return low, high

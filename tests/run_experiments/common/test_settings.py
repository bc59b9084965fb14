"""Settings whose fields describe their flags: definition, parsing, validation and flags without effect."""

import dataclasses
import importlib
import math
from typing import Any, Self

import pytest
from absl import flags

from run_experiments.common.settings import ExperimentSettings, setting
from run_experiments.moving_ball import settings as moving_ball
from run_experiments.rotated_mnist import settings as rotated_mnist
from run_experiments.sprites import settings as sprites
from tests.helpers.command_line import parse, run_module


@dataclasses.dataclass(frozen=True)
class Example(ExperimentSettings):
    """One setting of every kind."""

    data: str | None = setting(None, "A file.")
    sample: int = setting(3, "Needs no file.", lower=1, unused_given=("data",))
    method: str = setting("exact", "A choice.", choices=("exact", "sparse"))
    points: int = setting(5, "Of the sparse method.", lower=2, unused_with={"method": ("exact",)})
    passes: int = setting(0, "May be none.", lower=0)
    rate: float = setting(0.5, "Positive.", positive=True, unused_with={"passes": (0,)})
    weight: float = setting(1.0, "Not negative.", lower=0)
    decay: float = setting(0.9, "A fraction.", fraction=True)
    clip: float | None = setting(None, "May be infinite.", positive=True, finite=False)
    train: bool = setting(True, "On or off.")
    bounds: tuple[float, float] = setting((1e-3, 10.0), "A rising pair.", increasing=True)
    ends: tuple[float, float] | None = setting(None, "Any pair.")
    size: int = setting(7, "Depends on the method.", lower=1, default_varies=True)

    @classmethod
    def of(cls, **values: Any) -> Self:
        return cls(**{"size": 70 if values.get("method") == "sparse" else 7, **values})


def test_without_arguments_settings_are_the_defaults():
    assert parse(Example) == Example()


def test_flags_of_every_kind_are_parsed():
    arguments = [
        "--data=x", "--method=sparse", "--points=9", "--passes=2", "--rate=0.25", "--weight=0", "--decay=0.5",
        "--clip=inf", "--notrain", "--bounds=1e-2,2", "--ends=9,0", "--size=8",
    ]  # fmt: skip
    expected = Example(
        data="x", method="sparse", points=9, passes=2, rate=0.25, weight=0.0, decay=0.5,
        clip=math.inf, train=False, bounds=(0.01, 2.0), ends=(9.0, 0.0), size=8,
    )  # fmt: skip
    assert parse(Example, *arguments) == expected
    expected.check()


def test_a_default_that_varies_is_filled_in_unless_given():
    assert parse(Example, "--method=sparse").size == 70
    assert parse(Example, "--method=sparse", "--size=7").size == 7


def test_flags_show_help_default_and_choices():
    values = flags.FlagValues()
    Example.define_flags(values)
    assert {field.name for field in dataclasses.fields(Example)} == set(values)
    assert values["method"].help == "<exact|sparse>: A choice."
    assert values["bounds"].default_as_str == "'0.001,10.0'"
    assert values["passes"].default_as_str == "'0'"
    assert values["size"].default is None
    assert [values[name].flag_type() for name in ("data", "sample", "method", "rate", "train", "ends")] == [
        "string", "int", "string enum", "float", "bool", "comma separated list of strings",
    ]  # fmt: skip
    with pytest.raises(flags.IllegalFlagValueError, match="should be one of <exact|sparse>"):
        values(["program", "--method=dense"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--points=5"], "--points has no effect with --method=exact"),  # the default, but given
        (["--rate=0.5"], "--rate has no effect with --passes=0"),
        (["--data=x", "--sample=3"], "--sample has no effect when --data is given"),
        (["--bounds=1"], "--bounds takes two numbers, such as 1e-3,10; got 1"),
        (["--bounds=1,2,3"], "--bounds takes two numbers, such as 1e-3,10; got 1,2,3"),
        (["--ends=0,x"], "--ends takes two numbers, such as 1e-3,10; got 0,x"),
    ],
)
def test_flags_without_effect_and_malformed_pairs_are_rejected(arguments, message):
    with pytest.raises(ValueError) as caught:
        parse(Example, *arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "dense"}, "unknown method 'dense'; choose one of exact, sparse"),
        ({"method": None}, "unknown method None; choose one of exact, sparse"),
        ({"points": 1}, "--points must be at least 2, got 1"),
        ({"passes": -1}, "--passes must not be negative, got -1"),
        ({"rate": 0.0}, "--rate must be positive and finite, got 0.0"),
        ({"rate": math.inf}, "--rate must be positive and finite, got inf"),
        ({"rate": math.nan}, "--rate must be positive and finite, got nan"),
        ({"weight": -0.5}, "--weight must be finite and not negative, got -0.5"),
        ({"weight": math.inf}, "--weight must be finite and not negative, got inf"),
        ({"decay": 1.0}, "--decay must be between 0 and 1, got 1.0"),
        ({"decay": 0.0}, "--decay must be between 0 and 1, got 0.0"),
        ({"clip": 0.0}, "--clip must be positive, got 0.0"),
        ({"clip": math.nan}, "--clip must be positive, got nan"),
        ({"bounds": (10.0, 1.0)}, "--bounds must be positive and rising, got 10,1"),
        ({"bounds": (0.0, 1.0)}, "--bounds must be positive and rising, got 0,1"),
        ({"bounds": (1.0, math.inf)}, "--bounds must be positive and rising, got 1,inf"),
        ({"size": 0}, "--size must be at least 1, got 0"),
    ],
)
def test_values_that_are_not_allowed_are_named(change, message):
    with pytest.raises(ValueError) as caught:
        Example(**change).check()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "change", [{"passes": 0}, {"weight": 0.0}, {"clip": None}, {"clip": math.inf}, {"points": 2}, {"ends": (2.0, 1.0)}]
)
def test_values_at_the_edge_are_allowed(change):
    Example(**change).check()


def test_options_that_do_not_exist_are_refused():
    with pytest.raises(TypeError, match="lowest"):
        setting(1, "A number.", lowest=0)


EXPERIMENTS = [moving_ball, rotated_mnist, sprites]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_without_flags_an_experiment_has_its_defaults_which_are_valid(experiment):
    settings = parse(experiment.Settings)
    assert settings == experiment.Settings()
    settings.check()


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_conditions_name_settings_and_values_that_exist(experiment):
    fields = {field.name: field for field in dataclasses.fields(experiment.Settings)}
    for name, field in fields.items():
        description = field.metadata["description"]
        assert description.help.endswith(".")
        for other in description.unused_given:
            assert other != name and fields[other].default is None
        for other, values in description.unused_with.items():
            choices = fields[other].metadata["description"].choices
            assert other != name and values
            assert choices is None or set(values) < set(choices)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_help_describes_the_experiment_and_lists_every_setting_as_a_flag_of_the_program(experiment):
    module = experiment.__name__.removesuffix(".settings")
    shown = run_module(module, "--help")[1]
    assert shown.startswith(importlib.import_module(module).__doc__ or "no docstring")
    assert "\n  --output_dir: The run folder" in shown and "\n  --distribute: <none|" in shown
    for field in dataclasses.fields(experiment.Settings):
        name = f"[no]{field.name}" if field.type is bool else field.name
        assert f"\n  --{name}: " in shown

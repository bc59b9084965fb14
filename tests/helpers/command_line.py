"""Settings read from a command line, without absl's global flags."""

from typing import TypeVar

from absl import flags

from run_experiments.common.settings import ExperimentSettings

SettingsType = TypeVar("SettingsType", bound=ExperimentSettings)


def parse(settings: type[SettingsType], *arguments: str) -> SettingsType:
    """The settings that a program given these arguments would run with."""
    values = flags.FlagValues()
    settings.define_flags(values)
    values(["program", *arguments])
    return settings.from_flags(values)

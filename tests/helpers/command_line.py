"""Command lines in this process: their settings alone, or whole programs."""

import contextlib
import io
import runpy
import sys
import unittest.mock
import warnings
from typing import TypeVar

from absl import app, flags

from run_experiments.common.settings import ExperimentSettings

SettingsType = TypeVar("SettingsType", bound=ExperimentSettings)


def parse(settings: type[SettingsType], *arguments: str) -> SettingsType:
    """The settings that a program given these arguments would run with."""
    values = flags.FlagValues()
    settings.define_flags(values)
    values(["program", *arguments])
    return settings.from_flags(values)


def run_module(module: str, *arguments: str) -> tuple[int, str]:
    """Run ``python -m module arguments`` in this process: TensorFlow takes seconds to start in another.

    Returns:
        The exit code, and all that was written.
    """
    app.define_help_flags()  # once per process
    before = set(flags.FLAGS)
    written = io.StringIO()
    code: int | str | None = 0
    try:
        with (
            unittest.mock.patch.object(sys, "argv", [module, *arguments]),
            contextlib.redirect_stdout(written),
            contextlib.redirect_stderr(written),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", ".* found in sys.modules after import of package")
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    finally:
        flags.FLAGS.unparse_flags()
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
    if isinstance(code, str):  # what the interpreter would write
        written.write(code + "\n")
        code = 1
    return code or 0, written.getvalue()

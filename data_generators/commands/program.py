"""How every command runs: errors that the user can fix end it with one line, and so do Ctrl-C and SIGTERM."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app

from data_generators.commands.lock import FolderInUseError
from data_generators.commands.stopping import Stopped, stoppable

ERRORS = (ValueError, OSError, FolderInUseError)
"""Errors that the user of any command can fix; others are faults of the program and keep their traceback."""


def run(
    program: Callable[[], Any],
    more_errors: tuple[type[Exception], ...] = (),
    resume: Sequence[str] | None = None,
) -> None:
    """Parse the flags and run a program.

    Args:
        program: called when the flags have been parsed.
        more_errors: errors that the user can fix, besides `ERRORS`.
        resume: flags to add to the command line to go on after a stop; None if the program cannot go on.
    """

    def main(_: list[str]) -> None:
        try:
            with stoppable():
                program()
        except (*ERRORS, *more_errors) as error:
            raise SystemExit(f"error: {one_line(error)}") from error
        except Stopped as stop:
            hint = "" if resume is None else f"; to go on: {shlex.join(_with_flags(resume))}"
            print(f"stopped{hint}", file=sys.stderr)
            raise SystemExit(stop.code) from None

    app.run(main)


def one_line(error: BaseException) -> str:
    """The message of an error as a command prints it, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())


def invocation() -> list[str]:
    """The command line of this process: Python, a script or ``-m`` and a module, and the arguments."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    program = [os.path.basename(sys.argv[0])] if spec is None else ["-m", spec.name.removesuffix(".__main__")]
    return ["python", *program, *sys.argv[1:]]


def _with_flags(flags: Sequence[str]) -> list[str]:
    line = invocation()
    return [*line, *(flag for flag in flags if flag not in line)]

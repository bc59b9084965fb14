"""The command line that all benchmarks share: flags, and a JSON file with the measurements and where they come from."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from absl import flags

from run_experiments.common import command, provenance, run_folder

flags.disclaim_key_flags()  # they belong to the benchmark that defines them, whose --help shows them


class Count(NamedTuple):
    """An integer flag, at least 1."""

    default: int
    help: str


def main(measure: Callable[..., Iterable[dict[str, Any]]], output: str, **counts: Count) -> None:
    """Parse the flags, measure, and write the report to --output.

    Args:
        measure: takes the counts by name and yields reports. Each replaces the one before, so that a long benchmark
            which is stopped leaves what it has measured.
        output: default of --output.
        counts: flags that are passed to ``measure``, by name.
    """
    flags.DEFINE_string("output", output, "JSON file to write.")
    for name, count in counts.items():
        flags.DEFINE_integer(name, count.default, count.help, lower_bound=1)
    command.run(lambda: write(measure(**{name: flags.FLAGS[name].value for name in counts}), flags.FLAGS.output))


def write(reports: Iterable[dict[str, Any]], output: str) -> None:
    """Write each report as JSON, with the command, commit, versions and machine that made it."""
    for report in reports:
        run_folder.write_json(output, {**report, "made_by": provenance.provenance()})

"""The command line that all benchmarks share, and the numbers that they derive from times."""

import importlib
import os
import pkgutil

import pytest
from absl import app, flags

import benchmarks
from benchmarks import command, rounds
from run_experiments.common import run_folder


@pytest.fixture
def values(monkeypatch) -> flags.FlagValues:
    """Flags of a command line of its own."""
    values = flags.FlagValues()
    for kind in ("string", "integer"):
        define = getattr(flags, f"DEFINE_{kind}")
        monkeypatch.setattr(
            flags,
            f"DEFINE_{kind}",
            lambda *args, define=define, **kwargs: define(*args, **kwargs, flag_values=values),
        )
    monkeypatch.setattr(flags, "FLAGS", values)
    return values


def run(monkeypatch, values: flags.FlagValues, *given: str) -> None:
    """Let the next command have these flags."""
    monkeypatch.setattr(app, "run", lambda program: program(values(["program", *given])))


def test_counts_come_from_flags_and_each_report_replaces_the_one_before(monkeypatch, values, tmp_path):
    output, seen = str(tmp_path / "out.json"), []

    def measure(rounds: int, steps: int):
        yield {"rows": [rounds]}
        seen.append(run_folder.read_json(output))
        yield {"rows": [rounds, steps]}

    run(monkeypatch, values, f"--output={output}", "--steps=7")
    command.main(measure, "results/x.json", rounds=command.Count(3, "Rounds."), steps=command.Count(5, "Steps."))
    (first,), last = seen, run_folder.read_json(output)
    assert first["rows"] == [3] and last["rows"] == [3, 7]
    assert {"command", "commit", "versions", "processors", "machine"} <= set(last["made_by"])


def test_a_count_is_at_least_one(monkeypatch, values):
    run(monkeypatch, values, "--rounds=0")
    with pytest.raises(flags.IllegalFlagValueError, match="rounds=0"):
        command.main(lambda rounds: [], "results/x.json", rounds=command.Count(3, "Rounds."))


def test_every_benchmark_of_the_makefile_can_be_run():
    with open(os.path.join(os.path.dirname(benchmarks.__path__[0]), "Makefile")) as file:
        (line,) = [line for line in file if line.startswith("BENCHMARKS ?=")]
    names = line.split("=", 1)[1].split()
    assert len(names) == 8
    assert set(names) <= {module.name for module in pkgutil.iter_modules(benchmarks.__path__)}
    for name in names:
        assert callable(importlib.import_module(f"benchmarks.{name}").measure)


def test_ratios_are_taken_within_rounds():
    assert rounds.median_ratio([2.0, 30.0, 4.0], [1.0, 10.0, 4.0]) == pytest.approx(2.0)


def test_a_spread_is_named_by_its_unit():
    assert rounds.spread([3.0, 1.0, 8.0], "us") == {"median_us": 3.0, "min_us": 1.0, "max_us": 8.0}

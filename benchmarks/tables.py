"""Writes the tables of benchmarks/README.md from the files in results/.

python -m benchmarks.tables
"""

from typing import Any

from absl import flags

from benchmarks.gp_scaling import FIELDS, exponent
from run_experiments.common import command
from run_experiments.common.markdown import Column, Report, Section, Table, lookup, render, rewrite


def tables(results_dir: str) -> str:
    """All tables whose results exist, as Markdown."""
    return render(SECTIONS, results_dir)


def origin(report: Report) -> str:
    """The machine, commit and command that made a results file."""
    made_by = report["made_by"]
    machine = f" ({made_by['machine']})" if "machine" in made_by else ""
    text = f"{made_by['processors']} processors{machine}, commit {made_by['commit'][:12]}"
    return f"{text}: `{made_by.get('command', '')}`." + (f" {report['note']}" if "note" in report else "")


def _settings(report: Report) -> str:
    names = " and ".join(f"`{name}={value}`" for name, value in report["settings"]["experiments"].items())
    return f"The experiments set {names} in their environment; plain is 0 for both. Milliseconds per training step."


def _executions(report: Report) -> list[dict[str, Any]]:
    return [{"name": name, **row} for name, rows in report["steps_per_execution"].items() for row in rows]


def _growth(report: Report) -> str:
    """How time and memory grow with the number of images."""
    first, *_, last = rows = report["rows"]
    slope = exponent([row["num_data"] for row in rows], [row["num_data"] * row["median_us"] for row in rows])
    memory = (last["peak_mb"] - first["peak_mb"]) / (last["data_mb"] - first["data_mb"])
    return (
        f"Rotated MNIST with more and more images and objects. The time of an epoch grows as N to the power of "
        f"{slope:.2f}. Peak memory grows by {memory:.2f} MB per MB of data, which includes the data."
    )


def _forms(report: Report) -> str:
    text = (
        "One step: posterior, regulariser and all gradients, in float64. MB: growth of the process during a step. "
        "Where the published form was not measured, its column has the reason: the memory or the time that it needs, "
        "or that a loop over 64 channels takes a minute to compile, which one batch size is enough to show."
    )
    ratios = [
        f"{row['time_ratio_with_onednn']:.0f} times at b = {row['batch']}, m = {row['inducing']}, L = {row['latents']}"
        for row in report["rows"]
        if "time_ratio_with_onednn" in row
    ]
    if ratios:
        text += (
            " TensorFlow ran without oneDNN. With oneDNN, which transposes large tensors faster, this project's form "
        )
        text += f"is faster by {' and '.join(ratios)}. The goals are 30 and 130."
    return text


def _published(row: dict[str, Any]) -> str:
    """Milliseconds of the published form, or why it was not measured."""
    milliseconds = lookup(row, "published.median_ms")
    return row["published_skipped"] if milliseconds is None else f"{milliseconds:,.1f}"


def _axes(report: Report) -> list[dict[str, Any]]:
    """Exponents by what grows, with the sizes and measurements that they are fitted to."""
    return [
        {
            **result,
            "axis": axis,
            "sizes": _sizes(axis, result["rows"]),
            "last": exponent(*([row[key] for row in result["rows"][-2:]] for key in (FIELDS[axis], "min_ms"))),
            "ms": ", ".join(f"{row['min_ms']:.1f}" for row in result["rows"]),
            "mb": ", ".join(f"{row['growth_mb']:,.1f}" for row in result["rows"]),
        }
        for axis, result in report["axes"].items()
    ]


def _sizes(axis: str, rows: list[dict[str, Any]]) -> str:
    """The sizes along an axis, such as "b = 64 to 2,048; m = 64, L = 16"."""
    field = FIELDS[axis]
    fixed = [f"{name} = {rows[0][other]}" for name, other in FIELDS.items() if name != axis]
    return f"{axis} = {rows[0][field]:,} to {rows[-1][field]:,}; {', '.join(fixed)}"


SIZE_COLUMNS = [Column(name, field) for name, field in FIELDS.items()]
SECTIONS = (
    Section(
        "epochs.json",
        "Epochs",
        (
            "A step in fit is the median over calls of Keras' fit, each as long as those of the experiment (moving "
            "ball and sprites: a tenth of an epoch), with everything that fit does besides the step; an epoch is that "
            "times its number of steps. A bare step is divided into: the networks with their part of the optimiser, "
            "and the GP with its gradients, each measured alone on the same batch; reading, the extra time that a "
            "step takes when it reads its batches; and the rest, which is the objective, the metrics and the "
            "optimiser's work on other parameters. The parts are measured separately, so that noise, a few per cent "
            "of a step, can make a small one negative.",
            Table(
                [
                    Column("experiment", "experiment"),
                    Column("ms per step in fit", "fit_ms", ",.1f"),
                    Column("s per epoch", "seconds_per_epoch", ",.2f"),
                    Column("images per s", "images_per_second", ",.0f"),
                    Column("ms per bare step", "whole_ms", ",.1f"),
                    Column("networks", "share_of_networks", ".0%"),
                    Column("GP", "share_of_gp", ".0%"),
                    Column("reading", "share_of_reading", ".0%"),
                    Column("the rest", "share_of_the_rest", ".0%"),
                ]
            ),
            origin,
        ),
    ),
    Section(
        "settings.json",
        "TensorFlow's settings",
        (
            _settings,
            Table(
                [
                    Column("experiment", "experiment"),
                    Column("plain", "plain_ms", ",.0f"),
                    Column("experiments' settings", "experiments_ms", ",.0f"),
                    Column("ratio", "ratio", ".2f"),
                ]
            ),
            origin,
        ),
    ),
    Section(
        "epochs.json",
        "Several steps per execution",
        (
            Table(
                [
                    Column("experiment", "name"),
                    Column("steps_per_execution", "steps_per_execution"),
                    Column("ms per step of `fit`", "median_ms", ".1f"),
                    Column("relative to one", "ratio_to_one", ".2f"),
                ],
                _executions,
            ),
        ),
    ),
    Section(
        "decoders.json",
        "Up-sampling convolutions",
        (
            "A decoder, forward and backward on a batch, with nearest up-sampling and a 3x3 convolution as two layers "
            "and as one. The difference is that of their outputs, relative to the largest, in single precision.",
            Table(
                [
                    Column("decoder", "decoder"),
                    Column("two layers, ms", "plain_ms", ",.1f"),
                    Column("`UpsampledConv2D`, ms", "ours_ms", ",.1f"),
                    Column("ratio", "ratio", ".2f"),
                    Column("difference of outputs", "relative_difference", ".0e"),
                ]
            ),
            origin,
        ),
    ),
    Section(
        "time_per_image.json",
        "Time and memory against N",
        (
            _growth,
            Table(
                [
                    Column("digits", "digits"),
                    Column("N", "num_data", ","),
                    Column("microseconds per image", "median_us", ".0f"),
                    Column("relative to one digit", "ratio_to_first", ".2f"),
                    Column("peak memory, MB", "peak_mb", ".0f"),
                    Column("data, MB", "data_mb", ".0f"),
                ]
            ),
            origin,
        ),
    ),
    Section(
        "gp_forms.json",
        "A step compared with the formulas as published",
        (
            _forms,
            Table(
                [
                    *SIZE_COLUMNS,
                    Column("ms", "ours.median_ms", ".1f"),
                    Column("published, ms", _published),
                    Column("ratio", "time_ratio", ".0f"),
                    Column("MB", "ours.growth_mb", ",.1f"),
                    Column("published, MB", "published.growth_mb", ",.1f"),
                    Column("ratio", "memory_ratio", ".0f"),
                ],
                lambda report: sorted(report["rows"], key=lambda row: [row[field] for field in FIELDS.values()]),
            ),
            origin,
        ),
    ),
    Section(
        "gp_scaling.json",
        "Scaling",
        (
            "Exponents of the time and memory of a step: slopes of straight lines fitted to the logarithms. Each size "
            "has a process of its own. Fixed costs of a step lower the exponents, the last doubling least of all; in m "
            "it ends at b = m, where factorisations, m^3, cost as much as products, b m^2. For N see time and memory "
            "against N.",
            Table(
                [
                    Column("grows", "axis"),
                    Column("sizes", "sizes"),
                    Column("time", "time_exponent", ".2f"),
                    Column("theory, b > m", "theory", ".0f"),
                    Column("time, last doubling", "last", ".2f"),
                    Column("memory", "memory_exponent", ".2f"),
                    Column("ms", "ms"),
                    Column("MB", "mb"),
                ],
                _axes,
            ),
            origin,
        ),
    ),
    Section(
        "gp_scaling.json",
        "Many inducing points",
        (
            Table(
                [
                    *SIZE_COLUMNS,
                    Column("ms", "median_ms", ",.0f"),
                    Column("MB", "growth_mb", ",.1f"),
                    Column("an (L, m, m) tensor, MB", lambda row: 8e-6 * row["latents"] * row["inducing"] ** 2, ".0f"),
                    Column("a (b, m, m) tensor, MB", lambda row: 8e-6 * row["batch"] * row["inducing"] ** 2, ",.0f"),
                ],
                lambda report: report["large"],
            ),
        ),
    ),
    Section(
        "gp_scaling.json",
        "XLA",
        (
            "XLA's Cholesky factorisation is slow on CPUs.",
            Table(
                [
                    *SIZE_COLUMNS,
                    Column("ms", "plain_ms", ".1f"),
                    Column("with XLA, ms", "xla_ms", ".1f"),
                    Column("ratio", "xla_to_plain", ".1f"),
                    Column("first step, s", "seconds_to_first_step.plain", ".1f"),
                    Column("with XLA, s", "seconds_to_first_step.xla", ".1f"),
                ],
                lambda report: report["xla"],
            ),
        ),
    ),
    Section(
        "conditioning.json",
        "Conditioning on streamed points",
        (
            "Points are generated as they are read. Small networks, m = 64, L = 16. MB: growth of the process.",
            Table(
                [
                    Column("points", "points", ","),
                    Column("reading alone, s", "source.seconds", ".1f"),
                    Column("conditioning, s", "conditioning.seconds", ".1f"),
                    Column("reading alone, MB", "source.growth_mb", ".1f"),
                    Column("conditioning, MB", "conditioning.growth_mb", ".1f"),
                ]
            ),
            origin,
        ),
    ),
)


def _main() -> None:
    rewrite(flags.FLAGS.readme, tables(flags.FLAGS.results_dir))


if __name__ == "__main__":
    flags.DEFINE_string("readme", "benchmarks/README.md", "File whose tables are rewritten, between its markers.")
    flags.DEFINE_string("results_dir", "results", "Folder with the results.")
    command.run(_main)

"""Writes the tables of benchmarks/README.md from the files in results/.

python -m benchmarks.tables          # rewrites benchmarks/README.md between its markers
"""

from typing import Any

from absl import app, flags

from benchmarks.gp_scaling import FIELDS, exponent
from run_experiments.common.markdown import fill, read, table


def tables(results_dir: str) -> str:
    """All tables whose results are there, as Markdown."""
    parts = [epochs, settings, executions, decoders, images, forms, scaling, large, xla, conditioning]
    return "\n\n".join(text for part in parts if (text := part(results_dir)))


def epochs(results_dir: str) -> str:
    """Epochs of the experiments and the shares of their parts."""
    report = read(results_dir, "epochs.json")
    if report is None:
        return ""
    shares = ("share_of_networks", "share_of_gp", "share_of_reading", "share_of_the_rest")
    rows = [
        [row["experiment"], f"{row['fit_ms']:,.1f}", f"{row['seconds_per_epoch']:,.2f}",
         f"{row['images_per_second']:,.0f}", f"{row['whole_ms']:,.1f}",
         *(f"{100 * row[share]:.0f} %" for share in shares)]
        for row in report["rows"]
    ]  # fmt: skip
    header = ["experiment", "ms per step in fit", "s per epoch", "images per s", "ms per bare step", "networks", "GP",
              "reading", "the rest"]  # fmt: skip
    text = (
        "A step in fit is the median over calls of Keras' fit, each as long as those of the experiment (moving ball "
        "and sprites: a tenth of an epoch), with all that fit does beside it; an epoch is its steps. Shares of a bare "
        "step: the networks with their part of the optimiser, and the GP with its gradients, each measured alone on "
        "the same batch; what a step takes longer when it reads its batches; and the rest, which is the objective, the "
        "metrics and the optimiser's work on other parameters. The parts are measured apart, so that noise, some per "
        "cent of a step, can make a small one negative."
    )
    return f"### Epochs\n\n{text}\n\n{table(header, rows)}\n\n{_origin(report)}"


def settings(results_dir: str) -> str:
    """What the experiments set for TensorFlow, and what it is worth."""
    report = read(results_dir, "settings.json")
    if report is None:
        return ""
    rows = [
        [row["experiment"], f"{row['plain_ms']:,.0f}", f"{row['experiments_ms']:,.0f}", f"{row['ratio']:.2f}"]
        for row in report["rows"]
    ]
    names = " and ".join(f"`{name}={value}`" for name, value in report["settings"]["experiments"].items())
    text = f"The experiments set {names} in their environment; plain is 0 for both. Milliseconds per training step."
    header = ["experiment", "plain", "experiments' settings", "ratio"]
    return f"### TensorFlow's settings\n\n{text}\n\n{table(header, rows)}\n\n{_origin(report)}"


def executions(results_dir: str) -> str:
    """Several steps in one call of the training function."""
    report = read(results_dir, "epochs.json")
    if report is None:
        return ""
    rows = [
        [name, str(row["steps_per_execution"]), f"{row['median_ms']:.1f}", f"{row['ratio_to_one']:.2f}"]
        for name, of_name in report["steps_per_execution"].items()
        for row in of_name
    ]
    header = ["experiment", "steps_per_execution", "ms per step of `fit`", "to one"]
    return f"### Several steps per execution\n\n{table(header, rows)}"


def decoders(results_dir: str) -> str:
    """Decoders with up-sampling convolutions beside the same with two layers each."""
    report = read(results_dir, "decoders.json")
    if report is None:
        return ""
    rows = [
        [row["decoder"], f"{row['plain_ms']:,.1f}", f"{row['ours_ms']:,.1f}", f"{row['ratio']:.2f}",
         f"{row['relative_difference']:.0e}"]
        for row in report["rows"]
    ]  # fmt: skip
    header = ["decoder", "two layers, ms", "`UpsampledConv2D`, ms", "ratio", "outputs apart"]
    text = (
        "A decoder forward and backward on a batch, with nearest up-sampling and a 3x3 convolution as two layers and "
        "as one; how far their outputs are apart, relative to the largest, single precision."
    )
    return f"### Up-sampling convolutions\n\n{text}\n\n{table(header, rows)}\n\n{_origin(report)}"


def images(results_dir: str) -> str:
    """Time per image and memory against the number of images."""
    report = read(results_dir, "time_per_image.json")
    if report is None:
        return ""
    rows = [
        [str(row["digits"]), f"{row['num_data']:,}", f"{row['median_us']:.0f}", f"{row['ratio_to_first']:.2f}",
         f"{row['peak_mb']:.0f}", f"{row['data_mb']:.0f}"]
        for row in report["rows"]
    ]  # fmt: skip
    first, last = report["rows"][0], report["rows"][-1]
    slope = exponent([r["num_data"] for r in report["rows"]], [r["num_data"] * r["median_us"] for r in report["rows"]])
    growth = (last["peak_mb"] - first["peak_mb"]) / (last["data_mb"] - first["data_mb"])
    header = ["digits", "N", "microseconds per image", "to one digit's", "peak memory, MB", "data, MB"]
    text = (
        f"Rotated MNIST, objects and images. The time of an epoch grows with N to the power of {slope:.2f}. Per MB of "
        f"data memory grows by {growth:.2f} MB, the data themselves among it."
    )
    return f"### Time and memory against N\n\n{text}\n\n{table(header, rows)}\n\n{_origin(report)}"


def forms(results_dir: str) -> str:
    """This project's form beside the published one."""
    report = read(results_dir, "gp_forms.json")
    if report is None:
        return ""
    rows = []
    for row in sorted(report["rows"], key=_size):
        published, skipped = row.get("published"), row["published_skipped"]
        rows.append(
            [*(str(number) for number in _size(row)), f"{row['ours']['median_ms']:.1f}",
             skipped if published is None else f"{published['median_ms']:,.1f}",
             "" if published is None else f"{row['time_ratio']:.0f}",
             _megabytes(row["ours"]), "" if published is None else _megabytes(published),
             "" if published is None else f"{row['memory_ratio']:.0f}"]
        )  # fmt: skip
    header = ["b", "m", "L", "ms", "published, ms", "ratio", "MB", "published, MB", "ratio"]
    text = (
        "One step: posterior, regulariser and all gradients, float64. MB: growth of the process within a step. In the "
        "published form's place stands why it was left out: its memory, its time, or that a loop of 64 channels "
        "takes a minute to compile and one batch size shows it."
    )
    onednn = [
        f"{row['time_ratio_with_onednn']:.0f} times at b = {row['batch']}, m = {row['inducing']}, L = {row['latents']}"
        for row in report["rows"]
        if "time_ratio_with_onednn" in row
    ]
    if onednn:
        text += (
            " TensorFlow without oneDNN; with it, which transposes large tensors "
            f"faster, ratios of time are {' and '.join(onednn)}. The aims are 30 and 130."
        )
    return f"### A step beside the formulas as published\n\n{text}\n\n{table(header, rows)}\n\n{_origin(report)}"


def scaling(results_dir: str) -> str:
    """Fitted exponents, and the rows they are fitted to."""
    report = read(results_dir, "gp_scaling.json")
    if report is None:
        return ""
    rows = [
        [axis, _ranges(axis, result["rows"]), f"{result['time_exponent']:.2f}", f"{result['theory']:.0f}",
         _last(result["rows"], FIELDS[axis]), f"{result['memory_exponent']:.2f}",
         ", ".join(f"{row['min_ms']:.1f}" for row in result["rows"]),
         ", ".join(_megabytes(row) for row in result["rows"])]
        for axis, result in report["axes"].items()
    ]  # fmt: skip
    header = ["in", "from sizes", "time", "theory, b > m", "time, last doubling", "memory", "ms", "MB"]
    text = (
        "Exponents of time and memory of a step: slopes of straight lines through the logarithms. Each size has a "
        "process of its own. Fixed costs of a step lower the exponents; the last doubling has least of them, and in m "
        "it ends at b = m, where factors of m^3 weigh as much as products of b m^2. For N see time and memory against "
        "N."
    )
    return f"### Scaling\n\n{text}\n\n{table(header, rows)}\n\n{_origin(report)}"


def _last(rows: list[dict[str, Any]], field: str) -> str:
    """The exponent of time between the two largest sizes."""
    return f"{exponent([row[field] for row in rows[-2:]], [row['min_ms'] for row in rows[-2:]]):.2f}"


def large(results_dir: str) -> str:
    """Steps with many inducing points."""
    report = read(results_dir, "gp_scaling.json")
    if report is None:
        return ""
    rows = [
        [*(str(number) for number in _size(row)), f"{row['median_ms']:,.0f}", _megabytes(row),
         f"{row['inducing'] ** 2 * row['latents'] * 8 / 1e6:.0f}", f"{row['batch'] * row['inducing'] ** 2 * 8e-6:,.0f}"]
        for row in report["large"]
    ]  # fmt: skip
    header = ["b", "m", "L", "ms", "MB", "an (L, m, m) tensor, MB", "a (b, m, m) tensor, MB"]
    return f"### Many inducing points\n\n{table(header, rows)}"


def xla(results_dir: str) -> str:
    """A step with XLA and without."""
    report = read(results_dir, "gp_scaling.json")
    if report is None:
        return ""
    rows = [
        [*(str(number) for number in _size(row)), f"{row['plain_ms']:.1f}", f"{row['xla_ms']:.1f}",
         f"{row['xla_to_plain']:.1f}", *(f"{row['seconds_to_first_step'][name]:.1f}" for name in ("plain", "xla"))]
        for row in report["xla"]
    ]  # fmt: skip
    header = ["b", "m", "L", "ms", "with XLA, ms", "ratio", "first step, s", "with XLA, s"]
    return f"### XLA\n\nXLA's Cholesky factors are slow on processors.\n\n{table(header, rows)}"


def conditioning(results_dir: str) -> str:
    """Conditioning on streamed points."""
    report = read(results_dir, "conditioning.json")
    if report is None:
        return ""
    rows = []
    for row in report["rows"]:
        source, model = row["source"], row["conditioning"]
        numbers = [f"{part[key]:.1f}" for key in ("seconds", "growth_mb") for part in (source, model)]
        rows.append([f"{row['points']:,}", *numbers])
    header = ["points", "reading alone, s", "conditioning, s", "reading alone, MB", "conditioning, MB"]
    text = "A stream that makes its points as they are read, small networks, m = 64, L = 16. MB: growth of the process."
    return f"### Conditioning on streamed points\n\n{text}\n\n{table(header, rows)}\n\n{_origin(report)}"


def _size(row: dict[str, Any]) -> tuple[int, int, int]:
    return row["batch"], row["inducing"], row["latents"]


def _megabytes(row: dict[str, Any]) -> str:
    return f"{row['growth_mb']:,.1f}"


def _ranges(axis: str, rows: list[dict[str, Any]]) -> str:
    """ "b = 64 to 2048; m = 64, L = 16" """
    field = FIELDS[axis]
    fixed = [f"{name} = {rows[0][other]}" for name, other in FIELDS.items() if name != axis]
    return f"{axis} = {rows[0][field]:,} to {rows[-1][field]:,}; {', '.join(fixed)}"


def _origin(report: dict[str, Any]) -> str:
    made_by = report["made_by"]
    machine = f" ({made_by['machine']})" if "machine" in made_by else ""
    origin = f"{made_by['processors']} processors{machine}, commit {made_by['commit'][:12]}"
    return f"{origin}: `{made_by.get('command', '')}`." + (f" {report['note']}" if "note" in report else "")


def _main(_: list[str]) -> None:
    with open(flags.FLAGS.readme) as file:
        text = fill(file.read(), tables(flags.FLAGS.results_dir))
    with open(flags.FLAGS.readme, "w") as file:
        file.write(text)


if __name__ == "__main__":
    flags.DEFINE_string("readme", "benchmarks/README.md", "The file to rewrite.")
    flags.DEFINE_string("results_dir", "results", "Where the results are.")
    app.run(_main)

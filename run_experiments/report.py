"""Writes docs/results.md, and the headline results in README.md, from the files in results/.

python -m run_experiments.report
"""

from types import ModuleType

from absl import flags

from run_experiments.common import command, markdown
from run_experiments.moving_ball import tables as moving_ball
from run_experiments.rotated_mnist import tables as rotated_mnist
from run_experiments.sprites import tables as sprites

EXPERIMENTS: tuple[ModuleType, ...] = (moving_ball, rotated_mnist, sprites)
"""Modules with the name, introduction, sections and headline of each experiment."""


def tables(results_dir: str) -> str:
    """All tables whose results exist, as Markdown with one section per experiment."""
    parts = []
    for experiment in EXPERIMENTS:
        if text := markdown.render(experiment.SECTIONS, results_dir):
            parts.append(f"## {experiment.NAME}\n\n{experiment.INTRODUCTION}\n\n{text}")
    return "\n\n".join(parts)


def headlines(results_dir: str) -> str:
    """The main result of each experiment whose results exist, as a Markdown list; links are relative to README.md."""
    lines = [(experiment.NAME, experiment.HEADLINE.body(results_dir)) for experiment in EXPERIMENTS]
    return "\n".join(f"* **{name}.** {text}" for name, text in lines if text)


def write_headlines(path: str, results_dir: str) -> None:
    """Write the headlines between a file's markers; does nothing if it has none."""
    with open(path) as file:
        marked = markdown.has_markers(file.read(), "headlines")
    if marked:
        markdown.rewrite(path, headlines(results_dir), "headlines")


def _main() -> None:
    f = flags.FLAGS
    markdown.rewrite(f.output, tables(f.results_dir))
    write_headlines(f.readme, f.results_dir)


if __name__ == "__main__":
    flags.DEFINE_string("output", "docs/results.md", "File whose tables are rewritten, between its markers.")
    flags.DEFINE_string("readme", "README.md", "File whose headlines are rewritten, if it has markers for them.")
    flags.DEFINE_string("results_dir", "results", "Folder with the results.")
    command.run(_main)

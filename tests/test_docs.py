"""The documentation is true: its Python blocks run, its links lead somewhere."""

import importlib
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))
WRITTEN = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]

MODULES = [
    "kernels",
    "features",
    "models",
    "priors",
    "likelihoods",
    "objectives",
    "optimizers",
    "layers",
    "inducing",
    "callbacks",
]


def relative(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_blocks(path: pathlib.Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(path: pathlib.Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [path for path in PAGES if python_blocks(path)], ids=relative)
def test_the_python_blocks_of_a_page_run_one_after_the_other(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "docs"}
    for number, block in enumerate(python_blocks(path), 1):
        exec(compile(block, f"{relative(path)}, block {number}", "exec"), names)


@pytest.mark.parametrize("path", WRITTEN, ids=relative)
def test_every_link_leads_to_a_file_and_a_heading(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), f"{relative(path)} links to {target}"
        assert not anchor or anchor in anchors(found), f"{relative(path)} links to {target}"


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_every_page_can_be_reached_from_the_index(path):
    reached, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.read_text())
        waiting += [page.parent / link for link in links if not link.startswith("http")]
    assert path in reached, f"no link leads to {relative(path)}"


@pytest.mark.parametrize("name", ["svgp_vae_tf", *(f"svgp_vae_tf.{module}" for module in MODULES)])
def test_every_public_name_is_in_the_api_index(name):
    module = importlib.import_module(name)
    own = [key for key, value in vars(module).items() if key[0] != "_" and getattr(value, "__module__", "") == name]
    named = set(re.findall(r"\w+", (ROOT / "docs" / "api" / "index.md").read_text()))
    aliases = {"auxiliary", "groups", "networks"}  # earlier names of modules
    assert not set(getattr(module, "__all__", own)) - named - aliases

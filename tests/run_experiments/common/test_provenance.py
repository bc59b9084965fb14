"""Where results come from."""

import subprocess

import pytest

from run_experiments.common import provenance


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python -m x --data=/a/b c.npz", "python -m x --data=b c.npz"),
        ("python -m x --data /a/b/c.npz --y=1", "python -m x --data c.npz --y=1"),
        ("python -m x --data=~/a/b/ --y=a/b", "python -m x --data=b --y=a/b"),
        ("python -m x --rate=1/2", "python -m x --rate=1/2"),
    ],
)
def test_commands_are_kept_without_folders_of_one_machine(command, expected):
    assert provenance.without_folders(command) == expected


def test_a_result_says_where_it_came_from():
    made_by = provenance.provenance()
    assert made_by["command"].startswith("python ") and made_by["processors"] >= 1
    assert made_by["machine"]


@pytest.fixture
def repository(tmp_path):
    """A repository with files of code and of results, and a function that changes one."""

    def git(*arguments: str) -> None:
        names = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *names, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def change(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    for name in ("code.py", "docs/guide.md", "docs/results.md", "results/a.json", "README.md", "benchmarks/README.md"):
        change(name, "old")
    git("init")
    git("add", ".")
    git("commit", "-m", "all")
    return str(tmp_path), change


@pytest.mark.parametrize("name", ["docs/results.md", "results/a.json", "README.md", "benchmarks/README.md", "new.py"])
def test_tables_and_results_that_are_written_again_do_not_change_the_code(repository, name):
    folder, change = repository
    before = provenance.commit(folder)
    change(name, "new")
    assert len(before) == 40
    assert provenance.commit(folder) == before


@pytest.mark.parametrize("name", ["code.py", "docs/guide.md"])
def test_changes_of_the_code_are_marked(repository, name):
    folder, change = repository
    before = provenance.commit(folder)
    change(name, "new")
    assert provenance.commit(folder) == f"{before}+changes"


def test_outside_a_repository_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit(str(tmp_path)) == "unknown"

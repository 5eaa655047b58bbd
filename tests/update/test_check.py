"""Proves that `kscaffold check` finds what an update would change."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from matrix import golden_projects
from projects import MODEL, NAME, TRAIN, check, edit, make_old

from scaffold.cli import main
from scaffold.errors import WriteError

pytestmark = pytest.mark.usefixtures("project")


def test_check():
    """Generated modules and projects are found in folders, and no other files."""
    make_old("a.py")
    Path("deep").mkdir()
    make_old("deep/b.py", test_step=True)
    Path("deep/c.py").write_text("x = 1\n")
    Path("deep/pyproject.toml").write_text("[tool.black]\n")

    assert "3 of 3 up to date\n" == check(".")
    assert "3 of 3 up to date\n" == check("a.py", "deep", "deep/b.py", NAME, MODEL)
    assert "0 of 0 up to date\n" == check("deep/c.py")
    assert "does not exist" in check("no.py", code=2)


def test_check_of_what_is_old(monkeypatch):
    """A file that would change is reported with the command, and the status is 1."""
    make_old("a.py")
    make_old("b.py")
    edit("b.py", "        grad_fn = ", "        # Mine.\n        grad_fn = ")
    before = {path: Path(path).read_text() for path in ("a.py", "b.py")}
    from scaffold.update import module_update

    real = module_update.generated_text
    monkeypatch.setattr(
        module_update,
        "generated_text",
        lambda *a: real(*a).replace("Update the metrics", "New"),
    )

    said = check("a.py", "b.py", code=1)

    assert [
        "a.py would change: kscaffold update a.py",
        "b.py would change: kscaffold update b.py",
        "0 of 2 up to date",
    ] == said.splitlines()
    result = CliRunner().invoke(main, ["check", "b.py", "--diff", "--json"])
    [one] = json.loads(result.stdout)["checked"]
    assert ("b.py", "differs", None) == (one["target"], one["status"], one["error"])
    assert "+        # New." in one["files"][0]["diff"]
    assert before == {path: Path(path).read_text() for path in before}


def test_check_of_what_is_broken():
    """Conflicts and lost records are reported per file, and other files are checked."""
    make_old("a.py")
    make_old("b.py")
    Path("a.py").write_text(
        Path("a.py").read_text() + "<<<<<<< yours\n>>>>>>> kscaffold\n"
    )
    lines = Path("b.py").read_text().split("\n")
    Path("b.py").write_text("\n".join(lines[:-2]))
    make_old("c.py")

    said = check("a.py", "b.py", "c.py", code=2)

    assert "a.py has unresolved conflicts" in said
    assert "b.py has no lines # kscaffold:base:" in said
    assert said.endswith("1 of 3 up to date\n")
    data = json.loads(CliRunner().invoke(main, ["check", ".", "--json"]).stdout)
    assert {"error", "same"} == {one["status"] for one in data["checked"]}


def test_check_does_not_walk_into_environments():
    """Hidden folders and environments are not searched."""
    for name in (".hidden", "venv", "runs"):
        Path(name).mkdir()
        make_old(f"{name}/a.py")
    Path("venv", "pyvenv.cfg").write_text("")

    assert "1 of 1 up to date\n" == check(".")


def test_golden_projects_are_up_to_date():
    """The committed projects need no update."""
    for path in golden_projects():
        assert "1 of 1 up to date\n" == check(path)


def test_check_of_files_of_a_project():
    """If PATH is a file of a project, the whole project is checked."""
    assert "1 of 1 up to date\n" == check(TRAIN)
    assert "1 of 1 up to date\n" == check(f"{NAME}/pyproject.toml", TRAIN, MODEL)
    assert "does not exist" in check("no/pyproject.toml", code=2)


def test_file_that_cannot_be_read(monkeypatch):
    """A file that cannot be read is one entry, and the other files are checked."""
    from scaffold.update import update_targets

    make_old("b.py")
    Path("a.py").write_text("x = 1\n")
    real = update_targets.read

    def read(path):
        if path.name == "a.py":
            raise WriteError("a.py cannot be read: Permission denied.")
        return real(path)

    monkeypatch.setattr(update_targets, "read", read)
    data = json.loads(CliRunner().invoke(main, ["check", ".", "--json"]).stdout)

    assert {"a.py": "error", "b.py": "same", NAME: "same"} == {
        entry["target"]: entry["status"] for entry in data["checked"]
    }

"""Proves that the update of a project keeps the edits in every file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from projects import MODEL, NAME, TRAIN, edit, expected, files, update

from scaffold.cli import main
from scaffold.update import file_swap

pytestmark = pytest.mark.usefixtures("plain_compiler", "project")


CHANGES = [
    ["--test-step", "--manual-loss"],
    pytest.param(
        ["--task", "multiclass", "--sample-weight", "--fuse-steps"],
        marks=pytest.mark.exhaustive,
    ),
    pytest.param(
        ["--style", "subclass", "--class-name", "Net", "--no-demo"],
        marks=pytest.mark.exhaustive,
    ),
    ["--line-length", "100", "--target-version", "py312"],
]


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_round_trip(words):
    """Without edits, an update equals a new project, and the way back the old one."""
    before = files()
    command = ["new", "other/my_project", *words]
    assert 0 == CliRunner().invoke(main, command).exit_code

    update(NAME, *words)

    assert files(f"other/{NAME}") == files()
    names = [word[2:] for word in words if word.startswith("--")]
    names = [name.removeprefix("no-") for name in names]
    update(NAME, *(word for name in names for word in ("--unset", name)))
    assert before == files()
    assert f"{NAME} is up to date\n" == update(NAME)


def test_edits_stay():
    """Edits in all files are kept, including tables in `pyproject.toml`."""
    edits = {
        "pyproject.toml": ('"scikit-learn",', '"scikit-learn",\n    "pandas",'),
        "README.md": ("## Training\n", "## Training\n\nMine.\n"),
        ".gitignore": ("runs", "runs\nmine"),
        f"{NAME}/data.py": ("def read_data", "# Mine.\n\n\ndef read_data"),
        f"{NAME}/train.py": ("def build_model", "# Mine.\n\n\ndef build_model"),
        f"{NAME}/model.py": (
            "        grad_fn = ",
            "        # Mine.\n        grad_fn = ",
        ),
    }
    for path, (old, new) in edits.items():
        content = Path(NAME, path).read_text()
        Path(NAME, path).write_text(content.replace(old, new, 1))
    Path(NAME, "pyproject.toml").write_text(
        Path(NAME, "pyproject.toml").read_text() + "\n[tool.mine]\nx = 1\n"
    )

    update(NAME, "--manual-metrics", "--sample-weight", "--test-step")

    options = {"manual_metrics": True, "sample_weight": True, "test_step": True}
    wanted = expected(**options)
    for path, (old, new) in edits.items():
        wanted[path] = wanted[path].replace(old, new, 1)
    wanted["pyproject.toml"] += "\n[tool.mine]\nx = 1\n"
    assert wanted == files()
    assert f"{NAME} is up to date\n" == update(NAME)


@pytest.mark.exhaustive
def test_updated_project_trains():
    """An updated project with edits trains."""
    edit(MODEL, "        grad_fn = ", "        # Mine.\n        grad_fn = ")
    update(NAME, "--task", "multiclass", "--sample-weight", "--fuse-steps")

    done = subprocess.run(
        [sys.executable, "-m", f"{NAME}.train", "--epochs", "1"],
        cwd=NAME,
        env={**os.environ, "XLA_FLAGS": ""},
        capture_output=True,
        text=True,
    )

    assert 0 == done.returncode, done.stdout + done.stderr


def test_renamed_class():
    """A class that the user renamed keeps its name in all files."""
    for path in (MODEL, TRAIN):
        Path(path).write_text(Path(path).read_text().replace("CustomModel", "Net"))

    update(NAME, "--manual-loss", "--style", "sequential")

    wanted = expected(manual_loss=True, style="sequential", class_name="Net")
    assert wanted == files()


def test_conflict():
    """A conflict in one file is reported, and the other files are updated."""
    edit(MODEL, "For a loss of your own,", "For a loss of their own,")
    before = files()

    said = update(NAME, "--manual-loss", "--abort-on-conflict", code=1)

    assert "Nothing was changed." in said
    assert before == files()
    said = update(NAME, "--manual-loss", code=1)
    assert f"Conflict in {MODEL}, lines " in said
    assert expected(manual_loss=True)[f"{NAME}/train.py"] == Path(TRAIN).read_text()
    assert "unresolved conflicts" in update(NAME, code=2)


@pytest.mark.parametrize(
    "ends_after",
    [2, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (1, 3))],
)
def test_killed_between_files(ends_after, monkeypatch):
    """After a kill between two files, the same update completes the rest."""
    edit(MODEL, "        grad_fn = ", "        # Mine.\n        grad_fn = ")
    real, written = file_swap.write_locked, []

    def some(contents, force=False):
        if force:
            real(contents[:ends_after], force=True)
            written.extend(contents[:ends_after])
            raise KeyboardInterrupt
        real(contents)

    options = ["--manual-loss", "--task", "binary"]
    with monkeypatch.context() as patch:
        patch.setattr(file_swap, "write_locked", some)
        CliRunner().invoke(main, ["update", NAME, *options])
    assert ends_after == len(written)

    update(NAME, *options)

    wanted = expected(manual_loss=True, task="binary")
    old = "        grad_fn = "
    wanted[f"{NAME}/model.py"] = wanted[f"{NAME}/model.py"].replace(
        old, f"        # Mine.\n{old}"
    )
    assert wanted == files()


def test_json():
    """The JSON result lists the files with their statuses."""
    result = CliRunner().invoke(
        main, ["update", NAME, "--test-step", "--dry-run", "--json"]
    )

    data = json.loads(result.stdout)
    statuses = {file["path"]: file["status"] for file in data["files"]}
    assert f"kscaffold new {NAME} --test-step" == data["command"]
    assert "would be updated" == statuses[MODEL]
    assert "same" == statuses[f"{NAME}/.gitignore"]
    assert len(statuses) == len(files())


def test_diff_of_files_that_are_away():
    """A removed file has no diff, and causes no error."""
    Path(NAME, "README.md").unlink()

    result = CliRunner().invoke(main, ["update", NAME, "--test-step", "--diff"])

    assert 0 == result.exit_code
    assert "README" not in result.stdout
    result = CliRunner().invoke(main, ["check", NAME, "--diff"])
    assert (0, "") == (result.exit_code, result.stdout)


def test_neither_file_nor_folder():
    """A file that is not Python is refused."""
    Path("note.txt").write_text("x")

    assert "neither a Python file, a notebook nor a folder" in update(
        "note.txt", code=2
    )

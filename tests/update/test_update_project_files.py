"""Proves that the files of a project are found, including moved ones."""

import re
import tomllib
from pathlib import Path, PurePath

import pytest
from projects import MODEL, NAME, TRAIN, check, edit, expected, files, make_old, update

from scaffold import Spec

pytestmark = pytest.mark.usefixtures("project")


def test_moved_files():
    """Moved files are updated in their new place."""
    Path(NAME, "nets").mkdir()
    Path(MODEL).rename(f"{NAME}/nets/net.py")
    edit(TRAIN, "from .model import", "from ..nets.net import")

    said = update(NAME, "--test-step")

    wanted = expected(test_step=True)
    assert wanted[f"{NAME}/model.py"] == Path(NAME, "nets/net.py").read_text()
    assert not Path(MODEL).exists()
    assert f"Updated {NAME}/nets/net.py\n" in said
    assert f"{NAME} is up to date\n" == update(NAME)
    # A file of the project cannot be updated alone.
    assert f"kscaffold update {NAME}" in update(f"{NAME}/nets/net.py", code=2)


def test_renamed_project():
    """A project in a renamed folder keeps the name of its package."""
    Path(NAME).rename("clone")

    update("clone", "--test-step")

    assert expected(test_step=True) == files("clone")


def test_renamed_package():
    """A renamed package is found by its content."""
    Path(NAME, NAME).rename(Path(NAME, "net"))
    for path in [*Path(NAME, "net").glob("*.py"), Path(NAME, "tests/test_model.py")]:
        path.write_text(path.read_text().replace(NAME, "net"))

    update(NAME, "--manual-loss")

    wanted = expected(manual_loss=True)
    for name in ("model", "train", "data", "checkpoint"):
        found = Path(NAME, "net", f"{name}.py").read_text()
        assert wanted[f"{NAME}/{name}.py"].replace(NAME, "net") == found.replace(
            NAME, "net"
        )
    assert not Path(NAME, NAME).exists()


def test_removed_file():
    """A removed file stays removed. It is reported if the update changes it."""
    Path(NAME, "README.md").unlink()
    Path(TRAIN).unlink()

    update(NAME, "--test-step")

    assert not Path(NAME, "README.md").exists()
    said = update(NAME, "--class-name", "Net", code=1)
    assert "README.md: you removed this file, so the update could not" in said
    assert "train.py: you removed this file, so the update could not" in said
    assert not Path(TRAIN).exists()
    assert f"{NAME} is up to date\n" == update(NAME)


def test_new_and_dropped_files(monkeypatch):
    """New files are added, and files that are no longer generated are removed."""
    from scaffold.recipes import project_templates
    from scaffold.update import project_update, recorded_paths

    real = project_update.project_texts

    def other(spec, package):
        found = real(spec, package)
        record = found.pop(f"{package}/distribution.py")
        found.pop("README.md")
        found.pop(f"{package}/report.py")
        found[f"{package}/spread.py"] = record
        return dict(sorted(found.items(), key=lambda item: PurePath(item[0]).parts))

    def templates(recipe, package):
        return {**project_templates(recipe, package), f"{package}/spread.py": ""}

    monkeypatch.setattr(project_update, "project_texts", other)
    monkeypatch.setattr(recorded_paths, "project_templates", templates)
    edit(f"{NAME}/README.md", "## Training", "## My training")
    Path(NAME, NAME, "report.py").rename(f"{NAME}/{NAME}/curves.py")
    Path(NAME, "mine.py").write_text("mine = 1\n")
    settings = Path(NAME, "pyproject.toml")
    text = settings.read_text()
    settings.write_text(re.sub('(?m)^(".*gitignore" = .*)$', r"\1  # mine", text))

    said = update(NAME, "--backup", code=1)

    assert f"Added {NAME}/{NAME}/spread.py" in said
    assert f"Removed {NAME}/{NAME}/distribution.py" in said
    assert "README.md: kscaffold no longer generates this file; it stays" in said
    assert "curves.py: kscaffold no longer generates this file; it stays" in said
    assert Path(NAME, NAME, "curves.py").exists()
    assert not Path(NAME, NAME, "distribution.py").exists()
    assert Path(NAME, NAME, "distribution.py.orig").exists()
    words = tomllib.loads(settings.read_text())["tool"]["kscaffold"]["base"]
    assert list(other(Spec(), NAME)) == list(words)
    assert 1 == settings.read_text().count("  # mine")
    assert "## My training" in Path(NAME, "README.md").read_text()
    assert "mine = 1\n" == Path(NAME, "mine.py").read_text()
    assert f"{NAME} is up to date\n" == update(NAME)


def test_other_models_are_not_moved_files():
    """A separate model in the project is not taken for a moved file."""
    Path(NAME, "exp").mkdir()
    make_old(f"{NAME}/exp/net.py", style="subclass")
    before = Path(NAME, "exp/net.py").read_text()
    Path(MODEL).unlink()

    update(NAME, "--test-step", code=1)

    assert before == Path(NAME, "exp/net.py").read_text()


def test_model_of_its_own_in_a_project():
    """A separate model in the project is updated alone."""
    Path(NAME, "exp").mkdir()
    make_old(f"{NAME}/exp/model.py")

    update(f"{NAME}/exp/model.py", "--test-step")

    assert "def test_step" in Path(NAME, "exp/model.py").read_text()
    assert "2 of 2 up to date\n" == check(NAME)
    # A file of the project is not, with or without --base.
    for words in ([], ["--base", MODEL]):
        assert f"kscaffold update {NAME}" in update(MODEL, *words, code=2)

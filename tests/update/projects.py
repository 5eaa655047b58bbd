"""Writes, edits, updates and checks projects, for tests."""

from pathlib import Path

from click.testing import CliRunner

from scaffold import Spec, render
from scaffold.cli import main

NAME = "my_project"


MODEL = f"{NAME}/{NAME}/model.py"


TRAIN = f"{NAME}/{NAME}/train.py"


def update(*arguments, code=0):
    """Runs `kscaffold update`, and returns its messages."""
    result = CliRunner().invoke(main, ["update", *map(str, arguments)])
    assert code == result.exit_code, result.output
    return result.stderr


def check(*arguments, code=0):
    """Runs `kscaffold check`, and returns its messages."""
    result = CliRunner().invoke(main, ["check", *map(str, arguments)])
    assert code == result.exit_code, result.output
    return result.stderr


def edit(path, old, new):
    """Replaces a part of a file that occurs once."""
    content = Path(path).read_text()
    assert 1 == content.count(old)
    Path(path).write_text(content.replace(old, new))


def files(below=NAME) -> dict[str, str]:
    """Reads the files of a project."""
    return {
        path.relative_to(below).as_posix(): path.read_text()
        for path in Path(below).rglob("*")
        if path.is_file()
    }


def expected(**options) -> dict[str, str]:
    """Renders a project."""
    return {
        file.path.relative_to(NAME).as_posix(): file.text
        for file in render(Spec(**options), NAME)
    }


def make_old(path, **options):
    """Writes a module that an update would change."""
    content = render(Spec(**options), str(path))[0].text
    Path(path).write_text(content)

"""Finds the merge bases of a project: its files as they were generated."""

from pathlib import Path

from ..errors import RecordError
from ..pyproject_table import SETTINGS, read_table, without_table
from ..record import LINE as RECORD
from ..record import MARK, Record
from ..regular_files import shown
from ..rendering import project_texts
from ..spec import Spec
from .merge_base import check_version, decoded, with_place
from .user_file import UserFile


def read_pyproject(folder: Path) -> tuple[UserFile, dict]:
    """Reads a project's `pyproject.toml`, and the table of kscaffold in it."""
    settings = UserFile.read(folder / SETTINGS)
    name = shown(settings.path)
    if settings.content is None:
        raise RecordError(
            f"{shown(folder)} is not a project: it has no {SETTINGS}.",
            "Name a FILE.py, or a folder that `kscaffold new` wrote.",
            code="not-generated",
        )
    try:
        section = read_table(settings.text)
    except RecordError as error:
        raise RecordError(
            f"{name}: {error.message}",
            "Restore the section that `kscaffold new` wrote from version control.",
        ) from error
    check_version(name, section["version"])
    return settings, section


def recorded_bases(folder: Path, section: dict) -> dict[str, Record]:
    """Returns the merge bases that are recorded in a project."""
    name = shown(folder / SETTINGS)
    words = section["base"]
    if SETTINGS not in words:
        raise RecordError(
            f"{name} has no records of the files as they were generated.",
            "Restore the section [tool.kscaffold.base] from version control, or pass a "
            "folder with the project as it was generated: --base FOLDER.",
        )
    return {
        path: decoded(word, f"The record of {path} in {name}", SETTINGS, path)
        for path, word in words.items()
    }


def bases_in(folder: Path, spec: Spec, package: str) -> dict[str, Record]:
    """Returns the merge bases from a folder with a project as it was generated."""
    _, section = read_pyproject(folder)
    bases = {}
    for path, record in project_texts(spec, package).items():
        file = UserFile.read(folder / path)
        if file.content is None:
            continue
        text = file.text
        if path == SETTINGS:
            text = without_table(text, section)
        elif path == f"{package}/model.py":
            text = RECORD.sub(MARK, with_place(text))
        bases[path] = Record(text, record.styles)
        if path in section["base"]:
            what = f"The record of {path}"
            bases[path] = decoded(section["base"][path], what, path, path)
            if bases[path].text != text:
                raise RecordError(
                    f"{shown(file.path)} was edited after it was generated.",
                    "Pass a folder with the project as it was generated to --base.",
                    code="base-invalid",
                )
    return bases

"""Finds generated modules and projects, and plans the update of a target."""

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import KscaffoldError, RecordError, WriteError
from ..header import LINE as HEADER
from ..pyproject_table import SETTINGS, has_table, records_in
from ..record import LINE as RECORD
from ..regular_files import as_argument, is_folder, most_bytes, read, shown
from ..target_names import is_notebook, is_project
from .module_update import plan_module
from .notebook_file import lines_in
from .option_changes import OptionChanges
from .project_files import files_below
from .project_update import plan_project
from .update_plan import UpdatePlan


def plan_update(
    target: str, change: OptionChanges, base: str | None = None
) -> UpdatePlan:
    """Plans an update, without writing a file.

    Args:
        target: A module, a notebook, or the folder of a project.
        change: The options that change.
        base: A file or a folder with the target as it was generated, which replaces
            the records in the target.

    Returns:
        The plan, for `apply()`.

    Raises:
        KscaffoldError: If the target cannot be updated.
    """
    check_named(target)
    path, base = Path(target), None if base is None else Path(base)
    if is_project(target) or is_folder(path):
        if os.path.isfile(path):
            raise RecordError(
                f"{shown(path)} is neither a Python file, a notebook nor a folder.",
                "Name a FILE.py, a FILE.ipynb or a folder that `kscaffold new` wrote.",
                code="file-not-regular",
            )
        return plan_project(path, change, base)
    project = project_of(path)
    if project is not None:
        raise RecordError(
            f"{shown(path)} belongs to a project, which has one set of options.",
            f"Run: kscaffold update {as_argument(project)}",
            code="file-in-project",
        )
    return plan_module(path, change, base)


def check_named(target: str) -> None:
    """Refuses an empty path, as an unset variable of a shell is.

    Raises:
        WriteError: If the path is empty.
    """
    if not target:
        raise WriteError(
            "The path is empty.", "Name a file or a folder.", code="path-empty"
        )


def project_of(path: Path) -> Path | None:
    """Returns the folder of the project that a file belongs to, or `None`.

    A file belongs to a project if the project was generated with a file at its path, or
    if it has the record of a file that is missing, and so was moved.
    """
    records = _ends(path)[1]
    for folder in path.absolute().parents:
        words = _words(folder / SETTINGS)
        place = path.absolute().relative_to(folder).as_posix()
        moved = (
            word in records and not os.path.exists(folder / where)
            for where, word in words.items()
        )
        if place in words or any(moved):
            shortened = os.path.relpath(folder)
            return folder if shortened.startswith("..") else Path(shortened)
    return None


def candidates(path: Path, errors: list[KscaffoldError]) -> Iterator[Path]:
    """Yields the files that may be generated: a file itself, or those in a folder.

    Args:
        path: The file or the folder.
        errors: Collects the errors of folders that cannot be read.
    """
    if not is_folder(path):
        yield path
        return
    for below in files_below(path, errors):
        is_named_so = below.name == SETTINGS or below.suffix in (".py", ".ipynb")
        if is_named_so and os.path.getsize(below) <= most_bytes(below):
            yield below


def generated(path: Path) -> Path | None:
    """Returns the target that a file belongs to: the module, or the project's folder.

    Returns:
        `None` if kscaffold did not generate the file.

    Raises:
        WriteError: If the file does not exist, or cannot be read.
    """
    if path.name == SETTINGS:
        return path.parent if has_table(_text(path)) else None
    return project_of(path) or (path if any(_ends(path)) else None)


def header_version(path: Path) -> str | None:
    """Returns the version of kscaffold in the header of a file, if it has one.

    Raises:
        WriteError: If the file does not exist, or cannot be read.
    """
    headers, _ = _ends(path)
    return HEADER.match(headers[0])["version"] if headers else None


def _words(settings: Path) -> dict[str, str]:
    """Returns the records in a `pyproject.toml`, by the paths of the files."""
    try:
        text = (read(settings) or b"").decode("utf-8")
    except (KscaffoldError, UnicodeDecodeError):
        return {}
    return records_in(text) if "kscaffold" in text else {}


def _ends(path: Path) -> tuple[list[str], list[str]]:
    """Returns the headers and the records in a file."""
    text = _text(path)
    if is_notebook(str(path)):
        text = "\n".join(lines_in(text))
    return [match[0] for match in HEADER.finditer(text)], RECORD.findall(text)


def _text(path: Path) -> str:
    """Reads a file, which may be in any encoding."""
    content = read(path)
    if content is None:
        raise WriteError(
            f"{shown(path)} does not exist.", "Check the path.", code="file-missing"
        )
    return content.decode("utf-8", "replace").replace("\r\n", "\n")

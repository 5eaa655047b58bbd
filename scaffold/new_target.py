"""Checks whether `kscaffold new` may write its target, before anything is rendered."""

import os
from pathlib import Path

from .errors import WriteError
from .pyproject_table import SETTINGS, has_table, records_in
from .regular_files import (
    as_argument,
    file_errors,
    is_folder,
    is_regular,
    read,
    shown,
)
from .target_names import check_target, first_file, is_project
from .writing import check_writable


def check_new_target(target: str, force: bool, writes: bool) -> None:
    """Checks the name of a target, and what exists under that name.

    Args:
        target: A module, the folder of a project, or `-`.
        force: Whether existing files may be overwritten.
        writes: Whether files are written, and not only compared.

    Raises:
        SpecError: If the target cannot be imported, or hides another module.
        WriteError: If the target exists and `force` is not set, or if it is a folder
            that a project cannot be written into.
    """
    check_target(target)
    if target == "-":
        return
    if is_project(target):
        check_folder(Path(target), force)
    path = Path(first_file(target))
    if writes:
        unfinished = is_project(target) and _is_unfinished(Path(target))
        check_writable([path], force or unfinished)
    else:
        with file_errors(path, "read"):
            is_regular(path)


def check_folder(folder: Path, force: bool) -> None:
    """Checks that a project may be written into a folder.

    The folder may be absent, empty, or hold a generated project. Hidden files do not
    count: a new Git repository is empty.

    Args:
        folder: The folder.
        force: Whether the folder may have other files.

    Raises:
        WriteError: If the folder is a package, or if it has other files.
    """
    if not is_folder(folder):
        return
    with file_errors(folder, "read"):
        names = {path.name for path in folder.iterdir()}
    command = f"kscaffold new {as_argument(folder / 'model.py')}"
    if "__init__.py" in names:
        raise WriteError(
            f"The folder {shown(folder)} is already a Python package.",
            f"To add a model to it: {command}",
            code="folder-taken",
        )
    is_empty = all(name.startswith(".") for name in names)
    if not (force or is_empty or _is_generated(folder)):
        raise WriteError(
            f"The folder {shown(folder)} already has files, and is not a kscaffold "
            "project.",
            f"Name a new folder, or write one module: {command}. --force writes the "
            "project anyway, and overwrites files of the same names.",
            code="folder-taken",
        )


def _is_unfinished(folder: Path) -> bool:
    """Returns whether a project lacks files, as it does if `new` was killed."""
    settings = read(folder / SETTINGS) or b""
    recorded = records_in(settings.decode("utf-8", "replace"))
    return not all(os.path.isfile(folder / path) for path in recorded)


def _is_generated(folder: Path) -> bool:
    """Returns whether `kscaffold new` wrote the project in a folder."""
    settings = read(folder / SETTINGS)
    return settings is not None and has_table(settings.decode("utf-8", "replace"))

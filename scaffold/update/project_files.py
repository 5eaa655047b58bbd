"""Finds the files of a project, including files that the user moved."""

import difflib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import KscaffoldError
from ..pyproject_table import SETTINGS, has_table
from ..record import LINE as RECORD
from ..record import Record
from ..regular_files import file_errors, read
from .module_merge import neutral
from .user_file import UserFile

#: The smallest similarity at which a file counts as moved, as in Git.
SIMILAR = 0.5
#: Folders that are not searched. Hidden folders are not searched either.
SKIPPED = ("__pycache__", "build", "dist", "node_modules", "runs")


def locate(folder: Path, bases: dict[str, Record]) -> dict[str, UserFile]:
    """Finds the files of a project.

    Args:
        folder: The project.
        bases: The merge bases, by their paths in the project.

    Returns:
        The user's file for each base: the file at its path, else the most similar file
        with the same suffix. It has no content if there is none.
    """
    user_files = {path: UserFile.read(folder / path) for path in bases}
    missing = [path for path, file in user_files.items() if file.content is None]
    if missing:
        suffixes = {Path(path).suffix for path in missing}
        others = {}
        below = [*files_below(folder)]
        inner = {path.parent for path in below if _is_another_project(path, folder)}
        for path in below:
            known = path.relative_to(folder).as_posix() in bases
            if path.suffix in suffixes and not known and inner.isdisjoint(path.parents):
                # A file that cannot be read was not generated.
                with suppress(KscaffoldError):
                    others[path] = UserFile.read(path)
        for path in missing:
            nearest = _nearest(bases[path], Path(path).suffix, others)
            if nearest is not None:
                user_files[path] = others.pop(nearest)
    return user_files


def files_below(
    folder: Path, errors: list[KscaffoldError] | None = None
) -> Iterator[Path]:
    """Yields the files below a folder, except hidden ones, environments and caches.

    Args:
        folder: The folder.
        errors: Collects the errors of folders that cannot be read.
    """
    folders = [folder]
    while folders:
        try:
            with file_errors(folders[-1], "read"):
                paths = sorted(folders.pop().iterdir(), reverse=True)
        except KscaffoldError as error:
            if errors is not None:
                errors.append(error)
            continue
        inner = []
        for path in reversed(paths):
            if path.name.startswith(".") or os.path.islink(path):
                continue
            if os.path.isfile(path):
                yield path
            elif os.path.isdir(path) and not (
                path.name in SKIPPED
                or path.suffix == ".egg-info"
                or os.path.exists(path / "pyvenv.cfg")
            ):
                inner.append(path)
        folders += reversed(inner)


def _is_another_project(path: Path, folder: Path) -> bool:
    """Returns whether a file is the `pyproject.toml` of a project in this one."""
    if path.name != SETTINGS or path.parent == folder:
        return False
    try:
        return has_table((read(path) or b"").decode("utf-8", "replace"))
    except KscaffoldError:
        return False


def _nearest(base: Record, suffix: str, others: dict[Path, UserFile]) -> Path | None:
    """Returns the file that is most similar to a base, if it is similar enough."""
    ratios = {
        path: _similarity(base.text, file.text)
        for path, file in others.items()
        # A file with the record of another text is another file.
        if path.suffix == suffix and RECORD.findall(file.text) in ([], [base.word])
    }
    nearest = max(ratios, key=ratios.get, default=None)
    return nearest if ratios.get(nearest, 0) >= SIMILAR else None


def _similarity(one: str, other: str) -> float:
    """Returns how similar two texts are: 1 if they are equal, 0 if nothing is."""
    lines = (neutral(text).split("\n") for text in (one, other))
    matcher = difflib.SequenceMatcher(None, *lines, False)
    # The lengths alone tell that most files are others, however long they are.
    most = matcher.real_quick_ratio()
    return matcher.ratio() if most >= SIMILAR else most

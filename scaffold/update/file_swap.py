"""Replaces files so that each is either the old one or the new one at any time."""

import os
import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from ..errors import WriteError
from ..interrupts import uninterrupted
from ..regular_files import file_errors, read, shown
from ..writing import write_locked
from .update_plan import FileUpdate


def apply(files: Iterable[FileUpdate], backup: bool = False) -> dict[Path, Path]:
    """Writes the files that an update changes, each of them completely or not at all.

    The caller has locked them. During the update, a copy of each old file is kept as
    FILE.orig.

    Args:
        files: The updates of the files.
        backup: Whether to keep the copies of the old files.

    Returns:
        The paths of the copies that are kept, by the paths of the files.

    Raises:
        WriteError: If a file changed after it was read, or cannot be written. In both
            cases, no file is written. Also if a file that is no longer generated
            cannot be removed. The other files are written by then.
    """
    with uninterrupted():
        return _apply([file for file in files if file.changes], backup)


def _apply(changes: list[FileUpdate], backup: bool) -> dict[Path, Path]:
    for file in changes:
        if read(file.path) != file.old:
            raise WriteError(
                f"{shown(file.path)} changed during the update.",
                "Run the update again.",
                code="file-changed",
            )
    kept = {}
    try:
        for file in changes:
            if file.old is not None:
                kept[file] = _keep(file)
        write_locked([(f.path, f.new) for f in changes if f.new is not None], True)
        for file in changes:
            if file.text is None:
                with file_errors(file.path, "removed"):
                    file.path.unlink()
    except BaseException:
        # `write_locked()` has restored the old files. The copy of any other one stays.
        _remove(kept.items())
        raise
    if backup:
        return {file.path: copy for file, copy in kept.items()}
    _remove(kept.items())
    return {}


def _keep(file: FileUpdate) -> Path:
    """Copies a file to an unused name in the same folder."""
    names = (f"{file.path.name}.orig{n or ''}" for n in count())
    path = next(p for p in map(file.path.with_name, names) if not os.path.lexists(p))
    write_locked([(path, file.old)])
    shutil.copymode(file.path, path)
    return path


def _remove(kept: Iterable[tuple[FileUpdate, Path]]) -> None:
    """Removes the copies of files that are complete, old or new."""
    for file, copy in kept:
        if read(file.path) in (file.old, file.new):
            copy.unlink()

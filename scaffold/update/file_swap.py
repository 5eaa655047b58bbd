"""Does what a plan says; whatever happens, the old file or the new one is there."""

import os
import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from ..errors import WriteError
from ..file_comparison import read
from ..rendering import RenderedFile
from ..writing import file_errors, shown, write
from .update_plan import FileUpdate


def apply(files: Iterable[FileUpdate], backup: bool = False) -> dict[Path, Path]:
    """Writes what an update changes: each file is the old one or the new one, whole.

    While files are written, each old one is kept beside its place, as FILE.orig.

    Args:
        files: What becomes of the files.
        backup: Whether the old ones stay there.

    Returns:
        The old files that stay, by the paths of the new ones.

    Raises:
        WriteError: If a file was changed since it was read, or cannot be written: then
            none is written. Or if a file that is not generated any more cannot be
            removed, which comes after that.
    """
    changes = [file for file in files if file.changes]
    for file in changes:
        if read(file.path) != file.old:
            raise WriteError(
                f"{shown(file.path)} was changed in the meantime.", "Try again."
            )
    kept = {}
    try:
        for file in changes:
            if file.old is not None:
                kept[file] = _keep(file)
        new = [RenderedFile(f.path, f.text) for f in changes if f.text is not None]
        write(new, force=True)
        for file in changes:
            if file.text is None:
                with file_errors(file.path, "removed"):
                    file.path.unlink()
    except BaseException:
        # The old file has its place again; if even that failed, its copy stays.
        _remove(kept.items())
        raise
    if backup:
        return {file.path: copy for file, copy in kept.items()}
    _remove(kept.items())
    return {}


def _keep(file: FileUpdate) -> Path:
    """Writes a copy of a file beside it, under a name that nothing has."""
    names = (f"{file.path.name}.orig{n or ''}" for n in count())
    path = next(p for p in map(file.path.with_name, names) if not os.path.lexists(p))
    write([RenderedFile(path, file.old.decode())])
    shutil.copymode(file.path, path)
    return path


def _remove(kept: Iterable[tuple[FileUpdate, Path]]) -> None:
    """Removes copies, but those of files that are neither the old nor the new ones."""
    for file, copy in kept:
        if read(file.path) in (file.old, file.new):
            copy.unlink()

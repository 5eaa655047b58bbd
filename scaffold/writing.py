"""Writes rendered files atomically, without overwriting other files by accident."""

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .atomic_write import TEMPORARY, exists_error, publish
from .errors import WriteError
from .file_lock import locked
from .interrupts import uninterrupted
from .regular_files import check_inside, file_errors, is_regular, read, shown

if TYPE_CHECKING:
    from .rendering import RenderedFile


def write(files: Iterable["RenderedFile"], force: bool = False) -> list[Path]:
    """Writes files, each one atomically.

    If the process is killed, every file is absent, old or new, but never partial. If a
    file cannot be written, the files before it are restored, and their new folders are
    removed.

    Several files are a project. If writing it was killed, it can be repeated: files
    that already have their text are kept, unless all of them exist.

    Args:
        files: The files that `render()` returned.
        force: Whether existing files are overwritten.

    Returns:
        The paths of the files.

    Raises:
        WriteError: If a file exists and `force` is not set, if a file cannot be
            written, or if another command is changing the files. All files are checked
            before the first one is written.
    """
    contents = [(Path(file.path), encode(file)) for file in files]
    paths = [path for path, _ in contents]
    left = contents if force else unwritten(contents)
    check_writable([path for path, _ in left], force)
    with ExitStack() as undo:
        shared = paths[0] if force else Path()
        if len(paths) > 1:
            shared = Path(os.path.commonpath([path.parent for path in paths]))
            with file_errors(shared), uninterrupted():
                _make_folders(shared, undo)
            for path in paths:
                check_inside(path, shared)
        # Of single new files, the hard link decides.
        with locked(shared) if force or len(paths) > 1 else nullcontext():
            left = contents if force else unwritten(contents)
            if len(paths) > 1:
                _remove_temporaries(paths)
            write_locked(left, force)
        undo.pop_all()
    return paths


def write_locked(contents: list[tuple[Path, bytes]], force: bool = False) -> None:
    """Writes files as `write()` does, for a caller that has locked them."""
    with uninterrupted(), ExitStack() as undo:
        for path, content in contents:
            with file_errors(path):
                _make_folders(path.parent, undo)
                # Nothing can fail after the last file, so it is never restored.
                restore = None if path == contents[-1][0] else _restorer(path)
                publish(path, content, force)
                if restore:
                    undo.callback(restore)
        undo.pop_all()


def unwritten(contents: list[tuple[Path, bytes]]) -> list[tuple[Path, bytes]]:
    """Returns the files that do not exist yet.

    Raises:
        WriteError: If all files exist, or if one has another text.
    """
    found = {}
    for path, _ in contents:
        with file_errors(path):
            if is_regular(path) or _taken(path):
                found[path] = read(path)
    other = [path for path, text in contents if found.get(path, text) != text]
    if other or found and len(found) == len(contents):
        raise exists_error(*(other or found))
    return [(path, text) for path, text in contents if path not in found]


def _remove_temporaries(paths: list[Path]) -> None:
    """Removes what a killed process left in the folders of the files."""
    for folder in {path.parent for path in paths}:
        for temporary in folder.glob(TEMPORARY.format("*")):
            with suppress(OSError):
                temporary.unlink()


def _make_folders(folder: Path, undo: ExitStack) -> None:
    """Makes a folder and its parents. `undo` removes the folders that are new."""
    missing = [f for f in (folder, *folder.parents) if not os.path.lexists(f)]
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        undo.callback(_remove_folder, new)
    folder.mkdir(exist_ok=True)  # raises an error if it is not a folder


def _remove_folder(folder: Path) -> None:
    # Another program may have written a file into it.
    with suppress(OSError):
        folder.rmdir()


def _restorer(path: Path) -> Callable[[], None]:
    """Returns a function that restores the current state of a file."""
    # A link is followed: the file it points to is restored.
    target = Path(os.path.realpath(path))
    old = target.read_bytes() if target.is_file() else None

    def restore():
        if old is None:
            target.unlink(missing_ok=True)
        else:
            publish(target, old, force=True)

    return restore


def check_writable(paths: Iterable[str | Path], force: bool = False) -> None:
    """Checks that files can be written, as far as this can be known beforehand.

    Raises:
        WriteError: If a path exists and `force` is not set, or if it exists and is not
            a regular file.
    """
    existing = []
    for path in map(Path, paths):
        if str(path) == "-":
            raise WriteError("- is standard output, not a file.", "Name a file.")
        with file_errors(path):
            taken = is_regular(path) or _taken(path)
        if taken and not force:
            existing.append(path)
    if existing:
        raise exists_error(*existing)


def encode(file: "RenderedFile") -> bytes:
    """Encodes the text of a file as UTF-8. Line ends stay as they are.

    Raises:
        WriteError: If the text cannot be encoded.
    """
    try:
        return file.text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise WriteError(f"{shown(file.path)} cannot be encoded: {error}.") from error


def _taken(path: Path) -> bool:
    """Returns whether a path exists. A broken link exists, too."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True

"""Writes rendered files atomically, without overwriting other files by accident."""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import WriteError
from .regular_files import file_errors, is_regular, shown

if TYPE_CHECKING:
    from .rendering import RenderedFile

#: Errors of `os.link()` on file systems without hard links.
NO_HARD_LINKS = (
    errno.EPERM,
    errno.EACCES,
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
)


def write(files: Iterable["RenderedFile"], force: bool = False) -> list[Path]:
    """Writes files, each one atomically.

    If the process is killed, every file is absent, old or new, but never partial. If a
    file cannot be written, the files before it are restored, and their new folders are
    removed.

    Args:
        files: The files that `render()` returned.
        force: Whether existing files are overwritten.

    Returns:
        The paths of the files.

    Raises:
        WriteError: If a file exists and `force` is not set, or if a file cannot be
            written. All files are checked before the first one is written.
    """
    contents = [(Path(file.path), encode(file)) for file in files]
    check_writable([path for path, _ in contents], force)
    with ExitStack() as undo:
        for path, content in contents:
            with file_errors(path):
                _make_folders(path.parent, undo)
                # Nothing can fail after the last file, so it is never restored.
                restore = None if path == contents[-1][0] else _restorer(path)
                _publish(path, content, force)
                if restore:
                    undo.callback(restore)
        undo.pop_all()
    return [path for path, _ in contents]


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
            _publish(target, old, force=True)

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
        raise _exists(*existing)


def encode(file: "RenderedFile") -> bytes:
    """Encodes the text of a file as UTF-8. Line ends stay as they are.

    Raises:
        WriteError: If the text cannot be encoded.
    """
    try:
        return file.text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise WriteError(f"{shown(file.path)} cannot be encoded: {error}.") from error


def _publish(path: Path, content: bytes, force: bool) -> None:
    """Writes a temporary file beside the target, then renames it."""
    # A link is kept: the file it points to is overwritten.
    target = Path(os.path.realpath(path)) if force else path
    # The target's name may have the maximum length, so this one is independent of it.
    temporary = target.parent / f".kscaffold-{os.urandom(8).hex()}.tmp"
    try:
        _save(temporary, content)
        if force:
            _replace(temporary, target)
        else:
            _link(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _save(path: Path, content: bytes) -> None:
    """Writes a new file and flushes it to the disk. The umask sets its mode."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, 0o666), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace(temporary: Path, target: Path) -> None:
    """Renames a file to the target and replaces it. The target's mode is kept."""
    if is_regular(target):
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))
    os.replace(temporary, target)


def _link(temporary: Path, target: Path) -> None:
    """Links a file to the target, which must not exist.

    A hard link fails if the target exists. So if several processes write the same
    target, exactly one succeeds.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        _rename(temporary, target)


def _rename(temporary: Path, target: Path) -> None:
    """Renames a file to the target, which must not exist. Needs no hard links.

    Each process locks the folder, checks that the target does not exist, and renames.
    So if several kscaffold processes write the same target, exactly one succeeds. The
    target is never partial. A lock ends with its process. Another program could still
    create the target between the check and the renaming.
    """
    if os.name == "nt":
        _rename_on_windows(temporary, target)
        return
    import fcntl

    folder = os.open(target.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if os.path.lexists(target):
            raise _exists(target)
        os.rename(temporary, target)
    finally:
        os.close(folder)


def _rename_on_windows(temporary: Path, target: Path) -> None:
    """Renames a file to the target. Windows refuses if the target exists."""
    try:
        os.rename(temporary, target)
    except FileExistsError:
        raise _exists(target) from None


def _taken(path: Path) -> bool:
    """Returns whether a path exists. A broken link exists, too."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _exists(*paths: Path) -> WriteError:
    names = ", ".join(shown(path) for path in paths)
    verb, them = ("exist", "them") if len(paths) > 1 else ("exists", "it")
    return WriteError(
        f"{names} already {verb}.",
        "--diff shows what would change, --force overwrites. If kscaffold wrote "
        f"{them}, `kscaffold update` keeps your edits.",
    )

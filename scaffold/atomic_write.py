"""Writes one file so that it is absent, old or new at any time, but never partial."""

import errno
import os
import stat
from pathlib import Path

from .errors import WriteError
from .file_lock import locked
from .regular_files import is_regular, shown

#: Errors of `os.link()` on file systems without hard links.
NO_HARD_LINKS = (
    errno.EPERM,
    errno.EACCES,
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
)

#: The name of a file that is written before it gets its own name.
TEMPORARY = ".kscaffold-{}.tmp"


def publish(path: Path, content: bytes, force: bool) -> None:
    """Writes a temporary file beside the target, then renames it.

    Args:
        path: The target. If it is a link, the file that it points to is the target.
        content: The bytes of the file.
        force: Whether the target is replaced if it exists.

    Raises:
        WriteError: If the target exists and `force` is not set, or if it is not a
            regular file.
        OSError: If it cannot be written.
    """
    # A link is kept: the file it points to is overwritten.
    target = Path(os.path.realpath(path)) if force else path
    # The target's name may have the maximum length, so this one is independent of it.
    temporary = target.parent / TEMPORARY.format(os.urandom(8).hex())
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
        raise exists_error(target) from None
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
    with locked(target.parent):
        if os.path.lexists(target):
            raise exists_error(target)
        os.rename(temporary, target)


def _rename_on_windows(temporary: Path, target: Path) -> None:
    """Renames a file to the target. Windows refuses if the target exists."""
    try:
        os.rename(temporary, target)
    except FileExistsError:
        raise exists_error(target) from None


def exists_error(*paths: Path) -> WriteError:
    """Returns the error about files that exist."""
    names = ", ".join(shown(path) for path in paths)
    verb, them = ("exist", "them") if len(paths) > 1 else ("exists", "it")
    return WriteError(
        f"{names} already {verb}.",
        "--diff shows what would change, --force overwrites. If kscaffold wrote "
        f"{them}, `kscaffold update` keeps your edits.",
        code="file-exists",
    )

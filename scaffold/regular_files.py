"""Checks what a path is before it is read or written, and converts errors.

Only regular files are read and replaced. A pipe could block forever, and a device is
not a place for source code.
"""

import errno
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import WriteError

#: What the user can do about an error of the operating system.
HINTS = {
    errno.EACCES: "Check the permissions of the file and its folder.",
    errno.EPERM: "Check the permissions of the file and its folder.",
    errno.EROFS: "Name a file in a folder that you can write to.",
    errno.ENOSPC: "Free some space on the disk.",
    errno.ENAMETOOLONG: "Use a shorter name.",
    errno.ENOTDIR: "Check the path: a folder in it is a file.",
    errno.ELOOP: "Check the path: a link in it points to itself.",
}


def is_regular(path: Path) -> bool:
    """Returns whether a path is a regular file, or a link to one.

    Returns:
        `False` if the path does not exist, or is a broken link.

    Raises:
        WriteError: If it is a folder, a pipe, a socket or a device.
        OSError: If this cannot be found out.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise WriteError(f"{shown(path)} is a folder.", "Name a file.")
    if not stat.S_ISREG(mode):
        raise WriteError(f"{shown(path)} is not a regular file.", "Name another file.")
    return True


def is_folder(path: Path) -> bool:
    """Returns whether a path is a folder, or a link to one.

    Raises:
        WriteError: If this cannot be found out.
    """
    with file_errors(path, "read"):
        return path.is_dir()


def read(path: Path) -> bytes | None:
    """Reads a file, or returns `None` if it does not exist.

    Raises:
        WriteError: If the path is not a regular file, or if it cannot be read.
    """
    with file_errors(path, "read"):
        return path.read_bytes() if is_regular(path) else None


def shown(path: Path) -> str:
    """Returns a path as text that can be printed, whatever bytes it has."""
    return str(path) if str(path).isprintable() else repr(str(path))


def as_argument(path: str | Path) -> str:
    """Returns a path as an argument of a command that a user can type."""
    text = shown(Path(path))  # without a slash at the end
    # A dash would make it an option.
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


@contextmanager
def file_errors(path: Path, verb: str = "written") -> Iterator[None]:
    """Converts errors of the operating system to errors that name the file."""
    try:
        yield
    # A null byte in a path is a ValueError.
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = HINTS.get(getattr(error, "errno", None), "")
        raise WriteError(f"{shown(path)} cannot be {verb}: {reason}.", hint) from error

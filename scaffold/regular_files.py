"""Checks what a path is before it is read or written, and converts errors.

Only regular files are read and replaced. A pipe could block forever, and a device is
not a place for source code.
"""

import errno
import os
import shlex
import stat
import string
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import WriteError

#: The largest sizes of a file that is read. Notebooks contain pictures.
MOST_BYTES, MOST_NOTEBOOK_BYTES = 10_000_000, 100_000_000

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
        raise WriteError(
            f"{shown(path)} is a folder.", "Name a file.", code="file-not-regular"
        )
    if not stat.S_ISREG(mode):
        raise WriteError(
            f"{shown(path)} is not a regular file.",
            "Name another file.",
            code="file-not-regular",
        )
    return True


def is_folder(path: Path) -> bool:
    """Returns whether a path is a folder, or a link to one.

    Raises:
        WriteError: If this cannot be found out.
    """
    with file_errors(path, "read"):
        return path.is_dir()


def check_inside(path: Path, folder: Path) -> None:
    """Checks that a path is in a folder, after its links are followed.

    Raises:
        WriteError: If a link leads out of the folder.
    """
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise WriteError(
            f"{shown(path)} is outside the project, through a link.",
            "Replace the link by the file or the folder itself.",
            code="path-outside",
        )


def read(path: Path) -> bytes | None:
    """Reads a file, or returns `None` if it does not exist.

    Raises:
        WriteError: If the path is not a regular file, if it is larger than a source
            file can be, or if it cannot be read.
    """
    with file_errors(path, "read"):
        if not is_regular(path):
            return None
        most = most_bytes(path)
        if path.stat().st_size > most:
            raise WriteError(
                f"{shown(path)} is larger than {most // 10**6} MB.",
                "Name another file.",
                code="file-too-large",
            )
        return path.read_bytes()


def most_bytes(path: Path) -> int:
    """Returns the largest size of a file that is read, judged by its name."""
    return MOST_NOTEBOOK_BYTES if path.suffix == ".ipynb" else MOST_BYTES


def shown(path: Path) -> str:
    """Returns a path as text that can be printed, whatever bytes it has."""
    return str(path) if str(path).isprintable() else repr(str(path))


def as_argument(path: str | Path) -> str:
    """Returns a path as an argument of a command that a user can type."""
    text = str(Path(path))  # without a slash at the end
    if text.startswith("-"):
        text = f"./{text}"  # else it would be an option
    if text.isprintable():
        return shlex.quote(text)
    keep = string.ascii_letters + string.digits + "/._-+ "
    codes = (chr(n) if chr(n) in keep else f"\\x{n:02x}" for n in os.fsencode(text))
    return f"$'{''.join(codes)}'"


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

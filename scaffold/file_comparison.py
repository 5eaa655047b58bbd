"""Compares rendered files with what is on the disk."""

import stat
from pathlib import Path

from .errors import WriteError
from .writing import file_errors, shown


def read(path: Path) -> bytes | None:
    """Reads a file, or returns `None` if there is none.

    Raises:
        WriteError: If what is there is not a file, or cannot be read.
    """
    with file_errors(path, "read"):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            return None
        # A pipe or a device could block for ever.
        if not stat.S_ISREG(mode):
            raise WriteError(f"{shown(path)} is not a file.", "Name a file.")
        return path.read_bytes()


def compare(old: bytes | None, new: bytes) -> str:
    """Says how a file relates to what it should be: same, differs or missing."""
    if old is None:
        return "missing"
    return "same" if old == new else "differs"


def unified_diff(path: Path, old: bytes | None, new: bytes | None) -> str:
    """Returns the change from `old` to `new`, in the form that `git apply` reads.

    Args:
        path: The file's path, for the labels.
        old: The bytes that are there, in any encoding, or `None` for no file.
        new: The bytes that would be there, or `None` for no file.

    Returns:
        The diff, empty if nothing changes. Bytes that are not UTF-8 are surrogates:
        encode it with `surrogateescape` to have them back.
    """
    import difflib  # only for a diff

    label = path.as_posix().lstrip("/")
    lines = difflib.unified_diff(
        _lines(old or b""),
        _lines(new or b""),
        "/dev/null" if old is None else f"a/{label}",
        "/dev/null" if new is None else f"b/{label}",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in lines
    )


def _lines(content: bytes) -> list[str]:
    """Splits at line feeds alone, as `diff` does: `splitlines()` knows ten others."""
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]

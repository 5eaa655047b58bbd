"""Compares rendered files with the files on disk."""

from pathlib import Path


def compare(old: bytes | None, new: bytes) -> str:
    """Compares a file with its rendered bytes.

    Returns:
        `"same"`, `"differs"` or `"missing"`.
    """
    if old is None:
        return "missing"
    return "same" if old == new else "differs"


def unified_diff(path: Path, old: bytes | None, new: bytes | None) -> str:
    """Returns the change from `old` to `new` as a diff for `git apply`.

    Args:
        path: The file's path, for the labels.
        old: The bytes of the file in any encoding, or `None` if it does not exist.
        new: The bytes that the file would have, or `None` if it would be deleted.

    Returns:
        The diff, empty if nothing changes. Bytes that are not UTF-8 are surrogate
        escapes: encode the diff with `surrogateescape`.
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
    """Splits bytes at line feeds only, as `diff` does and `splitlines()` does not."""
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]

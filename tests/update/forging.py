"""Forges records, and finds out whether a command touches what it must not."""

import base64
import json
from pathlib import Path

from click.testing import CliRunner

from scaffold.cli import main
from scaffold.record import MARK, _checksum, _encode


def forged(text: str, styles="") -> str:
    """Returns a record with a valid checksum, of any text and any styles.

    Args:
        text: The text.
        styles: The styles as JSON, or data to encode as JSON.
    """
    styles = styles if isinstance(styles, str) else json.dumps(styles)
    lines = b"".join(map(_encode, text.split("\n")))
    content = _checksum(styles, text) + styles.encode() + b"\n" + lines
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def with_record(text: str, word: str) -> str:
    """Puts a record into a module in place of its own."""
    before, _, _ = text.rpartition(MARK)
    return f"{before}{MARK}{word}\n"


def state(folder: Path) -> dict[str, bytes]:
    """Reads all files below a folder, and where its links point."""
    return {
        str(path.relative_to(folder)): (
            str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        )
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def run(*arguments):
    """Runs a command, which may fail but not crash, and returns it."""
    result = CliRunner().invoke(main, [str(word) for word in arguments])
    assert result.exit_code in (0, 1, 2), result.output
    error = result.exception
    if not (error is None or isinstance(error, SystemExit)):
        raise error
    assert "Traceback" not in result.output
    return result

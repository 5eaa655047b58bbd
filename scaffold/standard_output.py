"""Prints to standard output as UTF-8 with line feeds, whatever the locale."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click


def print_text(text: str) -> None:
    """Prints text."""
    if sys.stdout is None and text:
        # The shell closed standard output (`>&-`). Exit silently, as Click does when a
        # pipe is closed.
        raise click.exceptions.Exit(1)
    click.echo(_encode(text), nl=False)


def _encode(text: str) -> bytes:
    """Encodes text as UTF-8, with the bytes that are surrogate escapes in it.

    Other lone surrogates, which no encoding has, are shown as their number.
    """
    shown = re.sub(
        "[\ud800-\udc7f\udd00-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text
    )
    return shown.encode("utf-8", "surrogateescape")


def print_json(schema: str, data: dict) -> None:
    """Prints data as JSON, which names its JSON schema.

    Args:
        schema: The name of a file in `scaffold/schemas/`, such as `list-1`. The number
            is raised if programs that read the output would break.
        data: The data.
    """
    import json

    data = {"$schema": f"schemas/{schema}.json", **data}
    print_text(json.dumps(data, indent=2) + "\n")


def show_error(message: str) -> None:
    """Prints a message to standard error, if that can be written to."""
    try:
        show_message(message)
    except OSError:
        discard_output()


def show_message(message: str) -> None:
    """Prints a message to standard error. It can quote a file with terminal codes."""
    click.echo(printable(message), err=True)


def printable(text: str) -> str:
    """Escapes the characters of a text that cannot be printed, except line feeds."""
    return "".join(
        char if char.isprintable() or char == "\n" else ascii(char)[1:-1]
        for char in text
    )


@contextmanager
def reporting(written: bool) -> Iterator[None]:
    """Prints the result of a command in a block.

    Args:
        written: Whether the command wrote files. The exit status then says so, even if
            the result cannot be printed.
    """
    try:
        yield
    except (OSError, click.exceptions.Exit) as error:
        if not written:
            raise
        discard_output()
        reason = getattr(error, "strerror", None) or "standard output is closed"
        show_error(
            f"The files are written, but the result cannot be printed: {reason}."
        )


def discard_output() -> None:
    """Redirects streams that cannot be written to, as Python flushes them at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with suppress(OSError), open(os.devnull, "wb") as null:
                os.dup2(null.fileno(), stream.fileno())

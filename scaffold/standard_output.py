"""Prints to standard output as UTF-8 with line feeds, whatever the locale."""

import sys

import click


def print_text(text: str) -> None:
    """Prints text."""
    if sys.stdout is None and text:
        # The shell closed standard output (`>&-`). Exit silently, as Click does when a
        # pipe is closed.
        raise click.exceptions.Exit(1)
    click.echo(text.encode("utf-8", "surrogateescape"), nl=False)


def print_json(data: dict) -> None:
    """Prints data as JSON."""
    import json

    print_text(json.dumps(data, indent=2) + "\n")

"""Standard output: UTF-8 with line feeds, whatever the locale."""

import sys

import click


def print_text(text: str) -> None:
    """Prints to standard output as UTF-8, whatever the locale."""
    if sys.stdout is None and text:
        # Closed by the shell (`>&-`): as quiet as Click is about a broken pipe.
        raise click.exceptions.Exit(1)
    click.echo(text.encode("utf-8", "surrogateescape"), nl=False)


def print_json(data: dict) -> None:
    """Prints data to standard output as JSON."""
    import json

    print_text(json.dumps(data, indent=2) + "\n")

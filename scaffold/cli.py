"""The command line: it reads arguments, calls what does the work, and shows the result.

Every import of the modules that do the work waits until a command runs:
`--help` and `--version` need Click alone.
"""

import atexit
import gc
import os
import sys
from contextlib import suppress

import click

from . import __version__
from .click_commands import CONTEXT, RecipeCommand
from .errors import KscaffoldError
from .standard_output import print_json, print_text
from .update.command import check, update
from .verify.command import verify


class Kscaffold(click.Group):
    """The group of the commands, and the one place where errors become messages."""

    def main(self, args=None, *more, **extra):
        """Runs the command line; the arguments are Click's."""
        if args is None:
            # The process is ours and short: what a garbage collector could free is
            # not worth its search, during the imports and again at the exit.
            gc.disable()
            atexit.register(gc.freeze)
        try:
            return super().main(args, *more, **extra)
        except OSError as error:
            # A full disk behind standard output, a working folder that is gone.
            _discard_output()
            what = error.filename or "Standard output"
            click.echo(f"Error: {what}: {error.strerror}", err=True)
            sys.exit(KscaffoldError.exit_code)

    def invoke(self, ctx):
        """Runs a command; what it raises is shown as a message."""
        as_json = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except KscaffoldError as error:
            _report(as_json, error.message, error.hint)
            hint = f"\nHint: {error.hint}" if error.hint else ""
            failure = click.ClickException(f"{error.message}{hint}")
            failure.exit_code = error.exit_code
            raise failure from error
        except click.UsageError as error:
            _report(as_json, error.format_message())
            raise


@click.group("kscaffold", cls=Kscaffold, context_settings=CONTEXT)
@click.version_option(__version__)
def main():
    """Writes custom training steps for Keras on JAX, as plain source."""


@main.command(cls=RecipeCommand, context_settings=CONTEXT)
@click.argument("target", required=False)
@click.option("-i", "--interactive", is_flag=True, help="Ask for what is left out.")
@click.option("--dry-run", is_flag=True, help="List what would be written.")
@click.option("--diff", is_flag=True, help="Show what would change.")
@click.option("--check", is_flag=True, help="Exit 0 if nothing would change, else 1.")
@click.option("-f", "--force", is_flag=True, help="Overwrite.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def new(ctx, target, interactive, dry_run, diff, check, force, as_json, **_):
    """Writes a model with its own training step.

    TARGET is a FILE.py, a folder for a whole project, or - for standard output;
    custom_model.py if left out.
    """
    from . import new_report
    from .click_options import spec_of
    from .rendering import render
    from .target_names import DEFAULT_TARGET, check_target, first_file
    from .writing import check_writable

    target = DEFAULT_TARGET if target is None else target
    if target == "-" and (dry_run or diff or check or force):
        raise click.UsageError(
            "--dry-run, --diff, --check and --force are for files, not for -.", ctx
        )
    check_target(target)
    if interactive and not (target == "-" or diff or check):
        # Before a dozen questions, not after.
        check_writable([first_file(target)], force)
    spec = spec_of(ctx, interactive)
    files = render(spec, target)
    if target == "-":
        entries = new_report.printed(files)
    elif diff or check:
        entries = new_report.compared(files, diff)
    elif dry_run:
        entries = new_report.previewed(files, force)
    else:
        entries = new_report.written(files, force)
    if as_json:
        print_json(new_report.as_data(spec, target, entries))
    else:
        print_text(new_report.as_output(entries))
    for message in new_report.as_messages(spec, target, entries):
        click.echo(message, err=True)
    ctx.exit(int(check and any(entry["status"] != "same" for entry in entries)))


main.add_command(verify)
main.add_command(update)
main.add_command(check)


@main.command("list", context_settings=CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def list_(as_json):
    """Lists the recipes and the options of `new`."""
    from . import option_tables

    if as_json:
        print_json(option_tables.listing())
    else:
        print_text(option_tables.text())


def _report(as_json: bool, message: str, hint: str = "") -> None:
    """Prints an error for machines; people read it on standard error."""
    if as_json and sys.stdout is not None:
        print_json({"error": {"message": message, "hint": hint}})


def _discard_output() -> None:
    """Keeps Python from trying once more, at its exit, what standard output refused."""
    with suppress(OSError, AttributeError), open(os.devnull, "wb") as null:
        os.dup2(null.fileno(), sys.stdout.fileno())

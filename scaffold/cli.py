"""The command line: reads arguments, calls the modules that do the work, and prints.

Those modules are imported when a command runs. `--help` and `--version` need Click
alone.
"""

import atexit
import gc
import os
import sys

import click

from . import __version__
from .click_commands import CONTEXT, RecipeCommand, complete_files
from .error_codes import UnknownCommand, usage_data
from .errors import KscaffoldError
from .info.command import info
from .interrupts import INTERRUPTED, exit_on_signals
from .standard_output import (
    discard_output,
    print_json,
    print_text,
    printable,
    reporting,
    show_error,
    show_message,
)
from .update.command import check, update
from .verify.command import verify


class Kscaffold(click.Group):
    """The group of commands. It shows every error as a message."""

    def main(self, args=None, *more, **extra):
        """Runs the command line, and exits. The arguments are Click's."""
        if args is None:
            # This process is short, so collecting garbage would only cost time, during
            # the imports and at exit.
            gc.disable()
            atexit.register(gc.freeze)
            exit_on_signals()
        try:
            extra["standalone_mode"] = False
            sys.exit(super().main(args, *more, **extra))
        except click.ClickException as error:
            try:
                error.show()
            except OSError:
                discard_output()
            sys.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort) as error:
            show_error("Aborted!")
            is_signal = KeyboardInterrupt in map(type, (error, error.__context__))
            sys.exit(INTERRUPTED if is_signal else 1)
        except OSError as error:
            # For example, the disk behind standard output is full.
            discard_output()
            what = error.filename or "Standard output"
            show_error(f"Error: {what}: {error.strerror}")
            sys.exit(KscaffoldError.exit_code)

    def resolve_command(self, ctx, args):
        """Finds a command. The error names `new` for a file or a recipe."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import shlex

            from .common_options import RECIPE

            name = args[0]
            if name in RECIPE.choices:
                words = [RECIPE.flag, name]
            elif name.endswith((".py", ".ipynb")):
                words = [name]
            else:
                raise UnknownCommand(error.format_message(), ctx) from error
            command = shlex.join(["kscaffold", "new", *words])
            raise UnknownCommand(
                f"No such command {name!r}. Did you mean `{command}`?", ctx
            ) from error

    def invoke(self, ctx):
        """Runs a command and shows its errors as messages."""
        as_json = "--json" in ctx.args
        try:
            _check_current_folder()
            return super().invoke(ctx)
        except KscaffoldError as error:
            _report(as_json, error.as_data())
            hint = f"\nHint: {error.hint}" if error.hint else ""
            failure = click.ClickException(printable(f"{error.message}{hint}"))
            failure.exit_code = error.exit_code
            raise failure from error
        except click.UsageError as error:
            _report(as_json, usage_data(error, ctx))
            raise


@click.group("kscaffold", cls=Kscaffold, context_settings=CONTEXT)
@click.version_option(__version__)
def main():
    """Writes custom training steps for Keras on JAX, as plain source."""


@main.command(cls=RecipeCommand, context_settings=CONTEXT)
@click.argument("target", required=False, shell_complete=complete_files)
@click.option(
    "-i", "--interactive", is_flag=True, help="Ask for the file and the other options."
)
@click.option("--dry-run", is_flag=True, help="List the files without writing them.")
@click.option("--diff", is_flag=True, help="Show what would change.")
@click.option("--check", is_flag=True, help="Exit 0 if nothing would change, else 1.")
@click.option(
    "--view",
    metavar="PATH",
    help="Print one file of the target, such as its README.md, and write none.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def new(ctx, target, interactive, dry_run, diff, check, view, force, as_json, **_):
    """Writes a model with its own training step.

    TARGET is a FILE.py, a notebook FILE.ipynb, a folder for a project, or - to print
    the code. The default is custom_model.py, or a file named after the recipe, such as
    gan.py.
    """
    from . import new_report
    from .click_options import given_options
    from .common_options import RECIPE
    from .new_target import check_new_target
    from .recipe_options import recipe_options
    from .rendering import render
    from .spec import Spec

    if view is not None and (dry_run or diff or check or force):
        raise click.UsageError(
            "--view prints a file. It excludes --dry-run, --diff, --check and --force.",
            ctx,
        )

    def check_target(target):
        if target == "-" and (dry_run or diff or check or force):
            raise click.UsageError(
                "--dry-run, --diff, --check and --force are for files, not for -.", ctx
            )
        if view is None:
            check_new_target(target, force, writes=not (diff or check))

    # Before the questions of -i, not after them.
    if target is not None:
        check_target(target)
    given = given_options(ctx, recipe_options(ctx.params[RECIPE.name]))
    if interactive:
        from .prompts import ask

        spec, target = ask(given, target, check_target)
    else:
        spec = Spec(**given)
    if target is None:
        target = spec.default_target
        check_target(target)
    files = render(spec, target)
    if view is not None:
        entries = new_report.printed([new_report.named(view, files, target)])
    elif target == "-":
        entries = new_report.printed(files)
    elif diff or check:
        entries = new_report.compared(files, diff)
    elif dry_run:
        entries = new_report.previewed(files, force)
    else:
        entries = new_report.written(files, force)
    written = any(entry["status"] == "written" for entry in entries)
    with reporting(written):
        if as_json:
            print_json("new-1", new_report.as_data(spec, target, entries))
        else:
            print_text(new_report.as_output(entries))
        for message in new_report.as_messages(spec, target, entries):
            show_message(message)
    ctx.exit(int(check and any(entry["status"] != "same" for entry in entries)))


main.add_command(verify)
main.add_command(update)
main.add_command(check)
main.add_command(info)


@main.command("list", context_settings=CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_(as_json):
    """Lists the recipes and the options of `new`."""
    from . import option_tables

    if as_json:
        print_json("list-1", option_tables.listing())
    else:
        print_text(option_tables.text())


@main.command(context_settings=CONTEXT)
def skill():
    """Prints a guide for assistants and programs that use kscaffold."""
    from .skill import guide

    print_text(guide())


def _check_current_folder() -> None:
    """Checks that the current folder exists: another program can remove it."""
    try:
        os.getcwd()
    except OSError as error:
        raise KscaffoldError(
            f"The current folder cannot be used: {error.strerror}.",
            "Change to another folder.",
            code="folder-unusable",
        ) from error


def _report(as_json: bool, error: dict) -> None:
    """Prints an error as JSON, if asked. Standard error has it as text."""
    if as_json and sys.stdout is not None:
        print_json("error-1", {"error": error})

"""The commands `update` and `check`. Importing this module imports only Click."""

from contextlib import nullcontext
from pathlib import Path

import click

from ..click_commands import CONTEXT, AllRecipesCommand, complete_files
from ..standard_output import print_json, print_text, reporting, show_message


@click.command(cls=AllRecipesCommand, context_settings=CONTEXT)
@click.argument("target", metavar="FILE|DIR", shell_complete=complete_files)
@click.option(
    "--unset",
    metavar="OPTION",
    multiple=True,
    help="Reset an option to its default, such as loss. Repeatable.",
)
@click.option(
    "--base",
    metavar="OLD",
    help="The target as it was generated, if its record is lost.",
)
@click.option(
    "--dry-run", is_flag=True, help="List the files that would change, and write none."
)
@click.option("--diff", is_flag=True, help="Show the changes as a unified diff.")
@click.option("--check", is_flag=True, help="Exit 1 if a file would change, else 0.")
@click.option(
    "--abort-on-conflict", is_flag=True, help="Write no file if there is a conflict."
)
@click.option("--backup", is_flag=True, help="Keep each old file as FILE.orig.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def update(
    ctx,
    target,
    unset,
    base,
    dry_run,
    diff,
    check,
    abort_on_conflict,
    backup,
    as_json,
    **_,
):
    """Changes options or takes newer templates, and keeps your edits.

    FILE or DIR is a target of `kscaffold new`. Options that you do not name stay as
    they are. Exits 1 if you must look at the result: a conflict is marked in the file,
    or your code uses something that the update removed.
    """
    from ..click_options import given_options
    from ..file_lock import locked
    from ..new_report import as_output
    from ..recipe_options import all_options
    from . import update_report
    from .file_swap import apply
    from .option_changes import OptionChanges
    from .update_targets import plan_update

    given = given_options(ctx, all_options())
    reads_only = dry_run or diff or check
    with nullcontext() if reads_only else locked(Path(target)):
        plan = plan_update(target, OptionChanges(given, unset), base)
        writes = not (reads_only or abort_on_conflict and plan.needs_a_look)
        kept = apply(plan.files, backup) if writes else None
    entries = update_report.entries(plan, written=writes, kept=kept, diff=diff)
    with reporting(writes and plan.changes):
        if as_json:
            print_json("update-1", update_report.as_data(plan, entries))
        else:
            print_text(as_output(entries))
        for message in update_report.as_messages(plan, entries):
            show_message(message)
    ctx.exit(int(plan.needs_a_look or check and plan.changes))


@click.command(context_settings=CONTEXT)
@click.argument(
    "paths",
    metavar="PATH...",
    nargs=-1,
    required=True,
    shell_complete=complete_files,
)
@click.option("--diff", is_flag=True, help="Show the changes as a unified diff.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def check(ctx, paths, diff, as_json):
    """Lists the files that an update would change, and changes none.

    Checks the generated modules and projects among the files and folders of PATH.
    Exits 0 if all are up to date, 1 if one would change, and 2 if one cannot be
    checked.
    """
    from . import outdated

    checked = outdated.check(paths, diff)
    if as_json:
        print_json("check-1", outdated.as_data(checked))
    else:
        print_text(outdated.as_output(checked))
    for message in outdated.as_messages(checked):
        show_message(message)
    ctx.exit(outdated.exit_code(checked))

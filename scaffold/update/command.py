"""The commands `update` and `check`. Until they run, they need Click alone."""

import click

from ..click_commands import CONTEXT, AllRecipesCommand, complete_files
from ..standard_output import print_json, print_text


@click.command(cls=AllRecipesCommand, context_settings=CONTEXT)
@click.argument("target", metavar="FILE|DIR", shell_complete=complete_files)
@click.option(
    "--unset",
    metavar="OPTION",
    multiple=True,
    help="Put an option back to its default, such as loss; repeatable.",
)
@click.option(
    "--base",
    metavar="OLD",
    help="What the target was when it was generated, if its record is lost.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be updated.")
@click.option("--diff", is_flag=True, help="Show what would change.")
@click.option("--check", is_flag=True, help="Exit 0 if nothing would change, else 1.")
@click.option("--abort-on-conflict", is_flag=True, help="Change nothing, or all of it.")
@click.option("--backup", is_flag=True, help="Keep the old file, as FILE.orig.")
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
    """Takes other options or newer templates, and keeps your edits.

    FILE or DIR is what `kscaffold new` wrote. Options that are given change; all
    others stay. Exits 1 if something is left to you: a conflict, between markers, or
    the use of what is gone.
    """
    from ..click_options import given_options
    from ..new_report import as_output
    from ..spec import all_options
    from . import update_report
    from .file_swap import apply
    from .option_changes import OptionChanges
    from .update_targets import plan_update

    given = given_options(ctx, all_options())
    plan = plan_update(target, OptionChanges(given, unset), base)
    writes = not (dry_run or diff or check or abort_on_conflict and plan.needs_a_look)
    kept = apply(plan.files, backup) if writes else None
    entries = update_report.entries(plan, written=writes, kept=kept, diff=diff)
    if as_json:
        print_json(update_report.as_data(plan, entries))
    else:
        print_text(as_output(entries))
    for message in update_report.as_messages(plan, entries):
        click.echo(message, err=True)
    ctx.exit(int(plan.needs_a_look or check and plan.changes))


@click.command(context_settings=CONTEXT)
@click.argument(
    "paths",
    metavar="PATH...",
    nargs=-1,
    required=True,
    shell_complete=complete_files,
)
@click.option("--diff", is_flag=True, help="Show what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def check(ctx, paths, diff, as_json):
    """Says which files an update would change; it changes none.

    Of files and folders, those are looked at that kscaffold generated. Exits 0 if all
    are up to date, 1 if not, 2 if that cannot be said of one.
    """
    from . import outdated

    checked = outdated.check(paths, diff)
    if as_json:
        print_json(outdated.as_data(checked))
    else:
        print_text(outdated.as_output(checked))
    for message in outdated.as_messages(checked):
        click.echo(message, err=True)
    ctx.exit(outdated.exit_code(checked))

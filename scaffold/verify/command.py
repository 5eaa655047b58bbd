"""The command `kscaffold verify`. Its `--help` imports Click alone."""

import click

from .. import __version__
from ..click_commands import CONTEXT, complete_files
from ..standard_output import print_json, print_text


def _not_nan(ctx, param, seconds: float) -> float:
    """Refuses `nan`, which is in every range. No time would be over."""
    if seconds != seconds:
        raise click.BadParameter("nan is not a number of seconds.")
    return seconds


@click.command(context_settings=CONTEXT)
@click.argument(
    "target", metavar="FILE[:CLASS]", required=False, shell_complete=complete_files
)
@click.option("--loss", metavar="NAME", help="The Keras loss that the class owns.")
@click.option(
    "--metric",
    "metrics",
    metavar="NAME",
    multiple=True,
    help="A Keras metric that the class owns. Repeatable.",
)
@click.option(
    "--build",
    metavar="FILE:FUNCTION",
    default="",
    help="A function that returns a compiled model, or (model, (x, y)).",
)
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="The rows of a batch of --build and of the contract.",
)
@click.option(
    "--against",
    metavar="FILE|REVISION",
    default="",
    help="Compare with another FILE[:CLASS], a git revision of the file, or a "
    "recording FILE.json, instead of keras.Model.",
)
@click.option(
    "--against-build",
    metavar="FILE:FUNCTION",
    default="",
    help="The function of the other file that builds its model. Defaults to --build.",
)
@click.option(
    "--against-backend",
    type=click.Choice(["tensorflow", "torch", "jax"]),
    help="The Keras backend of the other file, which was ported.",
)
@click.option(
    "--record",
    metavar="FILE.json",
    help="Record the numbers of the class for --against, and check nothing.",
)
@click.option(
    "--only",
    metavar="PATTERN",
    default="",
    help="Run only checks whose 'group: name' contains PATTERN.",
)
@click.option(
    "--quick", is_flag=True, help="Run only the checks that catch most mistakes."
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True, max=86_400),
    callback=_not_nan,
    default=120.0,
    show_default=True,
    help="Maximum time per check.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Number of processes.",
)
@click.option("--list", "as_list", is_flag=True, help="List the checks and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def verify(ctx, target, record, only, quick, timeout, jobs, as_list, as_json, **how):
    """Checks a training step against keras.Model, feature by feature.

    It trains the class in FILE and keras.Model on the same data, and compares every
    number. It then checks invariants that every training step must satisfy.

    CLASS may be omitted if FILE defines only one subclass of keras.Model.

    Exits 0 if every applicable check passes, 1 if one fails, and 2 if nothing can be
    checked.
    """
    from . import report
    from .request import Request, check_environment, parse_target

    if as_list:
        check_environment()
        checks = report.list_checks(only, quick)
        if as_json:
            print_json("verify-list-1", {"version": __version__, "cases": checks})
        else:
            print_text(report.as_list(checks))
        return
    if target is None:
        raise click.UsageError("Missing argument 'FILE[:CLASS]'.", ctx)
    how["against_backend"] = how["against_backend"] or ""
    _check_combination(ctx, record, only or quick, **how)
    path, class_name = parse_target(target)
    check_environment()
    request = Request(path, class_name, pattern=only, quick=quick, **how)
    with report.progress_bar() as progress:
        if record is not None:
            verdicts, texts = _recorded(request, record, timeout, jobs, progress)
        else:
            verdicts, texts = _verified(request, timeout, jobs, progress)
    if as_json:
        note = {"note": texts["note"]} if "note" in texts else {}
        head = {"version": __version__, "target": target, **note}
        print_json("verify-1", {**head, "cases": verdicts})
    elif verdicts:
        print_text(report.as_text(verdicts, **texts))
    else:
        print_text(f"{texts['note']}\n")
    ctx.exit(int(any(map(report.failed, verdicts))))


def _check_combination(
    ctx, record, selected, against, against_build, against_backend, **_
):
    """Refuses options that have no effect without, or together with, another one."""
    if against_backend and selected:
        raise click.UsageError(
            "--only and --quick have no effect with --against-backend.", ctx
        )
    if record is not None and against:
        raise click.UsageError("--record and --against exclude each other.", ctx)
    for flag, value in (
        ("--against-build", against_build),
        ("--against-backend", against_backend),
    ):
        if value and not against:
            raise click.UsageError(f"{flag} needs --against FILE.py.", ctx)
        if value and against.endswith(".json"):
            raise click.UsageError(f"{flag} has no effect with a recording.", ctx)


def _verified(request, timeout, jobs, progress) -> tuple[list[dict], dict[str, str]]:
    """Returns the verdicts, and the texts of `report.as_text()`."""
    if request.against_backend:
        from . import ported
        from .against.run import INTENDED

        return ported.run(request, timeout), {"intended": INTENDED}
    if request.against:
        from .against.run import verify_against

        return verify_against(request, timeout, jobs, progress)
    from .worker_pool import verify

    return verify(request, timeout, jobs, progress), {}


def _recorded(
    request, path, timeout, jobs, progress
) -> tuple[list[dict], dict[str, str]]:
    """Records. Returns the verdicts on the failing checks, and what was written."""
    from .against.run import record

    count, failing = record(request, path, timeout, jobs, progress)
    checks = "check" if count == 1 else "checks"
    return failing, {"note": f"Recorded {count} {checks} in {path}."}

"""The command `kscaffold verify`. Until it runs, it needs Click alone."""

import click

from .. import __version__
from ..printing import print_json, print_text


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("target", metavar="FILE[:CLASS]", required=False)
@click.option("--loss", metavar="NAME", help="The Keras loss that the class owns.")
@click.option(
    "--metric",
    "metrics",
    metavar="NAME",
    multiple=True,
    help="A Keras metric that the class owns; repeatable.",
)
@click.option(
    "--build",
    metavar="FILE:FUNCTION",
    default="",
    help="What makes the model, or (model, (x, y)).",
)
@click.option(
    "--only", metavar="PATTERN", default="", help="Run only cases with such a name."
)
@click.option("--quick", is_flag=True, help="Run only what catches most mistakes.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="How long a case may take.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many processes to use.",
)
@click.option("--list", "as_list", is_flag=True, help="List the cases; run none.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def verify(ctx, target, only, quick, timeout, jobs, as_list, as_json, **how):
    """Compares a training step with Keras's own, feature by feature.

    The class is the only keras.Model in FILE, or CLASS. Exits 0 if all that applies
    holds, 1 if something differs.
    """
    from . import report, runner

    if as_list:
        runner.check_environment()
        cases = report.catalog(only, quick)
        if as_json:
            print_json({"version": __version__, "cases": cases})
        else:
            print_text(report.as_list(cases))
        return
    if target is None:
        raise click.UsageError("Missing argument 'FILE[:CLASS]'.", ctx)
    path, class_name = runner.parse_target(target)
    runner.check_environment()
    request = runner.Request(path, class_name, pattern=only, quick=quick, **how)
    with report.progress_bar() as progress:
        verdicts = runner.verify(request, timeout, jobs, progress)
    if as_json:
        print_json({"version": __version__, "target": target, "cases": verdicts})
    else:
        print_text(report.as_text(verdicts))
    ctx.exit(int(any(map(report.failed, verdicts))))

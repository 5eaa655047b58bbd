"""The questions of `kscaffold new -i`, one for each option and one for the file."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout

import click

from .common_options import RECIPE
from .errors import KscaffoldError, SpecError
from .option import Option
from .recipe_options import recipe_options
from .spec import Spec


def ask(
    given: dict, target: str | None, check: Callable[[str], None]
) -> tuple[Spec, str]:
    """Asks for the options and the target that the command line leaves out.

    The questions start again, with the answers as defaults, until they fit together.

    Args:
        given: The values of the options on the command line.
        target: The target on the command line, or `None`.
        check: Raises a `KscaffoldError` if a target cannot be written.

    Returns:
        A tuple `(spec, target)`.

    Raises:
        SpecError: If standard input is not a terminal.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise SpecError(
            "-i asks questions, but standard input is not a terminal.",
            "Give the options on the command line.",
            code="terminal-missing",
        )
    # `input()` would print the prompt to standard output, where the code goes.
    with redirect_stdout(sys.stderr):
        return _ask(given, target, check)


def _ask(given: dict, target, check) -> tuple[Spec, str]:
    values, settled = dict(given), set(given)
    while True:
        # The recipe comes first, because it has the other options.
        _answer(RECIPE, values, settled)
        options = recipe_options(values[RECIPE.name])
        if target is None:
            target = _ask_target(Spec(recipe=values[RECIPE.name]).default_target, check)
        for opt in options[1:]:
            _answer(opt, values, settled)
        try:
            wanted = {opt.name for opt in options} | settled
            spec = Spec(**{name: values[name] for name in values if name in wanted})
        except SpecError as error:
            _show(error)
            # The next round asks for every option, with the answers as defaults.
            settled = set()
        else:
            return spec, target


def _ask_target(default: str, check: Callable[[str], None]) -> str:
    """Asks for the target until it can be written."""
    click.echo("\nA FILE.py, a folder for a project, or - to print the code.", err=True)
    while True:
        target = click.prompt("target", default=default)
        try:
            check(target)
        except (KscaffoldError, click.UsageError) as error:
            _show(error)
        else:
            return target


def _show(error: KscaffoldError | click.UsageError) -> None:
    lines = ["Error: " + error.message, getattr(error, "hint", ""), ""]
    click.echo("\n".join(lines), err=True)


def _answer(opt: Option, values: dict, settled: set[str]) -> None:
    """Asks for an option that is not settled. Its current value is the default."""
    if opt.name not in settled:
        values[opt.name] = _prompt(opt, values.get(opt.name, opt.default))


def _prompt(opt: Option, default):
    """Asks for one option. Enter keeps the default, `-` removes it."""
    click.echo(f"\n{opt.help}", err=True)
    label = opt.flag.removeprefix("--").replace("-", " ")
    if opt.type is bool:
        return click.confirm(label, default=default)
    if opt.many:
        return _prompt_many(opt, label, default)
    if opt.default is None:
        return _prompt_optional(opt, label, default)
    kind = click.Choice(opt.choices) if opt.choices else opt.type
    return click.prompt(label, default=default, type=kind)


def _prompt_optional(opt: Option, label: str, default):
    kind = click.types.convert_type(opt.type)
    return click.prompt(
        label if default is None else f"{label} (- for none)",
        # Click repeats a question that has no default. Here the answer may be empty.
        default="" if default is None else default,
        show_default=default is not None,
        value_proc=lambda text: (
            None if text in ("", "-") else kind.convert(text, None, None)
        ),
    )


def _prompt_many(opt: Option, label: str, default: tuple[str, ...]) -> tuple[str, ...]:
    words = "words from " + ", ".join(opt.choices) if opt.choices else "words"
    none = ", - for none" if default else ""
    label = f"{label} (any number of {words}{none})"
    answer = click.prompt(label, default=" ".join(default), show_default=bool(default))
    if "=" not in opt.metavar:  # A word such as `NAME=NETWORK,NETWORK` has commas.
        answer = answer.replace(",", " ")
    return () if answer == "-" else tuple(answer.split())

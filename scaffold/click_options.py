"""The options of `Spec` as Click sees them: flags, and prompts for `-i`."""

import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from functools import cache

import click
from click.core import ParameterSource

from .errors import SpecError
from .option import Option
from .spec import RECIPE, Spec, all_options, recipe_options


class SpecChoice(click.Choice):
    """Lists the choices for the help and the shell; `Spec` refuses all others.

    So the Python API and the command line say the same, with the nearest choice.
    """

    def convert(self, value, param, ctx):
        """Returns the value as it is."""
        return value


@cache
def recipe_parameters(recipe: str) -> tuple[click.Option, ...]:
    """Returns a Click option for each option of a recipe."""
    return tuple(_parameter(opt, True) for opt in recipe_options(recipe))


@cache
def change_parameters() -> tuple[click.Option, ...]:
    """Returns a Click option for each option of any recipe that can change later."""
    return tuple(_parameter(opt, False) for opt in all_options() if not opt.fixed)


def given_options(context: click.Context, options: Iterable[Option]) -> dict:
    """Returns those of some options that a command line names, and their values."""
    source = context.get_parameter_source
    return {
        opt.name: context.params[opt.name]
        for opt in options
        if source(opt.name) == ParameterSource.COMMANDLINE
    }


def spec_of(context: click.Context, interactive: bool) -> Spec:
    """Builds the spec that a command line describes.

    Args:
        context: The context of a command that has `recipe_parameters()`.
        interactive: Whether to ask for what the command line leaves out.

    Raises:
        SpecError: If `Spec` refuses a value, or if nobody is there to ask.
    """
    given = given_options(context, recipe_options(context.params[RECIPE.name]))
    if not interactive:
        return Spec(**given)
    if sys.stdin is None or not sys.stdin.isatty():
        raise SpecError(
            "-i asks questions, but standard input is not a terminal.",
            "Give the options on the command line.",
        )
    # `input()` would print the prompt to standard output, where the code goes.
    with redirect_stdout(sys.stderr):
        return _ask(given)


def _parameter(opt: Option, shows_default: bool) -> click.Option:
    if opt.type is bool:
        flags = f"{opt.flag}/{opt.off_flag}"
        return click.Option(
            [flags, opt.name],
            default=opt.default,
            help=opt.help,
            show_default=shows_default,
        )
    known = opt.choices or opt.examples
    return click.Option(
        [opt.flag, opt.name],
        type=SpecChoice(known) if known else opt.type,
        default=opt.default,
        multiple=opt.many,
        metavar=opt.metavar or None,
        help=opt.help,
        show_default=shows_default,
    )


def _ask(given: dict) -> Spec:
    """Asks for options until the answers fit together.

    Args:
        given: The values of those that need not be asked for, unless they do not fit.
    """
    values, settled = dict(given), set(given)
    while True:
        # The recipe comes first: the others are those that it has.
        _answer(RECIPE, values, settled)
        options = recipe_options(values[RECIPE.name])
        for opt in options[1:]:
            _answer(opt, values, settled)
        try:
            wanted = {opt.name for opt in options} | settled
            return Spec(**{name: values[name] for name in values if name in wanted})
        except SpecError as error:
            click.echo(f"Error: {error.message}\n{error.hint}\n", err=True)
            # Whatever is wrong, all can be changed now; the answers are kept.
            settled = set()


def _answer(opt: Option, values: dict, settled: set[str]) -> None:
    """Asks for an option that is not settled; its value so far is the default."""
    if opt.name not in settled:
        values[opt.name] = _prompt(opt, values.get(opt.name, opt.default))


def _prompt(opt: Option, default):
    """Asks for one option; Enter keeps the default, `-` takes it away."""
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
        # Click repeats a question that has no default; here none is an answer.
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
    return () if answer == "-" else tuple(answer.replace(",", " ").split())

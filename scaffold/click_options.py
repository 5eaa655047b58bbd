"""Converts the options of `Spec` to Click options, and a command line to a `Spec`."""

from collections.abc import Iterable
from functools import cache

import click
from click.core import ParameterSource

from .common_options import OPTIONS
from .option import Option
from .recipe_options import all_options, own_options, recipe_options
from .recipes import recipe_names


class SpecChoice(click.Choice):
    """Lists the choices for the help and for completion, but accepts any value.

    `Spec` checks the value, so that Python code and the command line get the same
    message, with the nearest choice.
    """

    def convert(self, value, param, ctx):
        """Returns the value unchanged."""
        return value


@cache
def recipe_parameters(recipe: str) -> tuple[click.Option, ...]:
    """Returns a Click option for each option of a recipe."""
    return tuple(_parameter(opt, opt.help, True) for opt in recipe_options(recipe))


@cache
def change_parameters() -> tuple[click.Option, ...]:
    """Returns a Click option for each option of any recipe that an update can change.

    The help of an option that a recipe adds names the recipe. Recipes may use the same
    option for different things.
    """
    return tuple(
        _parameter(
            opt, opt.help if opt in OPTIONS else _help_by_recipe(opt.name), False
        )
        for opt in all_options()
        if not opt.fixed
    )


def given_options(context: click.Context, options: Iterable[Option]) -> dict:
    """Returns the values of those options that the command line names."""
    source = context.get_parameter_source
    return {
        opt.name: context.params[opt.name]
        for opt in options
        if source(opt.name) == ParameterSource.COMMANDLINE
    }


def _help_by_recipe(name: str) -> str:
    """Returns the help of an option in each recipe that adds it."""
    recipes: dict[str, list[str]] = {}
    for recipe in recipe_names():
        for opt in own_options(recipe):
            if opt.name == name:
                recipes.setdefault(opt.help, []).append(recipe)
    return " ".join(f"[{', '.join(names)}] {text}" for text, names in recipes.items())


def _parameter(opt: Option, help: str, shows_default: bool) -> click.Option:
    if opt.type is bool:
        flags = f"{opt.flag}/{opt.off_flag}"
        return click.Option(
            [flags, opt.name],
            default=opt.default,
            help=help,
            show_default=shows_default,
        )
    known = opt.choices or opt.examples
    return click.Option(
        [opt.flag, opt.name],
        type=SpecChoice(known) if known else opt.type,
        default=opt.default,
        multiple=opt.many,
        metavar=opt.metavar or None,
        help=help,
        show_default=shows_default,
    )

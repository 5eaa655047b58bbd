"""Click command classes whose options come from `Spec`.

Until a command runs, this module needs Click alone.
"""

from collections.abc import Iterable

import click

CONTEXT = {"help_option_names": ["-h", "--help"]}


def complete_files(ctx, param, incomplete: str) -> list:
    """Tells the shell to complete an argument with the names of files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


class RecipeCommand(click.Command):
    """A command with the options of one recipe, which `--recipe` names."""

    def parse_args(self, ctx, args):
        """Parses the arguments. The options depend on the recipe among them.

        Raises:
            SpecError: If there is no such recipe, or if it does not have an option.
        """
        from .common_options import named_recipe
        from .recipes import DEFAULT_RECIPE, recipe_names

        recipe = named_recipe(args)
        if ctx.resilient_parsing and recipe not in recipe_names():
            recipe = DEFAULT_RECIPE  # completion in a shell must not fail
        ctx.meta[__name__] = recipe
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise _no_such_option(error, self.get_params(ctx), recipe) from error

    def get_params(self, ctx):
        """Returns the options of the recipe and the options of the command."""
        from .click_options import recipe_parameters
        from .recipes import DEFAULT_RECIPE

        recipe = ctx.meta.get(__name__, DEFAULT_RECIPE)
        return [*recipe_parameters(recipe), *super().get_params(ctx)]


class AllRecipesCommand(click.Command):
    """A command that changes options. It has the options of all recipes."""

    def parse_args(self, ctx, args):
        """Parses the arguments."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise _no_such_option(error, self.get_params(ctx)) from error

    def get_params(self, ctx):
        """Returns the options of all recipes and the options of the command."""
        from .click_options import change_parameters

        return [*change_parameters(), *super().get_params(ctx)]


def _no_such_option(
    error: click.NoSuchOption,
    parameters: Iterable[click.Parameter],
    recipe: str | None = None,
) -> Exception:
    """Returns the error about an unknown option, with better suggestions than Click's.

    Args:
        error: Click's error.
        parameters: The parameters of the command.
        recipe: The recipe, if the command has the options of one recipe only.
    """
    from .errors import SpecError
    from .recipe_options import all_options, not_an_option
    from .suggestions import nearest

    flags = [flag for p in parameters for flag in (*p.opts, *p.secondary_opts)]
    typed, options = error.option_name, all_options()
    for opt in options:
        known = (opt.flag, opt.off_flag) if opt.type is bool else (opt.flag,)
        if recipe is not None and typed in known:
            return not_an_option(opt, recipe)
        if opt.fixed and typed == opt.flag:
            return SpecError(
                f"{opt.flag} cannot change once a file is generated.",
                f"Generate another file: kscaffold new FILE.py {opt.flag} NAME",
                code="option-fixed",
            )
        if opt.off and typed == f"--no-{opt.flag[2:]}":
            error.possibilities = [opt.off_flag]
            return error
    own = [flag for flag in flags if flag.startswith("--")]
    others = [opt.flag for opt in options if opt.flag not in own]
    near = nearest(typed, [*own, *others])
    error.possibilities = [flag for flag in near if flag in own] or near
    return error

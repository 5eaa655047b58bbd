"""Click's commands as kscaffold's are: until one runs, they need Click alone."""

import click

CONTEXT = {"help_option_names": ["-h", "--help"]}


class RecipeCommand(click.Command):
    """A command that also has the options of a recipe, once it is asked for them."""

    def parse_args(self, ctx, args):
        """Finds the recipe among the arguments first: the options depend on it.

        Raises:
            SpecError: If there is no such recipe, or if an option is another one's.
        """
        from .recipes import recipe_names
        from .spec import DEFAULT_RECIPE, all_options, named_recipe, not_an_option

        recipe = named_recipe(args)
        if ctx.resilient_parsing and recipe not in recipe_names():
            recipe = DEFAULT_RECIPE  # a shell that completes a line has nobody to tell
        ctx.meta[__name__] = recipe
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            for opt in all_options():
                if error.option_name in (opt.flag, opt.off_flag):
                    raise not_an_option(opt, recipe) from error
            raise

    def get_params(self, ctx):
        """Returns the options of the recipe and the command's own."""
        from .click_options import recipe_parameters
        from .spec import DEFAULT_RECIPE

        recipe = ctx.meta.get(__name__, DEFAULT_RECIPE)
        return [*recipe_parameters(recipe), *super().get_params(ctx)]


class AllRecipesCommand(click.Command):
    """A command that changes options: it has those of all recipes."""

    def get_params(self, ctx):
        """Returns the options and the command's own."""
        from .click_options import change_parameters

        return [*change_parameters(), *super().get_params(ctx)]

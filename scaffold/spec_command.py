"""Click's commands as kscaffold's are: until one runs, they need Click alone."""

import click

CONTEXT = {"help_option_names": ["-h", "--help"]}


class SpecCommand(click.Command):
    """A command that also has the options of `Spec`, once it is asked for them."""

    #: Whether its help says what an option is if it is left out.
    shows_defaults = True

    def get_params(self, ctx):
        """Returns the options of `Spec` and the command's own."""
        from .parameters import spec_parameters

        options = spec_parameters(self.shows_defaults)
        return [*options, *super().get_params(ctx)]


class ChangeCommand(SpecCommand):
    """A command with the options of `Spec`, which leaves alone what is not given."""

    shows_defaults = False

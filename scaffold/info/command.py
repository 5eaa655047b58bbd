"""The command `kscaffold info`. Importing this module imports only Click."""

from pathlib import Path

import click

from .. import __version__
from ..click_commands import CONTEXT, complete_files
from ..standard_output import print_json, print_text, printable


@click.command(context_settings=CONTEXT)
@click.argument("path", default=".", shell_complete=complete_files)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def info(path, as_json):
    """Shows versions, devices, and the generated files in PATH.

    PATH is a file or a folder. The default is the current folder.
    """
    from .contents import contents
    from .installation import installation
    from .report import as_text

    generated = contents(path)
    data = {
        "version": __version__,
        **installation(),
        "schemas": str(Path(__file__).parent.parent / "schemas"),
        "path": path,
        "generated": generated,
    }
    if as_json:
        print_json("info-1", data)
    else:
        print_text(printable(as_text(data)))

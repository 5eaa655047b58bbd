"""The guide that `kscaffold skill` prints, for assistants and programs.

Its prose is in `skill.md`. Its tables come from the recipes, the options and the codes.
"""

from pathlib import Path

from . import __version__
from .common_options import RECIPE
from .error_codes import CODES
from .option import Option
from .option_tables import markdown_table
from .recipe_options import own_options
from .recipes import load_recipe, recipe_names
from .spec import Spec

TEXT = Path(__file__).with_name("skill.md")

#: The errors that the guide lists.
COMMON = (
    "file-exists",
    "file-missing",
    "not-generated",
    "option-unknown",
    "options-conflict",
    "build-missing",
    "package-missing",
    "conflicts-unresolved",
)


def guide() -> str:
    """Returns the guide, in Markdown."""
    parts = {
        "version": __version__,
        "recipes": "\n".join(map(_recipe_row, recipe_names())),
        "options": markdown_table().rstrip("\n"),
        "own_options": "\n".join(filter(None, map(_own_options, recipe_names()))),
        "errors": "\n".join(f"- `{code}`: {CODES[code]}" for code in COMMON),
    }
    text = TEXT.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{{ {name} }}}}", part)
    return text


def _recipe_row(name: str) -> str:
    """Returns the row of a recipe: what it trains, its command, and what to edit."""
    about, spec = load_recipe(name), Spec(recipe=name)
    edit = ", ".join(f"`{function}()`" for function in about["edit"])
    command = spec.command(spec.default_target)
    return f"| {about['title']}. {about['summary']} | `{command}` | {edit} |"


def _own_options(name: str) -> str:
    """Returns a line with the options that a recipe adds, or an empty string."""
    options = " ".join(f"`{_usage(opt)}` {opt.help}" for opt in own_options(name))
    return options and f"- `{RECIPE.flag} {name}`: {options}"


def _usage(opt: Option) -> str:
    """Returns an option as it is typed."""
    value = "" if opt.type is bool else "|".join(opt.choices) or opt.metavar
    return f"{opt.flag} {value}".rstrip()

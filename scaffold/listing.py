"""What `kscaffold list` and the README say of recipes and options."""

import click

from . import __version__
from .options import Option
from .recipes import load_recipe, recipe_names
from .spec import OPTIONS

#: The JSON schema names of Python's types.
JSON_TYPES = {str: "string", bool: "boolean", int: "integer"}


def listing() -> dict:
    """Returns all of it as data, for `--json`."""
    return {
        "version": __version__,
        "recipes": [{"references": [], **load_recipe(name)} for name in recipe_names()],
        "options": [option_schema(opt) for opt in OPTIONS],
    }


def option_schema(opt: Option) -> dict:
    """Describes an option; what is returned is a JSON schema of its value as well."""
    item = {"type": JSON_TYPES[opt.type]}
    if opt.choices:
        item["enum"] = list(opt.choices)
    if opt.examples:
        item["examples"] = list(opt.examples)
    if opt.many:
        schema = {"type": "array", "items": item}
    elif opt.default is None:
        schema = {**item, "type": [item["type"], "null"]}
    else:
        schema = item
    return {
        "name": opt.name,
        "flag": opt.flag,
        "off_flag": opt.off_flag if opt.type is bool else None,
        **schema,
        "default": list(opt.default) if opt.many else opt.default,
        "choices": list(opt.choices) or None,
        "many": opt.many,
        "description": opt.help,
    }


def text() -> str:
    """Returns the recipes and the options for a person."""
    formatter = click.HelpFormatter(width=88)
    with formatter.section("Recipes"):
        recipes = [load_recipe(name) for name in recipe_names()]
        formatter.write_dl([(r["name"], r["summary"]) for r in recipes])
    with formatter.section("Options of `kscaffold new`"):
        formatter.write_dl([(flags(o), f"{o.help} [{values(o)}]") for o in OPTIONS])
    for opt in (o for o in OPTIONS if o.examples):
        with formatter.section(f"Names for {opt.flag}"):
            formatter.write_text(", ".join(n for n in opt.examples if n.islower()))
    return formatter.getvalue()


def markdown_table() -> str:
    """Returns the table of the options for the README."""
    rows = [
        "| option | values, default | effect |",
        "|---|---|---|",
        *(f"| `{flags(o)}` | {values(o, '`{}`')} | {o.help} |" for o in OPTIONS),
    ]
    return "\n".join(rows) + "\n"


def flags(opt: Option) -> str:
    """Returns the flags of an option: a boolean has two."""
    return f"{opt.flag} / {opt.off_flag}" if opt.type is bool else opt.flag


def values(opt: Option, form: str = "{}") -> str:
    """Lists the values of an option and says which one is the default.

    Args:
        opt: The option.
        form: How to write a value, with `{}` in its place.
    """
    if opt.type is bool:
        return "on (default)" if opt.default else "off (default)"
    if opt.choices:
        return ", ".join(
            form.format(choice) + (" (default)" if choice == opt.default else "")
            for choice in opt.choices
        )
    default = f", default {form.format(opt.default)}" if opt.default else ""
    return form.format(opt.metavar) + default

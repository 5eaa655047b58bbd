"""Tables of the recipes and the options: text, JSON and Markdown."""

import click

from . import __version__
from .common_options import OPTIONS, RECIPE
from .option import Option
from .recipe_options import own_options, recipe_options
from .recipes import load_recipe, recipe_names

#: The names of Python types in a JSON schema.
JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}

#: The names of the bounds of a number in a JSON schema.
JSON_BOUNDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "above": "exclusiveMinimum",
    "below": "exclusiveMaximum",
}


def listing() -> dict:
    """Returns the recipes and the options as data for `--json`."""
    return {
        "version": __version__,
        "recipes": [_recipe_schema(name) for name in recipe_names()],
        "options": [option_schema(opt) for opt in OPTIONS],
    }


def _recipe_schema(name: str) -> dict:
    """Describes a recipe: parts of its `recipe.toml`, and all its options."""
    about = load_recipe(name)
    said = {
        key: about[key]
        for key in "name title summary edit needs answers references".split()
    }
    return {**said, "options": [option_schema(opt) for opt in recipe_options(name)]}


def option_schema(opt: Option) -> dict:
    """Describes an option. The description is also a JSON schema of its value."""
    item = {"type": JSON_TYPES[opt.type]}
    if opt.choices:
        item["enum"] = list(opt.choices)
    for name, key in JSON_BOUNDS.items():
        if getattr(opt, name) is not None:
            item[key] = getattr(opt, name)
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
    """Returns the recipes and the options as text."""
    formatter = click.HelpFormatter(width=88)
    with formatter.section("Recipes"):
        recipes = [load_recipe(name) for name in recipe_names()]
        formatter.write_dl([(r["name"], r["summary"]) for r in recipes])
    with formatter.section("Options of `kscaffold new`"):
        formatter.write_dl([_row(opt) for opt in OPTIONS])
    for name in recipe_names():
        if own_options(name):
            with formatter.section(f"Options of {RECIPE.flag} {name}"):
                formatter.write_dl([_row(opt) for opt in own_options(name)])
    for opt in (o for o in OPTIONS if o.examples):
        with formatter.section(f"Names for {opt.flag}"):
            formatter.write_text(", ".join(n for n in opt.examples if n.islower()))
    return formatter.getvalue()


def _row(opt: Option) -> tuple[str, str]:
    return flags(opt), f"{opt.help} [{values(opt)}]"


def markdown_table() -> str:
    """Returns the options as a Markdown table."""
    rows = [
        "| option | values, default | effect |",
        "|---|---|---|",
        *(f"| `{flags(o)}` | {values(o, '`{}`')} | {o.help} |" for o in OPTIONS),
    ]
    return "\n".join(rows) + "\n"


def flags(opt: Option) -> str:
    """Returns the flags of an option. A boolean has two."""
    return f"{opt.flag} / {opt.off_flag}" if opt.type is bool else opt.flag


def values(opt: Option, form: str = "{}") -> str:
    """Describes the values of an option and its default.

    Args:
        opt: The option.
        form: A format string for a value, such as "`{}`".
    """
    if opt.type is bool:
        return "on (default)" if opt.default else "off (default)"
    if opt.choices:
        return ", ".join(
            form.format(choice) + (" (default)" if choice == opt.default else "")
            for choice in opt.choices
        )
    defaults = opt.default if opt.many else (opt.default,)
    named = ", ".join(form.format(value) for value in defaults if value is not None)
    default = f", default {named}" if named else ""
    return form.format(opt.metavar or opt.type.__name__.upper()) + default

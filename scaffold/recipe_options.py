"""The options of each recipe: the common ones, and those of its `recipe.toml`."""

from dataclasses import fields, make_dataclass
from functools import cache

from .common_options import OPTIONS, RECIPE, CommonOptions
from .errors import SpecError, TemplateError
from .option import Option, option, options_of
from .recipes import load_recipe, recipe_names

#: The types of options, by their names in a `recipe.toml`.
TYPES = {kind.__name__: kind for kind in (str, bool, int, float)}


def options_class(recipe: str) -> type[CommonOptions]:
    """Returns `CommonOptions`, or a subclass with the options of a recipe.

    Raises:
        SpecError: If there is no such recipe.
        TemplateError: If its `recipe.toml` declares invalid options.
    """
    RECIPE.check(recipe)
    return _options_class(recipe)


@cache
def _options_class(recipe: str) -> type[CommonOptions]:
    about, common = load_recipe(recipe), {f.name: f for f in fields(CommonOptions)}
    try:
        changed = [
            (name, common[name].type, option(default, **common[name].metadata))
            for name, default in about["defaults"].items()
        ]
        added = [
            (name, object, _declared(**metadata))
            for name, metadata in about["options"].items()
        ]
        kind = CommonOptions
        if changed or added:
            kind = make_dataclass(
                "RecipeOptions",
                [*changed, *added],
                bases=(CommonOptions,),
                frozen=True,
                kw_only=True,
            )
        for opt in options_of(kind):
            opt.check(opt.default)
        for name in about["supports"] or ():
            common[name]
    except (KeyError, TypeError, SpecError) as error:
        raise TemplateError(
            f"recipe.toml of {recipe} declares invalid options: {error!r}."
        ) from error
    return kind


def _declared(type: str, optional=False, choices=(), excludes=(), **metadata):
    """Returns the field of an option that a recipe adds. TOML has no `None`."""
    default = None if optional else metadata.pop("default")
    if metadata.get("many"):
        default = tuple(default)
    lists = {"choices": tuple(choices), "excludes": tuple(excludes)}
    return option(default, TYPES[type], **lists, **metadata)


def recipe_options(recipe: str) -> tuple[Option, ...]:
    """Lists the options of a recipe. The options of every recipe come last.

    Raises:
        SpecError: If there is no such recipe.
    """
    options = options_of(options_class(recipe))
    supports = load_recipe(recipe)["supports"]
    foreign = {
        opt.name
        for opt in OPTIONS
        if not opt.everywhere and supports is not None and opt.name not in supports
    }
    found = (opt for opt in options if opt.name not in foreign)
    return tuple(sorted(found, key=lambda opt: (not opt.fixed, opt.everywhere)))


def own_options(recipe: str) -> tuple[Option, ...]:
    """Lists the options that a recipe adds to the common ones."""
    common = {opt.name for opt in OPTIONS}
    return tuple(o for o in recipe_options(recipe) if o.name not in common)


@cache
def all_options() -> tuple[Option, ...]:
    """Lists the options of all recipes. Options of the same name are listed once."""
    own = {o.name: o for name in recipe_names() for o in own_options(name)}
    return (*OPTIONS, *own.values())


def not_an_option(opt: Option, recipe: str) -> SpecError:
    """Returns the error for an option that the recipe does not have."""
    others = [
        name
        for name in recipe_names()
        if opt.name in {other.name for other in recipe_options(name)}
    ]
    return SpecError(
        f"{opt.flag} is not an option of the recipe {recipe}.",
        f"These recipes have it: {', '.join(others)}." if others else "",
        code="option-unknown",
    )

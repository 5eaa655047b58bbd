"""Recipes: the folders of `templates/recipes/`, found and never registered."""

import os
from functools import cache

from . import templates
from .errors import TemplateError

TEMPLATES = templates.__path__[0]
FOLDER = os.path.join(TEMPLATES, "recipes")


@cache
def recipe_names() -> tuple[str, ...]:
    """Lists the recipes: the folders that hold a `recipe.toml`."""
    return tuple(
        sorted(
            name
            for name in os.listdir(FOLDER)
            if os.path.isfile(os.path.join(FOLDER, name, "recipe.toml"))
        )
    )


@cache
def load_recipe(name: str) -> dict:
    """Reads `recipe.toml` of a recipe: its title, its summary and its references.

    Raises:
        TemplateError: If the file is not TOML or lacks a key.
    """
    import tomllib

    path = os.path.join(FOLDER, name, "recipe.toml")
    with open(path, "rb") as file:
        try:
            recipe = tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise TemplateError(f"{path} is not TOML: {error}") from error
    missing = {"title", "summary", "module_docstring"} - recipe.keys()
    if missing:
        raise TemplateError(f"{path} lacks {', '.join(sorted(missing))}.")
    return {"name": name, **recipe}

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


@cache
def project_templates(recipe: str) -> dict[str, str]:
    """Maps the files of a project to their templates, below `TEMPLATES`.

    All projects have those of `templates/project/`; a recipe adds those of its own
    folder `project/`, in their place where a path is the same. The files of `package`
    belong to the project's package.
    """
    return {
        path.removesuffix(".jinja").replace("gitignore", ".gitignore"): f"{tree}/{path}"
        for tree in ("project", f"recipes/{recipe}/project")
        for path in sorted(_files_below(os.path.join(TEMPLATES, tree)))
    }


def _files_below(folder: str) -> list[str]:
    """Lists the templates below a folder, as paths with slashes."""
    return [
        os.path.relpath(os.path.join(parent, name), folder).replace(os.sep, "/")
        for parent, _, names in os.walk(folder)
        for name in names
        if name.endswith(".jinja")
    ]

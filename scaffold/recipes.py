"""Recipes: the folders of `templates/recipes/`, found and never registered."""

import os
from functools import cache

from . import templates
from .errors import SpecError, TemplateError

#: The recipe if none is named.
DEFAULT_RECIPE = "supervised"

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


#: What a `recipe.toml` may leave out; `supports = None` stands for all options.
_OPTIONAL = {
    "supports": None,
    "defaults": {},
    "options": {},
    "needs": [],
    "better": "lower",
    "answers": [],
    "references": [],
}


@cache
def load_recipe(name: str) -> dict:
    """Reads `recipe.toml` of a recipe.

    Returns:
        A dict:

        - `name`, `title`, `summary`, and `module_docstring` of the emitted file.
        - `supports`: The options of `Spec` that it has, beside those that all recipes
          have; `None` for all.
        - `defaults`: Dict of defaults of its own for these options.
        - `options`: Dict of its own options: the metadata of each, by name, as
          `Option` has them; `type` is the name of a Python type.
        - `needs`: Packages that its demo needs beside Keras and JAX.
        - `better`: `lower` or `higher`: which numbers of its demo are better.
        - `answers`: The examples of keras.io that it answers.
        - `references`: Papers and guides: dicts of title, authors, year and url.

    Raises:
        TemplateError: If the file is not TOML, lacks a key or has another.
    """
    import tomllib

    path = os.path.join(FOLDER, name, "recipe.toml")
    with open(path, "rb") as file:
        try:
            recipe = tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise TemplateError(f"{path} is not TOML: {error}") from error
    needed = {"title", "summary", "module_docstring"}
    missing, unknown = needed - recipe.keys(), recipe.keys() - needed - {*_OPTIONAL}
    if missing or unknown:
        wrong = [f"lacks {key}" for key in sorted(missing)]
        wrong += [f"has an unknown key {key}" for key in sorted(unknown)]
        raise TemplateError(f"{path} {', '.join(wrong)}.")
    return {"name": name, **_OPTIONAL, **recipe}


@cache
def project_templates(recipe: str) -> dict[str, str]:
    """Maps the files of a project to their templates, below `TEMPLATES`.

    All projects have those of `templates/project/`; a recipe adds those of its own
    folder `project/`, in their place where a path is the same. The files of `package`
    belong to the project's package.

    Raises:
        SpecError: If the recipe has no project.
    """
    if not os.path.isdir(os.path.join(FOLDER, recipe, "project")):
        raise SpecError(
            f"There is no project for the recipe {recipe} yet.",
            "Name a single module as the target: FILE.py.",
        )
    return {
        path.removesuffix(".jinja").replace("gitignore", ".gitignore"): f"{tree}/{path}"
        for tree in ("project", f"recipes/{recipe}/project")
        for path in sorted(_files_below(os.path.join(TEMPLATES, tree)))
    }


def example_path(recipe: str) -> str:
    """Returns the path of `example.py`, which makes data to verify a recipe with.

    Recipes whose steps are compared with `keras.Model` have none.
    """
    return os.path.join(FOLDER, recipe, "example.py")


def _files_below(folder: str) -> list[str]:
    """Lists the templates below a folder, as paths with slashes."""
    return [
        os.path.relpath(os.path.join(parent, name), folder).replace(os.sep, "/")
        for parent, _, names in os.walk(folder)
        for name in names
        if name.endswith(".jinja")
    ]

"""Finds the recipes, which are the folders of `templates/recipes/`."""

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
    """Lists the recipes: the folders with a `recipe.toml`."""
    return tuple(
        sorted(
            name
            for name in os.listdir(FOLDER)
            if os.path.isfile(os.path.join(FOLDER, name, "recipe.toml"))
        )
    )


#: The optional keys of a `recipe.toml`. `supports = None` means all options.
_OPTIONAL = {
    "supports": None,
    "defaults": {},
    "options": {},
    "parts": False,
    "edit": [],
    "needs": [],
    "better": "lower",
    "answers": [],
    "references": [],
}


@cache
def load_recipe(name: str) -> dict:
    """Reads the `recipe.toml` of a recipe.

    Returns:
        A dict:

        - `name`, `title`, `summary`, and `module_docstring` of the emitted file.
        - `supports`: The options of `Spec` that the recipe has, in addition to the
          options that all recipes have. `None` means all options.
        - `defaults`: A dict of new default values for these options.
        - `options`: A dict of the options that the recipe adds. It maps each name to
          the attributes of an `Option`; `type` is the name of a Python type. An
          option with `optional = true` has the default `None`.
        - `parts`: Whether the options name the parts of the class: see `parts.py`.
        - `edit`: The functions and methods that a user replaces first.
        - `needs`: Packages that the demo needs in addition to Keras and JAX.
        - `better`: `lower` or `higher`, for the numbers that the demo prints.
        - `answers`: The examples of keras.io with the same algorithm.
        - `references`: Papers and guides, as dicts of title, authors, year and url.

    Raises:
        TemplateError: If the file is not TOML, lacks a key or has an unknown key.
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
def project_templates(recipe: str, package: str) -> dict[str, str]:
    """Maps the files of a project to their templates in the folder `TEMPLATES`.

    All projects have the files of `templates/project/`. The recipe's own folder
    `project/` adds files, or replaces files of the same path. The files of `package`
    go into the project's package. The module with the class is not among the files: it
    has no template of its own.

    Raises:
        SpecError: If the recipe has no project.
    """
    if not os.path.isdir(os.path.join(FOLDER, recipe, "project")):
        raise SpecError(
            f"There is no project for the recipe {recipe} yet.",
            f"Write a module instead: kscaffold new FILE.py --recipe {recipe}",
            code="project-unavailable",
        )
    found = {}
    for tree in ("project", f"recipes/{recipe}/project"):
        for name in sorted(_files_below(os.path.join(TEMPLATES, tree))):
            path = name.removesuffix(".jinja").replace("gitignore", ".gitignore")
            if path.startswith("package/"):
                path = package + path.removeprefix("package")
            found[path] = f"{tree}/{name}"
    return found


def example_path(recipe: str) -> str:
    """Returns the path of `example.py`, the data that `verify` trains a recipe on.

    Recipes whose steps are compared with `keras.Model` do not have this file.
    """
    return os.path.join(FOLDER, recipe, "example.py")


def _files_below(folder: str) -> list[str]:
    """Lists the templates in a folder and its subfolders, as paths with slashes."""
    return [
        os.path.relpath(os.path.join(parent, name), folder).replace(os.sep, "/")
        for parent, _, names in os.walk(folder)
        for name in names
        if name.endswith(".jinja")
    ]

"""Renders the source of a module from its templates, before Black formats it."""

import ast
import re
from collections import Counter
from functools import cache

import jinja2

from .class_names import check_is_free, names_bound
from .header import header
from .recipes import TEMPLATES
from .spec import Spec

#: Modules that templates may use without importing them, by their names in the code.
MODULES = (
    "functools",
    "inspect",
    "itertools",
    "jax",
    "keras",
    "math",
    "np",
    "operator",
    "optax",
    "os",
)


@cache
def environment(folder: str) -> jinja2.Environment:
    """Returns the Jinja2 environment of a folder of templates."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


def module_source(spec: Spec, name: str, notebook: bool = False) -> str:
    """Renders the class and the demo, and then the module around them.

    Args:
        spec: The options.
        name: The name of the file, for the command in its first line.
        notebook: Whether the parts of the module become cells of a notebook.
    """
    variables = template_variables(spec, notebook)
    env = environment(TEMPLATES)
    names = ["model", "demo"] if spec.demo else ["model"]
    parts, imports, bound = [], {"keras", "os"}, Counter()
    for part in (f"{variables['folder']}/{part}.py.jinja" for part in names):
        parts.append(env.get_template(part).render(variables))
        tree = ast.parse(parts[-1], f"<rendered from {part}>")
        imports |= _modules_used(tree)
        bound += names_bound(tree)
    check_is_free(spec.class_name, bound + Counter(imports))
    body = "\n\n\n".join(parts)
    source = env.get_template("module.py.jinja").render(
        variables, header=header(spec, name), body=body, imports=imports
    )
    return close_gaps(source)


def template_variables(spec: Spec, notebook: bool = False) -> dict:
    """Returns the variables of all templates."""
    return {
        "spec": spec,
        "objective": spec.objective,
        "folder": f"recipes/{spec.recipe}",
        "title": spec.about["module_docstring"],
        "notebook": notebook,
    }


def close_gaps(source: str) -> str:
    """Removes the blank lines that macros leave behind.

    Black would remove them too, but it formats a file twice if it changes anything.
    """
    source = re.sub(r"\n{4,}", "\n\n\n", source)
    source = re.sub(r"\n{3,}(?= )", "\n\n", source)
    return source.rstrip("\n") + "\n"


def _modules_used(tree: ast.Module) -> set[str]:
    """Returns which of `MODULES` a module uses; it imports only these."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names.intersection(MODULES)

"""Checks the name of the class in a generated file."""

import ast
import builtins
import keyword
import unicodedata
from collections import Counter

from .errors import SpecError


def check_class_name(name: str) -> None:
    """Checks that Python allows a name for a class, and that it is not a builtin.

    `check_is_free()` checks for conflicts with other names in the generated file.

    Raises:
        SpecError: If the name is not allowed.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SpecError(
            f"--class-name {name!r} is not a valid Python name.",
            "Use letters, digits and underscores, such as MyModel.",
        )
    normal = unicodedata.normalize("NFKC", name)
    if name != normal:
        raise SpecError(
            f"Python reads --class-name {name!r} as {normal!r}.",
            f"Write it as {normal}.",
        )
    is_dunder = name.startswith("__") and name.endswith("__")
    if hasattr(builtins, name) or is_dunder:
        raise _taken(name)


def check_is_free(name: str, bound: Counter[str]) -> None:
    """Checks that nothing else in the code has the name of the class.

    Args:
        name: The name of the class.
        bound: The counts that `names_bound()` returned for the code.

    Raises:
        SpecError: If the name is bound more than once.
    """
    if bound[name] > 1:
        raise _taken(name)


def names_bound(tree: ast.Module) -> Counter[str]:
    """Counts how often a module binds each name, in any scope."""
    return Counter(filter(None, map(_bound, ast.walk(tree))))


def _bound(node: ast.AST) -> str | None:
    """Returns the name that a node binds, or `None`."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.alias(name=name, asname=other):
            return other or name
    return None


def _taken(name: str) -> SpecError:
    """Returns the error for a class name that would shadow another name."""
    return SpecError(
        f"--class-name {name!r} would shadow a name that the code uses.",
        "Choose another, such as MyModel.",
    )

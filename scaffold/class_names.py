"""What a class in an emitted file may be called."""

import ast
import builtins
import keyword
import unicodedata
from collections import Counter

from .errors import SpecError


def check_class_name(name: str) -> None:
    """Refuses names that Python would not accept, or has for something else.

    Those that an emitted file has for something else, `check_is_free()` refuses.

    Raises:
        SpecError: If it is such a name.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SpecError(
            f"--class-name {name!r} is not a name that Python allows for a class.",
            "Use letters, digits and underscores, such as MyModel.",
        )
    normal = unicodedata.normalize("NFKC", name)
    if name != normal:
        raise SpecError(
            f"--class-name {name!r} is another spelling of {normal!r} for Python.",
            f"Write it as {normal}.",
        )
    is_dunder = name.startswith("__") and name.endswith("__")
    if hasattr(builtins, name) or is_dunder:
        raise _taken(name)


def check_is_free(name: str, bound: Counter[str]) -> None:
    """Refuses a name that the code has for something else as well.

    Args:
        name: The name of the class.
        bound: What `names_bound()` counted in the code.

    Raises:
        SpecError: If it is bound more than once.
    """
    if bound[name] > 1:
        raise _taken(name)


def names_bound(tree: ast.Module) -> Counter[str]:
    """Counts where a module gives a name a meaning, in any scope."""
    return Counter(filter(None, map(_bound, ast.walk(tree))))


def _bound(node: ast.AST) -> str | None:
    """Returns the name that a node gives a meaning, if it gives one any."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.alias(name=name, asname=other):
            return other or name
    return None


def _taken(name: str) -> SpecError:
    """Returns the error that a name of a class would shadow another."""
    return SpecError(
        f"--class-name {name!r} would shadow a name that the code uses.",
        "Choose another, such as MyModel.",
    )

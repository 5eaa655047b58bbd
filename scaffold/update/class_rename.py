"""Finds the name that a user gave to a generated class, and renames it."""

import ast
import io
import tokenize

from .blocks import parse


def class_name_in(ours: str, base: str, name: str) -> str:
    """Finds the name of a generated class in the user's file.

    Args:
        ours: The user's file.
        base: The text as it was generated.
        name: The name of the class as it was generated.

    Returns:
        The name of the user's class that shares the most methods with the generated
        one. It is `name` if no class shares half of them.
    """
    try:
        mine, generated = _classes(ours), _classes(base)
    except SyntaxError:
        return name
    methods = generated.get(name, set())
    shared = {other: len(methods & mine[other]) for other in mine}
    # If two classes share as many, `name` wins.
    nearest = max(shared, key=lambda one: (shared[one], one == name), default=name)
    return nearest if 2 * shared.get(nearest, 0) >= len(methods) else name


def renamed(text: str, old: str, new: str) -> str:
    """Renames a name wherever it occurs as a Python name that is not an attribute.

    A text that is not valid Python is returned unchanged.
    """
    if old == new:
        return text
    lines, before = text.split("\n"), ""
    places = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME and token.string == old and before != ".":
                places.append(token.start)
            before = token.string
    except (tokenize.TokenError, SyntaxError):
        return text
    for row, column in reversed(places):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + new + line[column + len(old) :]
    return "\n".join(lines)


def _classes(text: str) -> dict[str, set[str]]:
    """Maps the classes of a module to the names of their methods."""
    return {
        node.name: {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
        for node in parse(text).body
        if isinstance(node, ast.ClassDef)
    }

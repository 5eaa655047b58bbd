"""Lists the names that parts of a module read, and bind, while it is imported."""

import ast
import textwrap

from .blocks import parse
from .import_merge import names_bound_by


def names_needed(text: str) -> set[str]:
    """Lists the names that must be bound before a part of a module runs."""
    body = parsed_part(text)
    try:
        return set(_read(body)) - names_bound_by(body)
    except RecursionError:
        # Only generated code is nested that deeply.
        return set()


def names_bound(text: str) -> set[str]:
    """Lists the names that a part of a module binds."""
    return names_bound_by(parsed_part(text))


def parsed_part(text: str) -> list[ast.stmt]:
    """Parses a part of a module: a block, or the lines of a class above its methods.

    Returns:
        Its statements. The list is empty if the part is not valid Python.
    """
    text = textwrap.dedent(text)
    for body in ("", "\n    pass"):
        try:
            return parse(text + body).body
        except SyntaxError:
            continue
    return []


def _read(nodes):
    """Yields the names that nodes read, except in the bodies of functions."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _read([*node.decorator_list, node.args])
            yield from _read([node.returns] if node.returns else [])
        elif isinstance(node, ast.ClassDef):
            yield from set(_read(ast.iter_child_nodes(node))) - names_bound_by(
                node.body
            )
        elif isinstance(node, ast.Lambda):
            yield from _read([node.args])
        else:
            yield from _read(ast.iter_child_nodes(node))

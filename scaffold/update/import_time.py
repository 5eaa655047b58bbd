"""The names that lines of a module need, and bind, when the module is imported."""

import ast
import textwrap

from .blocks import parse
from .import_merge import names_bound_by


def names_needed(text: str) -> set[str]:
    """Lists the names that must be bound before some lines run."""
    body = parsed_part(text)
    try:
        return set(_read(body)) - names_bound_by(body)
    except RecursionError:
        # No person writes an expression of that depth.
        return set()


def names_bound(text: str) -> set[str]:
    """Lists the names that some lines bind."""
    return names_bound_by(parsed_part(text))


def parsed_part(text: str) -> list[ast.stmt]:
    """Parses some lines of a module, which may be the first ones of a class."""
    text = textwrap.dedent(text)
    for body in ("", "\n    pass"):
        try:
            return parse(text + body).body
        except SyntaxError:
            continue
    return []


def _read(nodes):
    """Yields the names that nodes read, but not those in bodies of functions."""
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

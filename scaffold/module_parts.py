"""Splits a rendered module into its parts, each with a role.

A module is its parts in order. A notebook has the same parts in cells.
"""

import ast
from typing import NamedTuple

#: The roles of the parts of a module, in the order in which a notebook has them.
HEADER, IMPORTS, NETWORKS, CLASS, BUILD, PLUMBING, CALLS, DEMO = ROLES = (
    "header",
    "imports",
    "networks",
    "class",
    "build",
    "plumbing",
    "calls",
    "demo",
)


class Part(NamedTuple):
    """Consecutive statements of a module that have the same role.

    Attributes:
        role: One of `ROLES`: the first line and the docstring, the imports and the
            check of the backend, the networks, the class, functions that build it,
            what else the class needs, calls when the module is imported, and the main
            block.
        text: The lines, with the comments and the blank lines above them.
    """

    role: str
    text: str


def parts_of(source: str, class_name: str) -> list[Part]:
    """Splits a module. The texts of its parts are the module when they are joined.

    Args:
        source: The module, which begins with comments and a docstring.
        class_name: The name of its class.
    """
    lines, parts, start = source.splitlines(keepends=True), [], 0
    defines = class_defined = False
    for node in ast.parse(source).body:
        defines |= isinstance(node, ast.FunctionDef | ast.ClassDef)
        class_defined |= getattr(node, "name", "") == class_name
        role = _role(node, class_name, defines, class_defined) if parts else HEADER
        text = "".join(lines[start : node.end_lineno])
        if parts and parts[-1].role == role:
            text = parts.pop().text + text
        parts.append(Part(role, text))
        start = node.end_lineno
    return [*parts[:-1], Part(parts[-1].role, parts[-1].text + "".join(lines[start:]))]


def _role(node: ast.stmt, class_name: str, defines: bool, class_defined: bool) -> str:
    """Returns the role of a statement.

    Args:
        node: The statement.
        class_name: The name of the class.
        defines: Whether the statement, or one before, defines a function or a class.
        class_defined: Whether the statement, or one before, defines the class.
    """
    if not defines:
        return IMPORTS
    if not class_defined:
        return NETWORKS
    if getattr(node, "name", "") == class_name:
        return CLASS
    if isinstance(node, ast.Expr):
        return CALLS
    if isinstance(node, ast.If):
        return DEMO
    names = (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))
    return BUILD if class_name in names else PLUMBING

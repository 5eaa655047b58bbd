"""Finds where a file defines its classes, and whether a name has two meanings."""

import ast
import os
import sys
import types
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

from ..target_names import is_notebook
from .keras_classes import is_model
from .notebook import is_cell, place, read_cells


def class_places(path: str, bases: set[str] | None = None) -> dict[str, list[str]]:
    """Maps the qualified name of each class of a file to its places.

    As in `__qualname__`, a class in a function is `function.<locals>.Class`.

    Args:
        path: The file.
        bases: If given, only classes with a base of such a name, without modules.
    """
    places = {}
    for filename, tree in _trees(path):
        for name, node in _classes(tree, ""):
            named = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
            if bases is None or bases & named:
                places.setdefault(name, []).append(_place(filename, node))
    return places


def meanings(module: types.ModuleType, name: str) -> list[str]:
    """Lists the places where a module gives a name another meaning.

    A class that extends one of its own name is not another meaning, and neither is an
    import of the same class or of no model class. Of the branches of an `if` or a
    `try`, one counts.

    Args:
        module: The module, which has been imported.
        name: The name of a class.

    Returns:
        One place if the name is unambiguous, or none if it is bound in other ways.
    """
    places, imported = [], []
    for filename, tree in _trees(getattr(module, "__file__", None) or ""):
        for node in _binding(tree.body, name, module):
            if isinstance(node, ast.ImportFrom):
                value = _imported(node, name, module)
                if not is_model(value) or value in imported:
                    continue
                imported.append(value)
            elif _mentions(node, name):
                places.clear()
            places.append(_place(filename, node))
    return places


def _trees(path: str) -> Iterator[tuple[str, ast.Module]]:
    """Yields the file name and the syntax tree of a file, or of each cell."""
    if is_notebook(path):
        for cell in read_cells(path):
            yield cell.filename, ast.parse(cell.code)
    elif path.endswith(".py") and os.path.isfile(path):
        yield path, ast.parse(Path(path).read_bytes())


def _place(filename: str, node: ast.stmt) -> str:
    """Returns the place of a statement, without the name of the file."""
    if is_cell(filename):
        return place(filename, node.lineno).partition(", ")[2]
    return f"line {node.lineno}"


def _classes(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yields the class statements in a node, with their qualified names."""
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, ast.ClassDef):
            yield prefix + child.name, child
            inner += f"{child.name}."
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner += f"{child.name}.<locals>."
        yield from _classes(child, inner)


def _binding(statements: list, name: str, module) -> Iterator[ast.stmt]:
    """Yields the statements that bind a name in a module, in order."""
    for node in statements:
        match node:
            case ast.ClassDef(name=bound) if bound == name:
                yield node
            case ast.Assign(value=ast.Constant()):
                pass
            case ast.Assign(targets=targets) if name in _names(targets, ast.Store):
                yield node
            case ast.ImportFrom(names=aliases):
                bound = {alias.asname or alias.name for alias in aliases}
                if name in bound or ("*" in bound and _imported(node, name, module)):
                    yield node
            case ast.With() | ast.For() | ast.While():
                yield from _binding(node.body, name, module)
            case ast.If() | ast.Try() | ast.TryStar() | ast.Match():
                branches = [[*_binding(b, name, module)] for b in _branches(node)]
                yield from max(branches, key=len)


def _branches(node: ast.stmt) -> list[list[ast.stmt]]:
    """Returns the branches of a statement, of which one runs."""
    if isinstance(node, ast.Match):
        return [case.body for case in node.cases]
    if isinstance(node, ast.If):
        return [node.body, node.orelse]
    whole = [*node.body, *node.orelse, *node.finalbody]
    return [whole, *(handler.body for handler in node.handlers)]


def _names(nodes: list[ast.expr], context: type = ast.Load) -> set[str]:
    """Returns the names that expressions read, or that they store."""
    found = [n for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name)]
    return {name.id for name in found if isinstance(name.ctx, context)}


def _mentions(node: ast.stmt, name: str) -> bool:
    """Returns whether a statement makes its class from an earlier one of the name."""
    if isinstance(node, ast.Assign):
        return name in _names([node.value])
    return name in _names(node.bases)


def _imported(node: ast.ImportFrom, name: str, module: types.ModuleType):
    """Returns the object that a statement imports under a name, or `None`."""
    package = module.__package__ or ""
    if node.level and not package:
        return None  # a branch that did not run
    source = resolve_name("." * node.level + (node.module or ""), package)
    for alias in node.names:
        if alias.name == "*" or (alias.asname or alias.name) == name:
            original = name if alias.name == "*" else alias.name
            return getattr(sys.modules.get(source), original, None)
    return None

"""Finds problems that a merge without conflicts may have caused."""

import ast

from .blocks import DEFINITIONS, is_python, parse
from .import_merge import missing_imports


def problems(ours: str, merged: str, theirs: str) -> tuple[str, ...]:
    """Describes what a merge without conflicts may have broken.

    Args:
        ours: The user's module.
        merged: The merged module.
        theirs: The generated text that was merged.
    """
    if not is_python(ours):
        return ()
    try:
        parse(merged)
    except SyntaxError as error:
        return (f"line {error.lineno}: the merge caused a syntax error: {error.msg}",)
    return (
        *(
            f"line {line}: your code uses {name}, which the update removed"
            for line, name in lost_names(ours, merged)
        ),
        *(
            f"the generated code needs `{one}`, but {one.name} is something else here"
            for one in missing_imports(merged, theirs)
        ),
    )


def lost_names(old: str, new: str) -> list[tuple[int, str]]:
    """Lists names that a module uses, and only an earlier text of it defines.

    Names are functions, classes and imports of the module, and attributes of `self`.

    Args:
        old: The earlier text.
        new: The module.

    Returns:
        Pairs of a line number in `new`, from 1, and a name.
    """
    try:
        old, new = parse(old), parse(new)
    except SyntaxError:
        return []
    lost = _defined(old) - _defined(new)
    uses = (
        (node.lineno, _used(node))
        for node in ast.walk(new)
        if isinstance(node, ast.Name | ast.Attribute)
    )
    return sorted((line, name) for line, name in uses if name in lost)


def _defined(tree: ast.Module) -> set[str]:
    """Lists the names of a module, and `self.x` for attributes assigned to `self`."""
    names = {n.name for n in tree.body if isinstance(n, DEFINITIONS)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(_used(node))
    return names - {""}


def _used(node: ast.Name | ast.Attribute) -> str:
    """Returns a name, `self.x` for an attribute of `self`, or an empty string."""
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Load) else ""
    of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
    return f"self.{node.attr}" if of_self else ""

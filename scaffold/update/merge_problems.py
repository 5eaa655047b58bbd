"""What a merge without conflicts may have broken."""

import ast

from .blocks import DEFINITIONS, is_python, parse
from .import_merge import missing_imports


def problems(ours: str, merged: str, theirs: str) -> tuple[str, ...]:
    """Says what a merge without conflicts may have broken.

    Args:
        ours: The user's module.
        merged: What the merge made of it.
        theirs: The text that was generated.
    """
    if not is_python(ours):
        return ()
    try:
        parse(merged)
    except SyntaxError as error:
        return (f"line {error.lineno}: {error.msg}, since it was merged",)
    return (
        *(
            f"line {line}: {name} is used, but the update removed it"
            for line, name in lost_names(ours, merged)
        ),
        *(
            f"what is generated needs `{one}`, and {one.name} is something else there"
            for one in missing_imports(merged, theirs)
        ),
    )


def lost_names(old: str, new: str) -> list[tuple[int, str]]:
    """Lists what a module uses and an earlier text of it defined, but it does not.

    These are functions, classes and imports of the module, and attributes of `self`.

    Args:
        old: The earlier text.
        new: The module.

    Returns:
        Pairs of a line of `new`, from 1, and the name.
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
    """Lists the names of a module, and `self.x` for what is assigned to `self`."""
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

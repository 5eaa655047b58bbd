"""Merges the imports of a module as a set, and not line by line.

Both sides may add the same import, or one side may use an import that the other side
removes. Imports that the update adds are therefore put into the user's module before
the merge. Imports that it removes are taken out after the merge, if nothing uses them.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from .blocks import DEFINITIONS, parse


class Import(NamedTuple):
    """An import, `import module as name`."""

    module: str
    name: str

    def __str__(self):
        """Returns the import as a line of Python."""
        return f"import {self.module}" + (
            f" as {self.name}" if self.name != self.module else ""
        )


def with_imports_of(text: str, other: str) -> str:
    """Replaces the imports of a generated module with those of another one."""
    have, wanted = imports_of(text), imports_of(other)
    text = _without(text, [one for one in have if one not in wanted])
    return _with(text, [one for one in wanted if one not in have], other)


def with_new_imports(mine: str, old: str, new: str) -> str:
    """Adds the imports of `new` that `old` and the module lack."""
    have, before, order = names_bound(mine), imports_of(old), imports_of(new)
    added = [one for one in order if one not in before and one.name not in have]
    return _with(mine, added, new)


def with_used_imports(merged: str, old: str, new: str) -> str:
    """Removes imports that `new` no longer has and nothing uses.

    Imports of `new` that the module uses and lacks are added.
    """
    before, after = imports_of(old), imports_of(new)
    used, have = _names_read(merged), names_bound(merged)
    dropped = [one for one in before if one not in after and one.name not in used]
    missing = [one for one in after if one.name in used and one.name not in have]
    return _with(_without(merged, dropped), missing, new)


def missing_imports(merged: str, new: str) -> list[Import]:
    """Lists imports of `new` whose name the module binds to something else."""
    there, imported = set(), set()
    for node in ast.walk(parse(merged)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {(alias.name, alias.asname or alias.name) for alias in node.names}
            imported |= {name.split(".")[0] for _, name in names}
            there |= names if isinstance(node, ast.Import) else set()
    # A name that the user assigned is intended.
    assigned, used = names_bound(merged) - imported, _names_read(merged)
    return [
        one
        for one in imports_of(new)
        if one not in there and one.name in used and one.name not in assigned
    ]


def imports_of(text: str) -> list[Import]:
    """Lists the imports `import x` and `import x as y` of a module."""
    return [one for one, _ in _numbered(text)]


def names_bound(text: str) -> set[str]:
    """Lists the names that a module binds outside of its functions and classes."""
    return names_bound_by(parse(text).body)


def names_bound_by(body: list[ast.stmt]) -> set[str]:
    """Lists the names that statements bind, not those in functions and classes."""
    return set(_bound(body))


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((a.asname or a.name).split(".")[0] for a in node.names)
        else:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    yield inner.id
                elif isinstance(inner, ast.Import | ast.ImportFrom):
                    yield from _bound([inner])


def _names_read(text: str) -> set[str]:
    names = (node for node in ast.walk(parse(text)) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Load)}


def _numbered(text: str) -> list[tuple[Import, int]]:
    """Lists the imports that are alone on a line, with the index of the line.

    A comment may follow.
    """
    lines = text.split("\n")
    found = [
        (Import(alias.name, alias.asname or alias.name), node.lineno - 1)
        for node in parse(text).body
        if isinstance(node, ast.Import) and len(node.names) == 1
        for alias in node.names
    ]
    return [
        (one, number)
        for one, number in found
        if lines[number].split("#")[0].rstrip() == str(one)
    ]


def _without(text: str, dropped: list[Import]) -> str:
    """Removes the lines of imports, and the blank lines above groups that end.

    A line with a comment stays: the user may need the import for another reason.
    """
    lines = ["", *text.split("\n"), ""]
    for one, number in reversed(_numbered(text)):
        at = number + 1
        if one in dropped and lines[at] == str(one):
            alone = not lines[at - 1] and not lines[at + 1]
            del lines[at : at + (2 if alone else 1)]
    return "\n".join(lines[1:-1])


def _with(text: str, added: list[Import], source: str) -> str:
    """Adds imports in the order and in the groups that they have in another module.

    Each goes after the last import that precedes it in the order, else before the first
    one that follows it, else before all others. A blank line separates two groups.
    """
    order = imports_of(source)
    groups = _groups(source)
    for new in added:
        there = dict(_numbered(text))
        at = order.index(new)
        before = [one for one in order[:at] if one in there]
        after = [one for one in order[at:] if one in there]
        near = [*before[-1:], *after[:1]]
        beside = [one for one in near if groups[one] == groups[new]] or near
        gap = [] if beside and groups[beside[0]] == groups[new] else [""]
        lines = text.split("\n")
        if not beside:
            lines.insert(min(there.values(), default=_start(text)), str(new))
        elif beside[0] in before:
            number = there[beside[0]] + 1
            lines[number:number] = [*gap, str(new)]
        else:
            number = there[beside[0]]
            lines[number:number] = [str(new), *gap]
        text = "\n".join(lines)
    return text


def _groups(text: str) -> dict[Import, int]:
    """Numbers the groups of imports, which blank lines separate."""
    lines = text.split("\n")
    return {one: lines[:number].count("") for one, number in _numbered(text)}


def _start(text: str) -> int:
    """Returns the index of the first line after the docstring of a module."""
    body = parse(text).body
    documented = body and ast.get_docstring(ast.Module(body, [])) is not None
    if not documented:
        return 0
    # More statements may follow on its last line.
    end = body[0].end_lineno
    return max(node.end_lineno for node in body if node.lineno <= end)

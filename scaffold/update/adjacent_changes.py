"""Merges changes of neighbouring lines, which are a conflict for Git.

New templates reword comments and docstrings, and people edit the next line. Therefore
a change of a comment is merged with a change of the next line, and a change of one
statement with a change of the next. Two changes within one statement are a conflict.
"""

import ast
from itertools import product
from typing import NamedTuple

from .import_time import parsed_part
from .line_matcher import opcodes


class Change(NamedTuple):
    """New lines in place of those from `first` to before `last`."""

    first: int
    last: int
    old: list[str]
    new: list[str]


def merge_adjacent(
    base: list[str], ours: list[str], theirs: list[str], boundaries: set[int]
) -> list[str] | None:
    """Merges lines that two sides changed side by side.

    Args:
        base: The lines before.
        ours: The lines of one side.
        theirs: The lines of the other side.
        boundaries: The numbers, from 0, of lines of `base` that begin a statement.

    Returns:
        The merged lines, or `None` if there is a conflict.
    """
    sides = [_changes(base, side) for side in (ours, theirs)]
    beside_comments = any(all(map(_is_comment, changes)) for changes in sides)
    for pair in product(*sides):
        one, other = sorted(pair, key=lambda change: change[:2])
        if one.last > other.first or one[:2] == other[:2]:
            return None
        touch = one.last == other.first
        if touch and not (beside_comments or other.first in boundaries):
            return None
    lines, at = [], 0
    for change in sorted(sides[0] + sides[1], key=lambda change: change[:2]):
        lines += [*base[at : change.first], *change.new]
        at = change.last
    return lines + base[at:]


def statement_boundaries(lines: list[str]) -> set[int]:
    """Lists the numbers, from 0, of lines that do not continue a statement.

    Args:
        lines: A block of a module. If it is not Python, the set is empty.
    """
    body = parsed_part("\n".join(lines))
    if not body:
        return set()
    inside = set()
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.stmt):
            decorators = getattr(node, "decorator_list", [])
            start = min(one.lineno for one in (node, *decorators))
            # A statement with others in it is its lines above the first of these.
            inner = getattr(node, "body", None)
            end = inner[0].lineno - 1 if inner else node.end_lineno
            inside.update(range(start, end))
    return set(range(len(lines) + 1)) - inside


def _changes(base: list[str], side: list[str]) -> list[Change]:
    return [
        Change(i, j, base[i:j], side[k:n])
        for kind, i, j, k, n in opcodes(base, side)
        if kind != "equal"
    ]


def _is_comment(change: Change) -> bool:
    lines = (line.strip() for line in change.old + change.new)
    return all(line.startswith("#") or not line for line in lines)

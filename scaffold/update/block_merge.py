"""Merges three texts, block by block.

Lines of Python repeat. The training step and the test step, for example, unpack the
same state. A merge block by block never confuses lines of two methods, and methods that
both sides add next to each other are not in conflict.
"""

import re
from dataclasses import dataclass

from .block_order import merged_order
from .blocks import blocks_of, class_of, is_definition
from .line_merge import merged_lines


@dataclass(frozen=True)
class Conflict:
    """Lines that two sides changed, with markers around them.

    Attributes:
        first: The number of the line with the first marker, from 1.
        last: The number of the line with the last marker.
        where: The function or method with these lines, or an empty string.
    """

    first: int
    last: int
    where: str


@dataclass(frozen=True)
class Merge:
    """A merged text, and the conflicts in it."""

    text: str
    conflicts: tuple[Conflict, ...] = ()


def merge(base: str, ours: str, theirs: str, labels: tuple[str, str]) -> Merge:
    """Merges two versions of a text.

    Args:
        base: The text as it was generated.
        ours: The user's text, whose lines come first in a conflict.
        theirs: The text as it is generated now.
        labels: The names of the two sides, for the conflict markers.

    Returns:
        The merged text. Python modules are merged block by block, all other texts line
        by line.

    Raises:
        MergeError: If neither Git nor merge3 is installed, or if Git fails.
    """
    if theirs in (base, ours):
        return Merge(ours)
    if ours == base:
        return Merge(theirs)
    try:
        sides = [blocks_of(text) for text in (base, ours, theirs)]
        is_python = True
    except SyntaxError:
        sides = [{"after ": text.split("\n")} for text in (base, ours, theirs)]
        is_python = False
    lines, conflicts = [], []
    for key in merged_order(*sides):
        for part in merged_lines(*(side.get(key, []) for side in sides), is_python):
            if isinstance(part, str):
                lines.append(part)
                continue
            first = len(lines) + 1
            lines += [f"<<<<<<< {labels[0]}", *part.ours, "=======", *part.theirs]
            lines.append(f">>>>>>> {labels[1]}")
            where = key.split("#")[0] if is_definition(key) else class_of(key)
            conflicts.append(Conflict(first, len(lines), where))
    return Merge("\n".join(lines), tuple(conflicts))


def renumbered(conflicts: tuple[Conflict, ...], text: str) -> tuple[Conflict, ...]:
    """Returns conflicts with their line numbers in a text that changed elsewhere."""
    numbered = list(enumerate(text.split("\n"), start=1))
    starts = [number for number, line in numbered if line.startswith("<<<<<<< ")]
    ends = [number for number, line in numbered if line.startswith(">>>>>>> ")]
    return tuple(
        Conflict(first, last, conflict.where)
        for conflict, first, last in zip(conflicts, starts, ends, strict=True)
    )


def has_markers(text: str) -> bool:
    """Says whether a text contains markers of an unresolved conflict."""
    return (
        re.search(r"^(<<<<<<<|\|\|\|\|\|\|\||>>>>>>>) ", text, re.MULTILINE) is not None
    )

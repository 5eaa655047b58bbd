"""Merges three texts, block by block.

Lines of Python repeat: the training step and the test step unpack the same state. So
modules are merged block by block, each method with itself: a line of
one is never taken for that of another, and methods side by side do not get in the way
of each other.
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
        first: The number of the first marker's line, from 1.
        last: That of the last marker's line.
        where: The function or method that they are in, or an empty string.
    """

    first: int
    last: int
    where: str


@dataclass(frozen=True)
class Merge:
    """What came out of a merge: the text, and the conflicts in it."""

    text: str
    conflicts: tuple[Conflict, ...] = ()


def merge(base: str, ours: str, theirs: str, labels: tuple[str, str]) -> Merge:
    """Merges what two sides made of a text.

    Args:
        base: The text.
        ours: What the one side made of it; its lines come first in a conflict.
        theirs: What the other side made of it.
        labels: The names of the two sides, for the markers.

    Returns:
        The merged text. If all three are Python, definitions are merged each with
        itself, and one that a side adds is put behind what it follows there.

    Raises:
        MergeError: If there is neither git nor merge3, or git fails.
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
    """Gives conflicts the numbers of their lines in a text that changed elsewhere."""
    numbered = list(enumerate(text.split("\n"), start=1))
    starts = [number for number, line in numbered if line.startswith("<<<<<<< ")]
    ends = [number for number, line in numbered if line.startswith(">>>>>>> ")]
    return tuple(
        Conflict(first, last, conflict.where)
        for conflict, first, last in zip(conflicts, starts, ends, strict=True)
    )


def has_markers(text: str) -> bool:
    """Says whether a conflict is left in a text, or a part of one."""
    return (
        re.search(r"^(<<<<<<<|\|\|\|\|\|\|\||>>>>>>>) ", text, re.MULTILINE) is not None
    )

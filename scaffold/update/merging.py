"""Merges three texts: git does it, or the package merge3 where there is no git.

Both merge lines, and lines of Python repeat: the training step and the test step unpack
the same state. So modules are merged block by block, each method with itself: a line of
one is never taken for that of another, and methods side by side do not get in the way
of each other.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import MergeError
from .blocks import blocks_of, class_of, is_definition

#: What git writes around and between the sides of a conflict, for the labels that we
#: give it, and what no line of a text begins with.
_OURS, _BASE, _THEIRS, _END = "<<<<<<< o", "||||||| b", "=======", ">>>>>>> t"
_GUARD = " "
#: The last line of all sides: a merge without it is none.
_LAST = "end"


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


@dataclass
class _Hunk:
    """Lines that two sides changed."""

    ours: list[str]
    theirs: list[str]


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
    except SyntaxError:
        sides = [{"": text.split("\n")} for text in (base, ours, theirs)]
    lines, conflicts = [], []
    for key in _order(*map(list, sides)):
        for part in _merged(*(side.get(key, []) for side in sides)):
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


def _order(base: list[str], ours: list[str], theirs: list[str]) -> list[str]:
    """Returns the keys of both sides, in the order of the one that moved them."""
    stayed = [key for key in base if key in ours] == [
        key for key in ours if key in base
    ]
    order, others = (theirs, ours) if stayed else (ours, theirs)
    order = list(order)
    for number, key in enumerate(others):
        if key in order:
            continue
        before, after = others[:number], others[number + 1 : number + 2]
        if before and before[-1] in order:
            at = order.index(before[-1]) + 1
        elif after and after[0] in order:
            at = order.index(after[0])
        else:
            known = [other for other in before if other in order]
            at = order.index(known[-1]) + 1 if known else 0
        order.insert(_within_its_class(order, key, at), key)
    return order


def _within_its_class(order: list[str], key: str, at: int) -> int:
    """Returns where a block can be, from a place on: in its class, and in no other."""
    home = class_of(key)
    if home in order:
        first = order.index(home) + 1
        inside = [n + 1 for n, other in enumerate(order) if _is_in(other, home)]
        at = min(max(at, first), max([first, *inside]))
    while (
        at < len(order) and class_of(order[at]) and not _is_in(key, class_of(order[at]))
    ):
        at += 1
    return at


def _is_in(key: str, outer: str) -> bool:
    return key.startswith(f"{outer}.")


def _merged(base, ours, theirs) -> Iterator[str | _Hunk]:
    """Yields the lines of a merged block, and hunks where it has conflicts."""
    if theirs in (base, ours):
        yield from ours
    elif ours == base:
        yield from theirs
    else:
        for part in _parts(base, ours, theirs):
            if isinstance(part, str):
                yield part
            else:
                yield from _trimmed(part)


def _trimmed(hunk: _Hunk) -> Iterator[str | _Hunk]:
    """Takes from a hunk the lines that its sides have in common at its ends."""
    ours, theirs, tail = hunk.ours, hunk.theirs, []
    while ours and theirs and ours[0] == theirs[0]:
        yield ours[0]
        ours, theirs = ours[1:], theirs[1:]
    while ours and theirs and ours[-1] == theirs[-1]:
        tail = [ours[-1], *tail]
        ours, theirs = ours[:-1], theirs[:-1]
    if ours or theirs:
        yield _Hunk(ours, theirs)
    yield from tail


def _parts(base, ours, theirs) -> Iterable[str | _Hunk]:
    if shutil.which("git"):
        return _parts_by_git(base, ours, theirs)
    try:
        from merge3 import Merge3
    except ImportError:
        raise MergeError(
            "Neither git nor the package merge3 is there to merge your edits.",
            "Install git, or: pip install merge3",
        ) from None
    return _parts_by_merge3(Merge3(base, ours, theirs))


def _parts_by_merge3(merged) -> Iterator[str | _Hunk]:
    for kind, *groups in merged.merge_groups():
        if kind == "conflict":
            _, ours, theirs = groups
            yield _Hunk(ours, theirs)
        else:
            yield from groups[0]


def _parts_by_git(*sides: list[str]) -> list[str | _Hunk]:
    with tempfile.TemporaryDirectory(prefix="kscaffold-") as folder:
        for name, side in zip("obt", (sides[1], sides[0], sides[2]), strict=True):
            text = "".join(f"{_GUARD}{line}\n" for line in side)
            Path(folder, name).write_bytes(f"{text}{_LAST}\n".encode())
        arguments = ["-p", "--diff3", *("-L", "o", "-L", "b", "-L", "t"), "o", "b", "t"]
        # Inside a hook of git, variables point to its repository.
        done = subprocess.run(
            ["git", "merge-file", *arguments],
            cwd=folder,
            env={k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
            capture_output=True,
        )
    parts, side = [], None
    *lines, last = done.stdout.decode().removesuffix("\n").split("\n")
    for line in lines:
        marker = line.rstrip("\r")
        if marker == _OURS:
            parts.append(_Hunk([], []))
            side = parts[-1].ours
        elif marker == _BASE:
            side = []
        elif marker == _THEIRS:
            side = parts[-1].theirs
        elif marker == _END:
            side = None
        else:
            (parts if side is None else side).append(line[len(_GUARD) :])
    # The status is the number of conflicts, 127 at most; any other is an error.
    hunks = sum(isinstance(part, _Hunk) for part in parts)
    if done.returncode != min(hunks, 127) or last != _LAST:
        reason = done.stderr.decode(errors="replace").strip()
        raise MergeError(
            f"git merge-file failed with status {done.returncode}: {reason}",
            "See whether `git merge-file -h` works.",
        )
    return parts

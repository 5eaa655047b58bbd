"""Merges lists of lines with Git, or with the package merge3 if there is no Git."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import MergeError
from .adjacent_changes import merge_adjacent, statement_boundaries

#: Git's markers around and between the sides of a conflict, and the first letter of all
#: other lines.
_OURS, _BASE, _THEIRS, _END = "<<<<<<< o", "||||||| b", "=======", ">>>>>>> t"
_GUARD = " "
#: The last line of all sides. A merge without it is incomplete.
_LAST = "end"


@dataclass
class Hunk:
    """Lines that both sides changed, in three versions."""

    base: list[str]
    ours: list[str]
    theirs: list[str]


def merged_lines(base, ours, theirs, is_python: bool) -> Iterator[str | Hunk]:
    """Yields the lines of a merged block, and hunks where it has conflicts.

    Args:
        base: The lines of the block as it was generated.
        ours: The lines of the user's block.
        theirs: The lines of the block as it is generated now.
        is_python: Whether the block is a part of a Python module.
    """
    if theirs in (base, ours):
        yield from ours
    elif ours == base:
        yield from theirs
    else:
        boundaries, at = statement_boundaries(base) if is_python else set(), 0
        for part in _parts(base, ours, theirs):
            if isinstance(part, str):
                yield part
                continue
            at = _find(base, part.base, at)
            merged = None
            if is_python:
                starts = {number - at for number in boundaries}
                merged = merge_adjacent(part.base, part.ours, part.theirs, starts)
            yield from _trimmed(part) if merged is None else merged


def _find(lines: list[str], part: list[str], start: int) -> int:
    """Returns the index at which a part of some lines begins, from `start` on."""
    places = range(start, len(lines) - len(part) + 1)
    return next((n for n in places if lines[n : n + len(part)] == part), start)


def _trimmed(hunk: Hunk) -> Iterator[str | Hunk]:
    """Removes from a hunk the lines that its sides have in common at both ends."""
    ours, theirs, tail = hunk.ours, hunk.theirs, []
    while ours and theirs and ours[0] == theirs[0]:
        yield ours[0]
        ours, theirs = ours[1:], theirs[1:]
    while ours and theirs and ours[-1] == theirs[-1]:
        tail = [ours[-1], *tail]
        ours, theirs = ours[:-1], theirs[:-1]
    if ours or theirs:
        yield Hunk(hunk.base, ours, theirs)
    yield from tail


def _parts(base, ours, theirs) -> Iterable[str | Hunk]:
    if shutil.which("git"):
        return _parts_by_git(base, ours, theirs)
    try:
        from merge3 import Merge3
    except ImportError:
        raise MergeError(
            "Merging your edits needs Git or the package merge3.",
            "Install Git, or the package merge3, whose licence is GPL-2.0-or-later: "
            "pip install merge3",
            code="merge-tool-missing",
        ) from None
    return _parts_by_merge3(Merge3(base, ours, theirs))


def _parts_by_merge3(merged) -> Iterator[str | Hunk]:
    for kind, *groups in merged.merge_groups():
        if kind == "conflict":
            yield Hunk(*groups)
        else:
            yield from groups[0]


def _parts_by_git(*sides: list[str]) -> list[str | Hunk]:
    try:
        temporary = tempfile.TemporaryDirectory(prefix="kscaffold-")
    except OSError as error:
        raise MergeError(
            f"No temporary folder can be written: {error.strerror}.",
            "Free some space on the disk, or set TMPDIR to a folder you can write to.",
        ) from error
    with temporary as folder:
        for name, side in zip("obt", (sides[1], sides[0], sides[2]), strict=True):
            text = "".join(f"{_GUARD}{line}\n" for line in side)
            Path(folder, name).write_bytes(f"{text}{_LAST}\n".encode())
        arguments = ["-p", "--diff3", *("-L", "o", "-L", "b", "-L", "t"), "o", "b", "t"]
        # In a Git hook, variables point to the repository.
        done = subprocess.run(
            ["git", "merge-file", *arguments],
            cwd=folder,
            env={k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
            capture_output=True,
        )
    parts, side = [], None
    *lines, last = done.stdout.decode(errors="replace").removesuffix("\n").split("\n")
    for line in lines:
        marker = line.rstrip("\r")
        if marker == _OURS:
            parts.append(Hunk([], [], []))
            side = parts[-1].ours
        elif marker == _BASE:
            side = parts[-1].base
        elif marker == _THEIRS:
            side = parts[-1].theirs
        elif marker == _END:
            side = None
        else:
            (parts if side is None else side).append(line[len(_GUARD) :])
    # The status is the number of conflicts, at most 127. Others are errors.
    hunks = sum(isinstance(part, Hunk) for part in parts)
    if done.returncode != min(hunks, 127) or last != _LAST:
        reason = done.stderr.decode(errors="replace").strip()
        raise MergeError(
            f"git merge-file failed with status {done.returncode}: {reason}",
            "Check that `git merge-file -h` works.",
        )
    return parts

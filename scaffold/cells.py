"""The text form of a notebook: a Python module with a marker above each cell.

A notebook is generated, formatted, recorded and merged in this form. It begins with the
header and ends with the record, like a module. Lines of cells that are not code are
comments.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from .record import LINE as RECORD

#: The kinds of cells. The last one is code that Python cannot parse.
CODE, MARKDOWN, RAW, TEXT = KINDS = ("code", "markdown", "raw", "text")
#: The origins of cells: generated, added by the user, or split off a generated cell.
GENERATED, ADDED, SPLIT = ("", "added ", "split ")
#: The marker of a cell.
MARKER = re.compile(
    rf"^# %% (?P<origin>{ADDED}|{SPLIT}|)(?P<kind>{'|'.join(KINDS)}): (?P<key>[\w-]+)$"
)

#: The blank lines that Black keeps between any two statements.
_GAP = "\n\n\n"


class Cell(NamedTuple):
    """A cell.

    Attributes:
        key: Its name in the text form: its id in a generated notebook.
        source: Its text, without blank lines at both ends.
        kind: One of `KINDS`.
        origin: `GENERATED`, `ADDED` or `SPLIT`.
    """

    key: str
    source: str
    kind: str = CODE
    origin: str = GENERATED

    @property
    def text(self) -> str:
        """The cell in the text form, with the gap above it.

        Each statement of a cell has a gap above it, so that a definition can become the
        first one of a cell and the user can split the cell.
        """
        gap = "\n" if self.origin == SPLIT else _GAP
        marker = f"# %% {self.origin}{self.kind}: {self.key}"
        if not self.source:
            return gap + marker
        if self.kind == CODE:
            return f"{gap}{marker}{_GAP}{self.source}"
        lines = (f"# {line}" if line else "#" for line in self.source.split("\n"))
        return "\n".join([gap + marker, *lines])


def text_of(header: str, cells: Iterable[Cell], record: str) -> str:
    """Returns the text form of a notebook.

    Args:
        header: The first line.
        cells: The cells.
        record: The last line.
    """
    return "".join([header, *(cell.text for cell in cells), _GAP, record, "\n"])


def cells_of(text: str) -> list[Cell]:
    """Returns the cells of the text form.

    Lines above the first marker, except the header, begin the first cell with code.
    """
    found: list[tuple[dict, list[str]]] = []
    first, *lines = text.split("\n")
    loose = []
    for line in lines:
        if match := MARKER.match(line):
            found.append((match.groupdict(), []))
        elif not RECORD.match(line):
            (found[-1][1] if found else loose).append(line)
    cells = []
    for marker, inner in found:
        kind = marker["kind"]
        if kind != CODE:
            inner = [re.sub("^# ?", "", line) for line in inner]
        elif any(loose):
            inner, loose = [*loose, *inner], []
        source = "\n".join(inner).strip("\n")
        cells.append(Cell(marker["key"], source, kind, marker["origin"]))
    return cells


def place_of(text: str, number: int) -> tuple[str, int]:
    """Returns the cell that a line of the text form is in.

    Args:
        text: The text form.
        number: The number of the line, from 1.

    Returns:
        The name of the cell, and the number of the line in it, from 1.
    """
    markers = [
        (at, match)
        for at, line in enumerate(text.split("\n"), start=1)
        if (match := MARKER.match(line)) and at < number
    ]
    if not markers:
        return "the first cell", number
    start, marker = markers[-1]
    lines = text.split("\n")[start : number - 1]
    gap = next((n for n, line in enumerate(lines) if line.strip()), len(lines))
    is_generated = marker["origin"] == GENERATED
    name = f"the cell {marker['key']}" if is_generated else f"cell {len(markers)}"
    return name, number - start - gap

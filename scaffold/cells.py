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
#: The marker of a cell.
MARKER = re.compile(
    rf"^# %% (?P<added>added )?(?P<kind>{'|'.join(KINDS)}): (?P<key>[\w-]+)$"
)

#: The blank lines that Black keeps between any two statements.
_GAP = "\n\n\n"


class Cell(NamedTuple):
    """A cell.

    Attributes:
        key: Its name in the text form: its id in a generated notebook.
        source: Its text, without blank lines at both ends.
        kind: One of `KINDS`.
        added: Whether the user added it.
    """

    key: str
    source: str
    kind: str = CODE
    added: bool = False

    @property
    def text(self) -> str:
        """The cell in the text form, with the gap above it.

        An added cell has the gap below its marker, so that a cell that the user splits
        has its statements in the same gaps as before.
        """
        marker = f"# %% {'added ' if self.added else ''}{self.kind}: {self.key}"
        lines = self.source.split("\n") if self.source else []
        if self.kind != CODE:
            lines = [f"# {line}" if line else "#" for line in lines]
        elif self.added:
            return _GAP.join([f"\n{marker}", "\n".join(lines)])
        gap = "\n" if self.added else _GAP
        return gap + "\n".join([marker, *lines])


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
        cells.append(Cell(marker["key"], source, kind, bool(marker["added"])))
    return cells


def place_of(text: str, number: int) -> tuple[str, int]:
    """Returns the key of the cell that a line of the text form is in.

    Args:
        text: The text form.
        number: The number of the line, from 1.

    Returns:
        The key, and the number of the line in the cell, from 1.
    """
    lines = text.split("\n")
    for above in range(number - 1, -1, -1):
        if match := MARKER.match(lines[above]):
            return match["key"], max(1, number - 1 - above)
    return "", number

"""Converts the cells of a user's notebook to cells of its text form, and back.

Lines that only IPython runs, and cells that are not Python, are comments in the text
form.
"""

import re

from ..cells import (
    ADDED,
    CODE,
    GENERATED,
    MARKER,
    SPLIT,
    TEXT,
    Cell,
    cells_of,
)
from ..errors import KscaffoldError
from ..ipython_magics import MAGIC, without_magics
from ..notebook_text import IDS
from ..record import MARK, Record
from .blocks import is_python

#: The most magics of a cell that are replaced. Each takes time to find.
MOST_MAGICS = 100

#: The kind, the text and the id of a cell in a notebook.
Entry = tuple[str, str, str | None]

#: Begins the comment for a line that is not Python, or that has a meaning in the text.
_LINE = "# kscaffold:line: "
_LINES = re.compile(rf"^[ \t]*(?:pass  )?{_LINE}(.*)$", re.MULTILINE)


def base_cells(record: str) -> list[Cell]:
    """Returns the cells as they were generated. None if the record is damaged."""
    try:
        return cells_of(Record.of_word(record.removeprefix(MARK)).text)
    except KscaffoldError:
        return []


def keys_of(entries: list[Entry], base: list[Cell]) -> list[str]:
    """Returns a key for each cell. A generated cell has its id as the key.

    A cell that lost its id is known by its text.
    """
    keys = [None] * len(entries)
    for number, (_, _, cell_id) in enumerate(entries):
        if cell_id in IDS and cell_id not in keys:
            keys[number] = cell_id
    for cell in base:
        if cell.key in keys:
            continue
        for number, (kind, source, _) in enumerate(entries):
            if keys[number] is None and (kind, source) == (cell.kind, cell.source):
                keys[number] = cell.key
                break
    return [key or f"added-{number}" for number, key in enumerate(keys, 1)]


def origins_of(keys: list[str], entries: list[Entry], base: list[Cell]) -> list[str]:
    """Returns the origin of each cell.

    A cell was split off if the generated cell before it had most of its lines. Cells
    that the user added between two such parts count as split off, too.
    """
    generated = {cell.key: {*cell.source.split("\n")} for cell in base}
    origins, lines, first = [], set(), 0
    for key, (kind, source, _) in zip(keys, entries, strict=True):
        if key in IDS:
            lines, first = generated.get(key, set()), len(origins) + 1
            origins.append(GENERATED)
            continue
        origins.append(ADDED)
        mine = [line for line in source.split("\n") if line.strip()]
        if kind == CODE and mine and 2 * sum(n in lines for n in mine) > len(mine):
            origins[first:] = [SPLIT] * (len(origins) - first)
    return origins


def as_cell(key: str, origin: str, kind: str, source: str) -> Cell:
    """Returns a cell of the text form."""
    if kind != CODE:
        return Cell(key, source, kind, origin)
    code = _python(source)
    if source.strip() and not code.strip() or origin and not is_python(code):
        return Cell(key, source, TEXT, origin)
    lines = []
    for line, plain in zip(source.split("\n"), code.split("\n"), strict=True):
        if line != plain and plain.strip():
            indent = plain[: len(plain) - len(plain.lstrip())]
            lines.append(f"{indent}pass  {_LINE}{line}")
        elif line != plain or MARKER.match(line) or line.startswith(MARK):
            lines.append(f"{_LINE}{line}")
        else:
            lines.append(line)
    return Cell(key, "\n".join(lines), CODE, origin)


def _python(source: str) -> str:
    """Replaces the magics of a cell, unless it has very many, or cannot be parsed."""
    if sum(MAGIC.match(line) is not None for line in source.split("\n")) > MOST_MAGICS:
        return source
    try:
        return without_magics(source)
    except (ValueError, RecursionError, MemoryError):
        return source


def source_of(cell: Cell) -> str:
    """Returns the text of a cell as it is in the notebook."""
    if cell.kind != CODE:
        return cell.source
    return _LINES.sub(lambda match: match[1], cell.source)

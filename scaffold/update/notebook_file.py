"""A notebook of the user, which is merged in its text form.

Cells keep their outputs and their metadata.
"""

import json
import re
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path

from ..cells import (
    CODE,
    MARKDOWN,
    RAW,
    Cell,
    cells_of,
    place_of,
    text_of,
)
from ..demo_cells import DEMO_CELLS
from ..errors import MergeError, RecordError
from ..notebook_json import KEY, dumped, lines_of, new_cell, own_lines, own_metadata
from ..notebook_text import INSTALL
from ..record import MARK
from ..regular_files import read, shown
from ..target_names import is_notebook
from .module_merge import HEADER_MARK
from .notebook_cells import as_cell, base_cells, keys_of, origins_of, source_of
from .user_file import UserFile, check_resolved, check_text, decoded


def existing_file(path: Path) -> UserFile:
    """Reads a module or a notebook that must exist.

    Raises:
        WriteError: If it does not exist, or cannot be read.
        MergeError: If it is not such a file, or has unresolved conflicts.
        RecordError: If the metadata of kscaffold in a notebook is damaged.
    """
    kind = NotebookFile if is_notebook(str(path)) else UserFile
    return kind.existing(path)


@dataclass(frozen=True)
class NotebookFile(UserFile):
    """A notebook on the disk.

    Attributes:
        notebook: The notebook, as in its JSON.
        cells: Its cells, by their keys in the text form.
        text: The text form.
    """

    notebook: dict = field(default_factory=dict)
    cells: dict[str, dict] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "NotebookFile":
        """Reads a notebook, which need not exist.

        Raises:
            WriteError: If it cannot be read.
            MergeError: If it is not a notebook, or has unresolved conflicts.
            RecordError: If the metadata of kscaffold is damaged.
        """
        content = read(path)
        if content is None:
            return cls(path)
        notebook, entries = _parsed(path, decoded(path, content))
        header, record = _own_lines(path, notebook)
        base = base_cells(record)
        keys = keys_of(entries, base)
        origins = origins_of(keys, entries, base)
        cells = [
            as_cell(key, origin, *entry[:2])
            for key, origin, entry in zip(keys, origins, entries, strict=True)
        ]
        text = text_of(header, cells, record)
        check_text(path, text)
        check_resolved(path, text)
        found = dict(zip(keys, notebook["cells"], strict=True))
        return cls(path, content, text, notebook=notebook, cells=found)

    def encoded(self, text: str) -> str:
        """Returns the JSON of the notebook with a new text."""
        old = self.content.decode("utf-8")
        if text == self.text:
            return old
        before = {cell.key: cell for cell in cells_of(self.text)}
        ids = {_id_of(cell) for cell in self.cells.values()}
        cells = []
        for cell in cells_of(text):
            known = self.cells.get(cell.key)
            if known is None:
                cells.append(self._new(cell, ids))
            elif cell == before[cell.key]:
                cells.append(known)
            else:
                source = source_of(cell)
                as_text = isinstance(known["source"], str)
                source = source if as_text else lines_of(source)
                cells.append({**known, "source": source})
        metadata = {**self.notebook.get("metadata", {}), KEY: own_metadata(text)}
        notebook = {**self.notebook, "cells": cells, "metadata": metadata}
        indent = re.match(r'\s*\{\r?\n?( *)"', old)
        result = dumped(notebook, len(indent[1]) if indent and indent[1] else None)
        return result if old.endswith("\n") else result.rstrip("\n")

    def without_deleted(self, text: str, base: str) -> str:
        """Returns a generated text without the cells that the user deleted.

        These are cells that are not code, and cells of the demo whose lines are in no
        other cell. A class or a function that the user deletes is a change like others.
        """
        mine = {*self.text.split("\n")}
        deleted = set()
        for cell in cells_of(base):
            lines = [line for line in cell.source.split("\n") if line]
            is_lost = 2 * sum(line in mine for line in lines) < len(lines)
            if cell.key not in self.cells and (
                cell.kind != CODE or cell.key in (INSTALL, *DEMO_CELLS) and is_lost
            ):
                deleted.add(cell.key)
        if not deleted:
            return text
        cells = (cell for cell in cells_of(text) if cell.key not in deleted)
        return text_of(text.split("\n", 1)[0], cells, MARK)

    def located(self, text: str, conflicts: tuple, problems: tuple) -> tuple:
        """Returns conflicts and problems with their places in the cells."""

        def moved(match) -> str:
            name, number = place_of(text, int(match[1]))
            return f"{name}, line {number}"

        found = []
        for conflict in conflicts:
            (name, first), (_, last) = (
                place_of(text, number) for number in (conflict.first, conflict.last)
            )
            where = name
            where += (
                f", {conflict.where}" if conflict.where[:2] not in ("", "%%") else ""
            )
            found.append(replace(conflict, first=first, last=last, where=where))
        return tuple(found), tuple(
            re.sub(r"^line (\d+)", moved, problem) for problem in problems
        )

    def _new(self, cell: Cell, ids: set[str]) -> dict:
        """Returns a cell that the update adds."""
        name = next(
            n
            for n in chain([cell.key], map(f"{cell.key}-{{}}".format, count(2)))
            if n not in ids
        )
        made = new_cell(cell, name)
        if self.notebook.get("nbformat_minor", 5) < 5:
            del made["id"]
            # Colab keeps the ids there.
            made["metadata"] = {"id": name} if ids != {None} else {}
        return made


def lines_in(text: str) -> list[str]:
    """Returns the header and the record of a notebook, if kscaffold generated it.

    Args:
        text: The content of the file, which may be anything.
    """
    if KEY not in text:
        return []
    try:
        return [*own_lines(json.loads(text)["metadata"][KEY])]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []


def _parsed(path: Path, text: str) -> tuple[dict, list[tuple[str, str, str | None]]]:
    """Returns a notebook, and the kind, the text and the id of each cell.

    Raises:
        MergeError: If it is not a notebook of the format 4.
    """
    try:
        notebook = json.loads(text.removeprefix("\ufeff"))
        if notebook["nbformat"] != 4:
            raise ValueError(f"its format is {notebook['nbformat']!r}, not 4")
        entries = []
        for cell in notebook["cells"]:
            source, kind = cell["source"], cell["cell_type"]
            source = source if isinstance(source, str) else "".join(source)
            if kind not in (CODE, MARKDOWN, RAW):
                raise ValueError(f"a cell has the type {kind!r}")
            source = source.replace("\r\n", "\n").strip("\n")
            entries.append((kind, source, _id_of(cell)))
        if not isinstance(notebook.get("metadata", {}), dict):
            raise TypeError("its metadata is not an object")
        if not isinstance(notebook.get("nbformat_minor", 5), int):
            raise TypeError("its format has no number")
    except json.JSONDecodeError as error:
        raise MergeError(
            f"{shown(path)} is not a notebook: it is not JSON: {error}.",
            "Restore it from version control, or from a checkpoint of Jupyter.",
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MergeError(
            f"{shown(path)} is not a notebook: {type(error).__name__}: {error}.",
            "Save it in Jupyter's format of version 4.",
        ) from error
    return notebook, entries


def _own_lines(path: Path, notebook: dict) -> tuple[str, str]:
    """Returns the header and the record of a notebook, or placeholders for them.

    Raises:
        RecordError: If its metadata is damaged.
    """
    metadata = notebook.get("metadata", {})
    if KEY not in metadata:
        return HEADER_MARK, MARK
    try:
        return own_lines(metadata[KEY])
    except (TypeError, KeyError) as error:
        raise RecordError(
            f"The metadata {KEY!r} of {shown(path)} is damaged.",
            "Restore it from version control.",
        ) from error


def _id_of(cell: dict) -> str | None:
    """Returns the id of a cell. Colab keeps it in the metadata."""
    metadata = cell.get("metadata")
    inner = metadata.get("id") if isinstance(metadata, dict) else None
    found = cell.get("id", inner)
    return found if isinstance(found, str) else None

"""Reads the code cells of a notebook, and runs them as a Python module.

Only the standard library is needed. A cell has a file name of its own, such as
`train.ipynb, cell 3`, so that errors and tracebacks name the cell.
"""

import __future__

import ast
import contextlib
import importlib.abc
import json
import linecache
import os
import re
import traceback
import types
from dataclasses import dataclass

from ..demo_cells import DEMO_CELLS
from ..ipython_magics import without_magics
from ..notebook_json import KEY, own_lines
from ..notebook_text import IDS
from .request import VerifyError

#: The tags that Jupyter's own tools know: the cell is not run, or may raise.
SKIP, MAY_RAISE = "skip-execution", "raises-exception"


#: The statements that a cell may need from another, although it is not trained.
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Cell:
    """A code cell.

    Attributes:
        filename: Its file name in tracebacks.
        source: Its text.
        code: Its text without magics. The lines have the same numbers.
        may_raise: Whether an error in it is expected.
    """

    filename: str
    source: str
    code: str
    may_raise: bool


def place(filename: str, line: int) -> str:
    """Returns a line of a file or of a cell, as it is printed."""
    name = os.path.basename(filename)
    return f"{name}, line {line}" if is_cell(filename) else f"{name}:{line}"


def is_cell(filename: str) -> bool:
    """Returns whether a file name in a traceback is a cell's."""
    return re.search(r"\.ipynb, cell \d+$", filename) is not None


def read_cells(path: str) -> list[Cell]:
    """Reads the code cells of a notebook, except those that are not to be run.

    They are counted from 1, as Jupyter numbers them after "Restart and run all".

    Of a notebook that kscaffold generated, the cells with the data and the training are
    left out, and the cells that show what they give. Of cells that the user added after
    the first of these, only imports, functions, classes and constants are run.

    Raises:
        VerifyError: If the file is not a notebook, or its language is not Python.
    """
    name = os.path.basename(path)
    try:
        with open(path, "rb") as file:
            notebook = json.load(file)
        language = _language(notebook)
        generated = KEY in _dict(notebook.get("metadata"))
        entries = [
            (
                _text(cell["source"]),
                _dict(cell.get("metadata")).get("tags") or (),
                cell.get("id"),
            )
            for cell in notebook["cells"]
            if cell["cell_type"] == "code"
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise VerifyError(
            f"{name} is not a notebook: {type(error).__name__}: {error}.",
            "Save it in Jupyter's format of version 4, or convert it to a .py file.",
            code="source-invalid",
        ) from error
    if not language.startswith("python"):
        raise VerifyError(
            f"{name} is a notebook in {language!r}.",
            "Name a notebook in Python.",
            code="source-invalid",
        )
    entries = [entry for entry in entries if entry[0].strip()]
    cells, trains = [], False
    for number, (text, tags, name) in enumerate(entries, 1):
        code = without_magics(text)
        if generated and name in DEMO_CELLS:
            trains = True
            continue
        if trains and name not in IDS:
            code = _definitions(code)
        if SKIP not in tags:
            filename = f"{path}, cell {number}"
            cells.append(Cell(filename, text, code, MAY_RAISE in {*tags}))
    return cells


def cells_left_out(path: str) -> list[str]:
    """Lists the cells that are not run because they start with a magic."""
    return [
        cell.filename.rpartition(", ")[2] for cell in read_cells(path) if not cell.code
    ]


def _definitions(code: str) -> str:
    """Returns the definitions in a cell. The lines keep their numbers."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return ""
    lines, kept = code.split("\n"), set()
    for node in tree.body:
        if isinstance(node, DEFINITIONS) or _is_constant(node):
            decorators = getattr(node, "decorator_list", [])
            first = min(one.lineno for one in (node, *decorators))
            kept.update(range(first - 1, node.end_lineno))
    return "\n".join(line if n in kept else "" for n, line in enumerate(lines))


def _is_constant(node: ast.stmt) -> bool:
    """Returns whether a statement assigns a value that needs nothing else."""
    if not isinstance(node, ast.Assign):
        return False
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError):
        return False
    return True


def header_of(path: str) -> str | None:
    """Returns the header of a notebook that kscaffold generated."""
    try:
        with open(path, "rb") as file:
            return own_lines(json.load(file)["metadata"][KEY])[0]
    except (ValueError, TypeError, KeyError):
        return None


def _language(notebook: dict) -> str:
    metadata = _dict(notebook.get("metadata"))
    known = _dict(metadata.get("language_info")).get("name")
    known = known or _dict(metadata.get("kernelspec")).get("language")
    return str(known or "python").lower()


def _dict(value) -> dict:
    return value if isinstance(value, dict) else {}


def _text(source: str | list[str]) -> str:
    text = source if isinstance(source, str) else "".join(source)
    return text.replace("\r\n", "\n")


def compiled(path: str) -> list[tuple[Cell, types.CodeType]]:
    """Reads and compiles the cells of a notebook.

    Raises:
        VerifyError: If the file is not a notebook in Python.
        SyntaxError: If a cell is not valid Python.
    """
    found, flags = [], 0
    for cell in read_cells(path):
        code = compile(cell.code, cell.filename, "exec", flags, dont_inherit=True)
        # As in IPython, `from __future__ import annotations` holds for later cells.
        flags |= code.co_flags & __future__.annotations.compiler_flag
        found.append((cell, code))
    return found


class _Shell:
    """What `get_ipython()` returns: an object whose methods do nothing."""

    def __getattr__(self, name: str):
        """Returns a method that does nothing."""
        return lambda *arguments, **settings: None


class NotebookLoader(importlib.abc.Loader):
    """Runs the cells of a notebook as a module, in the notebook's folder."""

    def __init__(self, path: str):
        """Initializes the loader with the path of the notebook."""
        self.path = path

    def exec_module(self, module: types.ModuleType) -> None:
        """Runs the cells in order. An error gets a note that names the cell."""
        vars(module).update(display=print, get_ipython=_Shell)
        with contextlib.chdir(os.path.dirname(os.path.abspath(self.path))):
            for cell, code in compiled(self.path):
                lines = cell.source.splitlines(keepends=True)
                # Without a time, the entry is kept although there is no such file.
                entry = len(cell.source), None, lines, cell.filename
                linecache.cache[cell.filename] = entry
                _run(cell, code, module)


def _run(cell: Cell, code: types.CodeType, module: types.ModuleType) -> None:
    """Runs a cell."""
    try:
        exec(code, vars(module))
    except BaseException as error:
        if cell.may_raise and isinstance(error, Exception):
            return
        frames = traceback.extract_tb(error.__traceback__)
        cells = [f.filename for f in frames if is_cell(f.filename)]
        if cells[-1:] != [cell.filename]:
            # A function of another cell raised it.
            error.add_note(f"in {cell.filename.rpartition(', ')[2]}")
        raise

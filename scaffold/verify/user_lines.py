"""Finds the user's own lines in an error, and reads their statements.

A line is looked for in the traceback, then in the errors that caused it, then in the
text of the error: JAX names the function in which a leaked value was created.
"""

import ast
import inspect
import linecache
import os
import re
import sysconfig
import tokenize
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

from .notebook import is_cell, place

#: Packages whose code is never the user's, not even if no other code runs.
LIBRARIES = ("absl", "jax", "jaxlib", "keras", "ml_dtypes", "numpy", "optax", "optree")

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PYTHON = sysconfig.get_path("stdlib")
_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\](\w+)")
_PLACE = re.compile(
    r"(?:^| at | on line )(?P<file>(?:(?! at | on line ).)*?\.py):(?P<number>\d+)",
    re.MULTILINE,
)


class Line(NamedTuple):
    """A line of the user's code that was running.

    Attributes:
        file: Its file.
        number: Its number.
        function: The name of its function.
        frame: Its frame, if it is from a traceback.
    """

    file: str
    number: int
    function: str = ""
    frame: FrameType | None = None

    def __str__(self) -> str:
        """Returns `FILE:NUMBER`, relative to the current folder if it is in it."""
        if is_cell(self.file):
            return place(self.file, self.number)
        inside = os.path.relpath(self.file)
        file = self.file if inside.startswith(os.pardir) else inside
        return f"{file}:{self.number}"


def user_lines(error: BaseException) -> list[Line]:
    """Lists the lines of the user's files that an error passed, outermost first."""
    if type(error).__name__ == "UnexpectedTracerError" and (named := _named(error)):
        return named  # where the value leaked, and not where it was used afterwards
    for cause in _chain(error):
        if found := [line for line in lines_of(cause) if is_source(line.file)]:
            return found
    return [line for cause in _chain(error) for line in _named(cause)]


def origin(error: BaseException) -> BaseException:
    """Returns the error of the user's code in a chain of errors.

    While Keras ends a training that failed, it may fail with an error of its own.
    """
    for cause in _chain(error):
        if any(is_source(line.file) for line in lines_of(cause)):
            return cause
    return error


def is_source(file: str) -> bool:
    """Whether a file name in a traceback is a file's or a cell's, not `<string>`."""
    return os.path.isfile(file) or is_cell(file)


def lines_of(error: BaseException) -> list[Line]:
    """Lists the lines of the user's code in the traceback of an error.

    The code need not be in a file. Lines of a package that is installed count only if
    no other code ran.
    """
    found = {"user": [], "installed": [], "library": []}
    for frame, number in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        line = Line(code.co_filename, number, code.co_name, frame)
        found[_owner(code.co_filename)].append(line)
    return found["user"] or found["installed"]


def frames_below(error: BaseException, line: Line | None) -> list[FrameType]:
    """Lists the frames of functions that a line of the user called, outermost first.

    Without a line, these are all frames.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if line and line.frame in frames:
        return frames[frames.index(line.frame) + 1 :]
    return frames


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error, the errors that caused it, and the errors that it replaced."""
    seen, left = set(), [error]
    while left:
        if (one := left.pop(0)) is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            left += [one.__cause__, one.__context__]


def _named(error: BaseException) -> list[Line]:
    """Lists the lines of the user that the text of an error names."""
    try:
        text = str(error)
    except BaseException:  # str() of the user's error may raise any
        return []
    return [
        Line(match["file"], int(match["number"]))
        for match in _PLACE.finditer(text)
        if os.path.isfile(match["file"]) and _owner(match["file"]) != "library"
    ]


def _owner(file: str) -> str:
    """Returns whose code a file is: `user`, `installed` or `library`."""
    if file.startswith((_OURS + os.sep, "<frozen ", "<__array_function__")):
        return "library"
    if package := _INSTALLED.search(file):
        return "library" if package[1] in LIBRARIES else "installed"
    return "library" if file.startswith(_PYTHON + os.sep) else "user"


def statement(line: Line) -> str:
    """Returns the whole statement of a line, on one line and in a normalized form.

    A compound statement is cut after its header. An empty string means that the source
    is unknown.
    """
    node = statement_node(line)
    text = ast.unparse(node) if node else ""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return next(t for t in text.splitlines() if t.startswith(("def ", "class ")))
    return text.partition("\n")[0]


def source(line: Line) -> str:
    """Returns the innermost function that contains a line, in a normalized form."""
    function = function_of(line)
    return ast.unparse(function) if function else ""


def statement_node(line: Line) -> ast.stmt | None:
    """Returns the innermost statement that contains a line."""
    return _innermost(line, ast.stmt)


def function_of(line: Line) -> ast.FunctionDef | ast.Lambda | None:
    """Returns the innermost function that contains a line."""
    return _innermost(line, ast.FunctionDef | ast.Lambda)


def class_line(cls: type) -> Line | None:
    """Returns the line where a class starts, or `None` if it is in no file."""
    file, node = _class_node(cls)
    return Line(file, node.lineno, cls.__name__) if node else None


def call_line(cls: type, function: str) -> Line | None:
    """Returns the first call of a function in a class.

    Args:
        cls: The class.
        function: An expression that is searched in the name of the function.
    """
    file, start = _class_node(cls)
    for node in ast.walk(start) if start else ():
        if isinstance(node, ast.Call) and re.search(function, ast.unparse(node.func)):
            return Line(file, node.lineno)
    return None


def _class_node(cls: type) -> tuple[str, ast.ClassDef | None]:
    """Returns the file of a class, and the node of the class in its syntax tree."""
    functions = [inspect.unwrap(f) for f in vars(cls).values() if callable(f)]
    files = [f.__code__.co_filename for f in functions if hasattr(f, "__code__")]
    for file in dict.fromkeys(files):
        for node in _tree(file):
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                return file, node
    return "", None


def _innermost(line: Line, kind: type) -> ast.AST | None:
    """Returns the innermost node of a kind that contains a line."""
    found = [
        node
        for node in _tree(line.file)
        if isinstance(node, kind) and node.lineno <= line.number <= node.end_lineno
    ]
    return max(found, key=lambda n: (n.lineno, n.col_offset), default=None)


def _tree(file: str) -> list[ast.AST]:
    """Lists all nodes of a file's syntax tree. There are none if it is unreadable."""
    try:
        if is_cell(file):
            return [*ast.walk(ast.parse("".join(linecache.getlines(file))))]
        with tokenize.open(file) as source:
            return [*ast.walk(ast.parse(source.read()))]
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []

"""Splits a Python module into blocks: functions, methods, and the lines between."""

import ast
import warnings
from collections import Counter
from functools import lru_cache

from ..cells import MARKER, SPLIT
from ..record import MARK

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

#: The most levels of a module's syntax tree. At many more, Python's own functions and
#: Black raise errors, and Black can crash.
DEEPEST = 200
TOO_DEEP = f"it is nested in more than {DEEPEST} levels"

#: The lines of each block, by its key.
Blocks = dict[str, list[str]]
#: The name of the block `if __name__ == "__main__":`.
MAIN = "__main__"
#: Begins the name of the block with the marker of a cell.
CELL = "%%"


@lru_cache(maxsize=16)
def parse(text: str) -> ast.Module:
    """Parses a module whose lines end in line feeds only.

    An update parses the same few texts many times.

    Returns:
        The syntax tree, which must not be changed: the next call returns it as well.

    Raises:
        SyntaxError: If it is not valid Python, or nested too deeply.
    """
    try:
        # Python would count a carriage return as the end of a line.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the user's code
            tree = ast.parse(text.replace("\r", " "))
    except ValueError as error:
        raise SyntaxError(str(error)) from error
    except (RecursionError, MemoryError) as error:
        raise SyntaxError(TOO_DEEP) from error
    level = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return tree
    raise SyntaxError(TOO_DEEP)


def is_python(text: str) -> bool:
    """Says whether a text can be parsed."""
    try:
        parse(text)
    except SyntaxError:
        return False
    return True


def blocks_of(text: str) -> Blocks:
    """Splits a module into blocks, which contain all of its lines in order.

    A block is a function, a method, or a sequence of other lines, such as statements
    between two functions, or the lines of a class before its first method. Blank lines
    and comments above a definition belong to it. Comments that are indented like the
    block before belong to that block.

    Args:
        text: The module.

    Returns:
        The lines of each block. The key of a definition is its name, such as
        `CustomModel.fit`. If a name is defined again, it has a number:
        `CustomModel.size#2`. The key of other lines names their class and the block
        that they follow: `CustomModel.after CustomModel.fit`.

    Raises:
        SyntaxError: If it is not Python.
    """
    lines = text.split("\n")
    names = [""] * len(lines)
    _name_lines(names, lines, parse(text).body, "", Counter())
    for number, line in enumerate(lines):
        if line == MARK:
            # This comment is a block of its own: it belongs to no statement.
            start = _gap_before(lines, number, 0)
            names[start : number + 1] = [MARK] * (number + 1 - start)
        elif (marker := MARKER.match(line)) and marker["origin"] != SPLIT:
            # So is the marker of a cell in the text form of a notebook.
            start = _blank_before(lines, number)
            key = f"{CELL} {marker['key']}"
            names[start : number + 1] = [key] * (number + 1 - start)
    blocks, last, key = {}, None, ""
    for name, line in zip(names, lines, strict=True):
        if name != last:
            # A class has lines before its methods, and may have more after them.
            follows = f"{name}.after {key}" if name else f"after {key}"
            key = name if name and name not in blocks else follows
            while key in blocks:
                key += "#"
            last = name
        blocks.setdefault(key, []).append(line)
    return blocks


def class_of(key: str) -> str:
    """Returns the key of the class that a block is in, or an empty string."""
    outer, _, _ = key.partition("after ")
    return outer.rstrip(".") if outer != key else key.rpartition(".")[0]


def is_definition(key: str) -> bool:
    """Says whether a block is a definition, and not lines between definitions."""
    return "after " not in key


def _name_lines(names, lines, body, outer: str, seen: Counter) -> None:
    """Names the lines of definitions, with the gaps above them."""
    for node in body:
        decorators = getattr(node, "decorator_list", [])
        first = min(one.lineno for one in (node, *decorators)) - 1
        start = _gap_before(lines, first, node.col_offset)
        # Comments that are indented like the statement before belong to it.
        for number in range(_gap_before(lines, first), start):
            names[number] = names[number - 1] if number else outer
        name = _name(node)
        if not name:
            continue
        name = f"{outer}.{name}" if outer else name
        seen[name] += 1
        name += f"#{seen[name]}" if seen[name] > 1 else ""
        names[start : node.end_lineno] = [name] * (node.end_lineno - start)
        if isinstance(node, ast.ClassDef):
            _name_lines(names, lines, node.body, name, seen)


def _gap_before(lines: list[str], number: int, indent: int | None = None) -> int:
    """Returns the first of the blank lines and comments above a line.

    Args:
        lines: The lines.
        number: The number of the line, from 0.
        indent: The largest indentation of a comment that counts.
    """
    while number:
        line = lines[number - 1]
        stripped = line.lstrip()
        if stripped and not stripped.startswith("#") or line == MARK:
            break
        if MARKER.match(line):
            break
        if stripped and indent is not None and len(line) - len(stripped) > indent:
            break
        number -= 1
    return number


def _blank_before(lines: list[str], number: int) -> int:
    """Returns the first of the blank lines above a line."""
    while number and not lines[number - 1].strip():
        number -= 1
    return number


def _name(node: ast.stmt) -> str:
    """Returns the name of a statement's block, or an empty string if it has none."""
    if isinstance(node, DEFINITIONS):
        return node.name
    if isinstance(node, ast.If) and any(
        isinstance(name, ast.Name) and name.id == "__name__"
        for name in ast.walk(node.test)
    ):
        return MAIN
    return ""

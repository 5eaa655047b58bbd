"""A Python module as blocks: its functions, its methods, and what is between them."""

import ast
import re
from collections import Counter

from ..record import MARK

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

#: The name of the block that makes a module a script.
MAIN = "__main__"


def blocks_of(text: str) -> dict[str, list[str]]:
    """Splits a module into blocks.

    A block is a function, a method, the lines of a class before its first method, or
    other lines in sequence. Blank lines and comments before a definition belong to it.

    Args:
        text: The module.

    Returns:
        The lines of each block, in order. The keys are names, `CustomModel.fit`, with a
        number if one is there again, `CustomModel.size#2`; for other lines, a key that
        says which block they follow.

    Raises:
        SyntaxError: If it is not Python.
    """
    lines = text.split("\n")
    names = [""] * len(lines)
    _name_lines(names, lines, ast.parse(text).body, "", Counter())
    for number, line in enumerate(lines):
        if line == MARK:
            # It is no statement, but it moves with none either.
            names[_gap_before(lines, number) : number + 1] = [MARK] * (
                number + 1 - _gap_before(lines, number)
            )
    blocks, last, key = {}, None, ""
    for name, line in zip(names, lines, strict=True):
        if name != last:
            key = name or f"after {key}"
            last = name
        blocks.setdefault(key, []).append(line)
    return blocks


def _name_lines(names, lines, body, outer: str, seen: Counter) -> None:
    """Gives the lines of statements, and those of the gaps before, their names."""
    for node in body:
        name = _name(node)
        if not name:
            names[node.lineno - 1 : node.end_lineno] = [outer] * (
                node.end_lineno - node.lineno + 1
            )
            continue
        name = f"{outer}.{name}" if outer else name
        seen[name] += 1
        name += f"#{seen[name]}" if seen[name] > 1 else ""
        decorators = getattr(node, "decorator_list", [])
        start = min(one.lineno for one in (node, *decorators)) - 1
        start = _gap_before(lines, start)
        names[start : node.end_lineno] = [name] * (node.end_lineno - start)
        if isinstance(node, ast.ClassDef):
            _name_lines(names, lines, node.body, name, seen)


def _gap_before(lines: list[str], number: int) -> int:
    """Returns where the blank lines and comments before a line begin."""
    while number and re.fullmatch(r"\s*(#.*)?", lines[number - 1]):
        if lines[number - 1] == MARK:
            break
        number -= 1
    return number


def _name(node: ast.stmt) -> str:
    """Returns the name of the block that a statement is, if it is one."""
    if isinstance(node, DEFINITIONS):
        return node.name
    if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
        return MAIN
    return ""

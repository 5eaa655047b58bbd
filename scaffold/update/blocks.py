"""A Python module as blocks: its functions, its methods, and what is between them."""

import ast
from collections import Counter

from ..record import MARK

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

#: The lines of each block, by its key.
Blocks = dict[str, list[str]]
#: The name of the block that makes a module a script.
MAIN = "__main__"


def parse(text: str) -> ast.Module:
    """Parses a module whose lines end in line feeds, and counts its lines as they do.

    Raises:
        SyntaxError: If it is not Python, or too deeply nested.
    """
    try:
        # For Python, a carriage return ends a line too.
        return ast.parse(text.replace("\r", " "))
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from error


def is_python(text: str) -> bool:
    """Says whether a text can be parsed."""
    try:
        parse(text)
    except SyntaxError:
        return False
    return True


def blocks_of(text: str) -> Blocks:
    """Splits a module into blocks, which are all of its lines in their order.

    A block is a function, a method, or other lines in sequence: those of a class before
    its first method, statements between two functions. Blank lines and comments before
    a definition belong to it, unless they are indented as what is before.

    Args:
        text: The module.

    Returns:
        The lines of each block. The keys are names, `CustomModel.fit`, with a number if
        one is there again, `CustomModel.size#2`; for lines between definitions, a key
        that says which class they are in and which block they follow.

    Raises:
        SyntaxError: If it is not Python.
    """
    lines = text.split("\n")
    names = [""] * len(lines)
    _name_lines(names, lines, parse(text).body, "", Counter())
    for number, line in enumerate(lines):
        if line == MARK:
            # It is no statement, but it moves with none either.
            start = _gap_before(lines, number, 0)
            names[start : number + 1] = [MARK] * (number + 1 - start)
    blocks, last, key = {}, None, ""
    for name, line in zip(names, lines, strict=True):
        if name != last:
            # Lines of a class behind its methods are not those before them.
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
    """Says whether a block is a definition, not lines between them."""
    return "after " not in key


def _name_lines(names, lines, body, outer: str, seen: Counter) -> None:
    """Gives the lines of statements, and those of the gaps before, their names."""
    for node in body:
        decorators = getattr(node, "decorator_list", [])
        first = min(one.lineno for one in (node, *decorators)) - 1
        start = _gap_before(lines, first, node.col_offset)
        # Comments that are indented as the statement before are a part of it.
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
    """Returns where the blank lines and comments before a line begin.

    Args:
        lines: The lines.
        number: The line.
        indent: Comments that are indented by more do not count.
    """
    while number:
        line = lines[number - 1]
        stripped = line.lstrip()
        if stripped and not stripped.startswith("#") or line == MARK:
            break
        if stripped and indent is not None and len(line) - len(stripped) > indent:
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

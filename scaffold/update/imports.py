"""The imports of a module, which are merged as a set and not as lines.

Both sides may add the same one, or one side may add a use of what the other drops.
"""

import ast
import re

from .blocks import DEFINITIONS

_IMPORT = re.compile(r"^import (?P<module>[\w.]+)(?: as (?P<name>\w+))?$", re.MULTILINE)


def with_imports_of(text: str, other: str) -> str:
    """Returns a module with those imports that another has, and no more."""
    return _changed(text, lines_of(text), lines_of(other))


def with_changed_imports(merged: str, old: str, new: str) -> str:
    """Does to the imports of a module what was done to those of another.

    Args:
        merged: The module.
        old: The other module as it was.
        new: The other module as it is.

    Returns:
        The module with what `new` added or the module lacks, and without what `new`
        removed and the module does not use.
    """
    mine, before, after = lines_of(merged), lines_of(old), lines_of(new)
    used, bound = _names(merged)
    kept = [
        line
        for line in mine
        if line not in before or line in after or _name(line) in used
    ]
    added = [
        line for line in after if line not in before or _name(line) in used - bound
    ]
    return _changed(merged, mine, kept + added, after)


def lines_of(text: str) -> list[str]:
    """Lists the lines `import x` and `import x as y` of a module."""
    return [match[0] for match in _IMPORT.finditer(text)]


def _changed(text: str, now: list[str], wanted: list[str], order=()) -> str:
    """Takes the imports out that are not wanted, and puts in those that are.

    Each new one goes behind the one that it follows in `order`, which is `wanted` if
    it is not given, or before the first one that follows it.
    """
    order = list(order or wanted)
    lines = text.split("\n")
    lines = [line for line in lines if line not in now or line in wanted]
    for new in (line for line in wanted if line not in lines):
        at = order.index(new)
        before = [line for line in order[:at] if line in lines]
        after = [line for line in order[at:] if line in lines]
        if before:
            lines.insert(lines.index(before[-1]) + 1, new)
        elif after:
            lines.insert(lines.index(after[0]), new)
    return "\n".join(lines)


def _name(line: str) -> str:
    """Returns the name that an import binds."""
    match = _IMPORT.match(line)
    return match["name"] or match["module"].split(".")[0]


def _names(text: str) -> tuple[set[str], set[str]]:
    """Lists the names that a module reads, and those that it binds itself."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        # There are conflicts in it: every word may be a use.
        words = set(re.findall(r"\w+", text))
        return words, words
    names = [node for node in nodes if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    bound = {node.id for node in names} - read
    bound |= {node.name for node in nodes if isinstance(node, DEFINITIONS)}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            aliases = (alias.asname or alias.name for alias in node.names)
            bound |= {alias.split(".")[0] for alias in aliases}
    return read, bound

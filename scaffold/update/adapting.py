"""What a user did to the whole of a file: another form, another name of the class.

The base and the new text follow it, so that a merge sees only what else was edited.
"""

import ast
import difflib
import io
import tokenize
from collections import Counter
from contextlib import suppress

from ..errors import MergeError
from ..formatting import format_source, mode_of
from .blocks import DEFINITIONS, blocks_of, parse

#: The line lengths that people use.
LENGTHS = (79, 80, 88, 90, 95, 99, 100, 110, 119, 120, 127, 140)


def styles_of(base: str, ours: str, styles: tuple, settings: dict) -> tuple:
    """Returns the styles of a base, with the one that a file was reformatted in.

    Args:
        base: The text as it was generated.
        ours: What the user has.
        styles: The styles of the base.
        settings: Black's settings for the file now.

    Returns:
        `styles`, or `styles` and one more: that with which the base differs in the
        fewest lines from what the user has.
    """
    if _distance(base, ours) == 0:
        # In both styles it may look the same.
        asked = settings != styles[-1] and not _differs_in_form(ours, settings)
        return (*styles, settings) if asked else styles
    if not _differs_in_form(ours, styles[-1]):
        return styles
    lengths = [{**styles[-1], "line_length": n} for n in (*LENGTHS, _longest(ours))]
    candidates = {str(style): style for style in (styles[-1], settings, *lengths)}
    nearest = min(
        candidates.values(),
        key=lambda style: _distance(in_style(base, style), ours),
    )
    return styles if nearest == styles[-1] else (*styles, nearest)


def in_style(text: str, style: dict, what: str = "It") -> str:
    """Formats a text.

    Raises:
        MergeError: If it is not Python.
    """
    try:
        return format_source(text, mode_of(style))
    except (ValueError, RecursionError) as error:
        raise MergeError(
            f"{what} is not Python, so it cannot be formatted: {error}",
            "Mend it first.",
        ) from error


def class_name_in(ours: str, base: str, name: str) -> str:
    """Finds the name that the user's file has for a generated class.

    Args:
        ours: The user's file.
        base: The text as it was generated.
        name: The name of the class in it.

    Returns:
        `name` if there is such a class or none that has most of its methods, else the
        name of the one that has most of them.
    """
    try:
        mine, generated = _classes(ours), _classes(base)
    except SyntaxError:
        return name
    methods = generated.get(name, set())
    shared = {other: len(methods & mine[other]) for other in mine}
    # Of two with as many, the one of that name.
    nearest = max(shared, key=lambda one: (shared[one], one == name), default=name)
    return nearest if 2 * shared.get(nearest, 0) >= len(methods) else name


def renamed(text: str, old: str, new: str) -> str:
    """Gives a name another one wherever Python reads it, but not as an attribute.

    A text that is not Python is returned as it is.
    """
    if old == new:
        return text
    lines, before = text.split("\n"), ""
    places = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME and token.string == old and before != ".":
                places.append(token.start)
            before = token.string
    except (tokenize.TokenError, SyntaxError):
        return text
    for row, column in reversed(places):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + new + line[column + len(old) :]
    return "\n".join(lines)


def lost_names(old: str, new: str) -> list[tuple[int, str]]:
    """Lists what a module uses and an earlier text of it defined, but it does not.

    These are functions, classes and imports of the module, and attributes of `self`.

    Args:
        old: The earlier text.
        new: The module.

    Returns:
        Pairs of a line of `new`, from 1, and the name.
    """
    try:
        old, new = parse(old), parse(new)
    except SyntaxError:
        return []
    lost = _defined(old) - _defined(new)
    uses = (
        (node.lineno, _used(node))
        for node in ast.walk(new)
        if isinstance(node, ast.Name | ast.Attribute)
    )
    return sorted((line, name) for line, name in uses if name in lost)


def changed_lines(old: str, new: str) -> list[tuple[int, int]]:
    """Lists the first and last numbers, from 1, of the lines that are new in a text."""
    matcher = difflib.SequenceMatcher(None, old.split("\n"), new.split("\n"), False)
    return [
        (start + 1, end)
        for kind, _, _, start, end in matcher.get_opcodes()
        if kind in ("insert", "replace")
    ]


def in_new_form(merged: str, old: str, new: str, style: dict) -> str:
    """Gives a merged module another form.

    Args:
        merged: The module.
        old: The generated text that was merged, in the same form.
        new: The generated text in the other form.
        style: Black's settings for that form.

    Returns:
        The module: its blocks are those of `new`, but those that the user edited are
        formatted as they are.

    Raises:
        MergeError: If the module is not Python.
    """
    formatted = blocks_of(in_style(merged, style))
    edited, was, becomes = map(blocks_of, (merged, old, new))
    return "\n".join(
        line
        for key, lines in edited.items()
        for line in (becomes if lines == was.get(key) else formatted)[key]
    )


def _longest(text: str) -> int:
    """Returns the length of the longest line without a string or a comment.

    The others may be longer than Black's limit, which cannot wrap them.
    """
    lengths = dict(enumerate(map(len, text.split("\n")), start=1))
    with suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            name = tokenize.tok_name[token.type]
            if "STRING" in name or name == "COMMENT":
                for number in range(token.start[0], token.end[0] + 1):
                    lengths.pop(number, None)
    return max(lengths.values())


def _distance(base: str, ours: str) -> int:
    """Counts the lines of a base that a text lacks."""
    lacking = Counter(base.split("\n")) - Counter(ours.split("\n"))
    return lacking.total()


def _differs_in_form(text: str, style: dict) -> bool:
    try:
        return in_style(text, style) != text
    except MergeError:
        return False


def _classes(text: str) -> dict[str, set[str]]:
    """Maps the classes of a module to the names of their methods."""
    return {
        node.name: {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
        for node in parse(text).body
        if isinstance(node, ast.ClassDef)
    }


def _defined(tree: ast.Module) -> set[str]:
    """Lists the names of a module, and `self.x` for what is assigned to `self`."""
    names = {n.name for n in tree.body if isinstance(n, DEFINITIONS)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(_used(node))
    return names - {""}


def _used(node: ast.Name | ast.Attribute) -> str:
    """Returns a name, `self.x` for an attribute of `self`, or an empty string."""
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Load) else ""
    of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
    return f"self.{node.attr}" if of_self else ""

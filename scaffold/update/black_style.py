"""Finds the Black settings that a user's file is formatted with, and applies them."""

import io
import tokenize
from collections import Counter
from contextlib import suppress

from ..errors import MergeError
from ..formatting import format_source, mode_of
from .blocks import TOO_DEEP, blocks_of, parse
from .line_matcher import opcodes

#: Common line lengths.
LENGTHS = (79, 80, 88, 90, 95, 99, 100, 110, 119, 120, 127, 140)


def styles_of(base: str, ours: str, styles: tuple, settings: dict) -> tuple:
    """Returns the styles of a merge base, with the style of the user's file.

    Args:
        base: The text as it was generated.
        ours: The user's text.
        styles: Black's settings that the base was formatted with, one after another.
        settings: Black's current settings for the file.

    Returns:
        `styles`, followed by the settings under which the base has the most lines in
        common with the user's text, unless these are the last in `styles`.
    """
    if _distance(base, ours) == 0:
        # The text may look the same in both styles.
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


def in_style(text: str, style: dict, what: str = "The file") -> str:
    """Formats a text with Black.

    Args:
        text: The text.
        style: Black's settings.
        what: The subject of the error message.

    Raises:
        MergeError: If the text is not valid Python.
    """
    try:
        parse(text)  # Black could crash
        return format_source(text, mode_of(style))
    except (SyntaxError, ValueError) as error:
        deep = TOO_DEEP in str(error)
        raise MergeError(
            f"{what} cannot be formatted, because "
            f"{TOO_DEEP if deep else f'it is not valid Python: {error}'}.",
            "Split the longest expression." if deep else "Fix the syntax error first.",
        ) from error


def in_new_form(merged: str, old: str, new: str, style: dict) -> str:
    """Formats a merged module in a new style.

    Args:
        merged: The module.
        old: The generated text that was merged, in the old style.
        new: The generated text in the new style.
        style: Black's settings for the new style.

    Returns:
        The module. Blocks that the user did not edit come from `new`. Black formats
        the others.

    Raises:
        MergeError: If the module is not valid Python.
    """
    formatted = blocks_of(in_style(merged, style))
    edited, was, becomes = map(blocks_of, (merged, old, new))
    return "\n".join(
        line
        for key, lines in edited.items()
        for line in (becomes if lines == was.get(key) else formatted)[key]
    )


def changed_lines(old: str, new: str) -> list[tuple[int, int]]:
    """Lists ranges of new lines in a module, by their first and last numbers from 1.

    The lines of a block that moved are not new.

    Raises:
        SyntaxError: If one of the texts is not Python.
    """
    before, changed, start = blocks_of(old), [], 0
    for key, lines in blocks_of(new).items():
        changed += [
            (start + first + 1, start + last)
            for kind, _, _, first, last in opcodes(before.get(key, []), lines)
            if kind in ("insert", "replace")
        ]
        start += len(lines)
    return changed


def _longest(text: str) -> int:
    """Returns the length of the longest line without a string or a comment.

    Black does not wrap strings and comments, so these may exceed its limit.
    """
    lengths = dict(enumerate(map(len, text.split("\n")), start=1))
    with suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            name = tokenize.tok_name[token.type]
            if "STRING" in name or name == "COMMENT":
                for number in range(token.start[0], token.end[0] + 1):
                    lengths.pop(number, None)
    return max(lengths.values(), default=0)


def _distance(base: str, ours: str) -> int:
    """Counts the lines of a merge base that a text lacks."""
    lacking = Counter(base.split("\n")) - Counter(ours.split("\n"))
    return lacking.total()


def _differs_in_form(text: str, style: dict) -> bool:
    try:
        return in_style(text, style) != text
    except MergeError:
        return False

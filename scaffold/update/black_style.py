"""The style that a file is formatted in: Black's settings, found from its lines."""

import difflib
import io
import tokenize
from collections import Counter
from contextlib import suppress

from ..errors import MergeError
from ..formatting import format_source, mode_of
from .blocks import blocks_of

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


def changed_lines(old: str, new: str) -> list[tuple[int, int]]:
    """Lists the first and last numbers, from 1, of the lines that are new in a module.

    A block that moved is not new.

    Raises:
        SyntaxError: If one of the texts is not Python.
    """
    before, changed, start = blocks_of(old), [], 0
    for key, lines in blocks_of(new).items():
        matcher = difflib.SequenceMatcher(None, before.get(key, []), lines, False)
        changed += [
            (start + first + 1, start + last)
            for kind, _, _, first, last in matcher.get_opcodes()
            if kind in ("insert", "replace")
        ]
        start += len(lines)
    return changed


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

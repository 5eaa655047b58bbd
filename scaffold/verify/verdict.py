"""The result of a check."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .causes import of_error
from .notebook import is_cell, place


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Attributes:
        name: The name of the check.
        group: Its group.
        outcome: `exact`, `close` (equal within the tolerance), `holds` (an invariant),
            `differs`, `raises` or `not applicable`.
        detail: The first differences and their size, the error, or the reason why the
            check does not apply.
        cause: The usual cause.
        fix: What to do about it.
        code: A stable name of the cause, for programs. Empty if the check passes.
        explained_by: The codes that explain a failure. Each tuple is an alternative of
            causes that occur together.
        ruled_out: The codes of the mistakes that give other numbers.
        compared_with: The reference of a comparison.
    """

    name: str
    group: str
    outcome: str
    detail: str = ""
    cause: str = ""
    fix: str = ""
    code: str = ""
    explained_by: tuple[tuple[str, ...], ...] = ()
    ruled_out: tuple[str, ...] = ()
    compared_with: str = ""

    @property
    def failed(self) -> bool:
        """Whether the class failed the check."""
        return self.outcome in ("differs", "raises")


def raised(check, error: BaseException) -> Verdict:
    """Returns the verdict on a check that ended with an error."""
    detail = describe(error)
    lines = [frame.line or "" for frame in _frames(error)]
    innermost = traceback.extract_tb(error.__traceback__)[-1:]
    by_keras = not all(map(_is_users, innermost))
    explanation = of_error(check.name, detail, lines[-1] if lines else "", by_keras)
    codes = ((explanation.code,),)
    return Verdict(
        check.name, check.group, "raises", detail, *explanation, explained_by=codes
    )


def describe(error: BaseException) -> str:
    """Returns an error's type, the start of its message, and where it was raised."""
    try:
        text = one_line(str(error), 300)
    except BaseException as failure:
        text = f"str() of it raises {type(failure).__name__}"
    # Notes of `during()`. JAX adds notes as well.
    notes = [str(n) for n in getattr(error, "__notes__", ())]
    notes = [n for n in notes if n.startswith("in ")]
    notes += [f"at {place(f.filename, f.lineno)}" for f in _frames(error)[-1:]]
    where = f" ({', '.join(notes)})" if notes else ""
    return f"{': '.join(filter(None, [type(error).__name__, text]))}{where}"


def one_line(text: str, length: int) -> str:
    """Returns the start of a text as one line, with control characters escaped."""
    line = " ".join(text[: 10 * length].split())
    line = line if len(line) <= length else f"{line[: length - 3]}..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Lists the frames of the user's files in an error's traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f for f in frames if _is_source(f.filename) and _is_users(f)]


def _is_source(filename: str) -> bool:
    """Whether a file name in a traceback is a file's or a cell's, not `<string>`."""
    return os.path.isfile(filename) or is_cell(filename)


def _is_users(frame: traceback.FrameSummary) -> bool:
    """Whether a frame is of the user's code: not ours, Keras's or Python's."""
    ours = os.path.dirname(os.path.dirname(__file__))
    installed = (ours, sys.prefix, sys.base_prefix)
    return not frame.filename.startswith(installed) and (
        "site-packages" not in frame.filename
    )


@contextmanager
def during(call: str) -> Iterator[None]:
    """Adds a note to an error that says which Keras call raised it."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {call}")
        raise

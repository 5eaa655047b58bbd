"""The result of a check."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .causes import of_error
from .error_facts import facts
from .user_lines import Line, lines_of, origin, source, statement, user_lines


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


class StepError(Exception):
    """A step does or returns what Keras cannot use. The text says what."""


def raised(check, error: BaseException) -> Verdict:
    """Returns the verdict on a check that ended with an error."""
    from .watched_steps import definition  # imports Keras

    notes = getattr(error, "__notes__", ())
    error = origin(error)
    for note in {*notes} - {*getattr(error, "__notes__", ())}:
        error.add_note(note)
    lines, running = user_lines(error), lines_of(error)
    text = "\n".join([_text(error), *facts(error, lines[-1] if lines else None)])
    place = lines[-1] if lines else definition(text)
    explanation = of_error(
        check.name,
        text,
        statement(place) if lines else "",
        running[-1].function if running else "",
        source(place) if place else "",
        not running,
    )
    reads = re.findall("^fact: (reads .*)", text, re.MULTILINE)
    detail = describe(error, place, *reads)
    codes = ((explanation.code,),)
    return Verdict(
        check.name, check.group, "raises", detail, *explanation, explained_by=codes
    )


def describe(error: BaseException, place: Line | None = None, *notes: str) -> str:
    """Returns an error's type, the start of its message, and where it was raised.

    Args:
        error: The error.
        place: The line to name. If `None`, the last one of the user's code that ran.
        *notes: What to add before the line.
    """
    # Notes of `during()`. JAX adds notes as well.
    during = [str(note) for note in getattr(error, "__notes__", ())]
    notes = [*(note for note in during if note.startswith("in ")), *notes]
    places = [place] if place else user_lines(error)[-1:]
    where = ", ".join([*notes, *(f"at {line}" for line in places)])
    return one_line(_text(error), 300) + (f" ({where})" if where else "")


def _text(error: BaseException) -> str:
    """Returns the type and the message of an error. `StepError` needs no type."""
    try:
        text = str(error)
    except BaseException as failure:
        text = f"str() of it raises {type(failure).__name__}"
    kind = "" if isinstance(error, StepError) else type(error).__name__
    return ": ".join(filter(None, [kind, text]))


def one_line(text: str, length: int) -> str:
    """Returns the start of a text as one line, with control characters escaped."""
    line = " ".join(text[: 10 * length].split())
    line = line if len(line) <= length else f"{line[: length - 3]}..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


@contextmanager
def during(call: str) -> Iterator[None]:
    """Adds a note to an error that says which Keras call raised it."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {call}")
        raise

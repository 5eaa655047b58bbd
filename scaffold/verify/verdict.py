"""The result of a check."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .causes import of_error


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
        builds_on: Simpler cases. If one of them fails, it explains more.
        parts: What differs: `history`, `weights`, `evaluate`, ...
    """

    name: str
    group: str
    outcome: str
    detail: str = ""
    cause: str = ""
    fix: str = ""
    builds_on: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the class failed the check."""
        return self.outcome in ("differs", "raises")


def raised(check, error: Exception) -> Verdict:
    """Returns the verdict on a check that ended with an error."""
    detail = describe(error)
    explanation = of_error(check.name, detail)
    return Verdict(check.name, check.group, "raises", detail, *explanation)


def describe(error: Exception) -> str:
    """Returns an error's type, the start of its message, and where it was raised."""
    text = " ".join(str(error).split())
    text = text if len(text) <= 300 else f"{text[:297]}..."
    # Notes of `during()`. JAX adds notes as well.
    notes = [n for n in getattr(error, "__notes__", ()) if n.startswith("in ")]
    notes += [f"at {place}" for place in _places(error)[-1:]]
    where = f" ({', '.join(notes)})" if notes else ""
    return f"{type(error).__name__}: {text}{where}"


def _places(error: Exception) -> list[str]:
    """Lists the lines of the user's files in an error's traceback."""
    ours = os.path.dirname(os.path.dirname(__file__))
    frames = traceback.extract_tb(error.__traceback__)
    return [
        f"{os.path.basename(frame.filename)}:{frame.lineno}"
        for frame in frames
        if os.path.isfile(frame.filename)
        and not frame.filename.startswith((ours, sys.prefix, sys.base_prefix))
        and "site-packages" not in frame.filename
    ]


@contextmanager
def during(call: str) -> Iterator[None]:
    """Adds a note to an error that says which Keras call raised it."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {call}")
        raise

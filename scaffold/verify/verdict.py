"""What became of a case or of a contract."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .causes import explain


@dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Attributes:
        name: The case.
        group: The part of Keras that it belongs to.
        outcome: `exact`, `close` (equal within the tolerance), `holds` (for a check
            without a reference), `differs`, `raises` or `not applicable`.
        detail: What differs, by how much and where first; or the error; or why not.
        cause: What usually causes it.
        fix: What to do about it.
        builds_on: Simpler cases: if one of them fails, it says more.
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
        """Whether the class is at fault."""
        return self.outcome in ("differs", "raises")


def raised(case, error: Exception) -> Verdict:
    """Returns the verdict on a case that ended with an error."""
    detail = describe(error)
    return Verdict(case.name, case.group, "raises", detail, *explain(case, detail))


def describe(error: Exception) -> str:
    """Returns an error's type, the beginning of its text, and where it arose."""
    text = " ".join(str(error).split())
    text = text if len(text) <= 300 else f"{text[:297]}..."
    # JAX leaves notes as well.
    notes = [n for n in getattr(error, "__notes__", ()) if n.startswith("in ")]
    notes += [f"at {place}" for place in _places(error)[-1:]]
    where = f" ({', '.join(notes)})" if notes else ""
    return f"{type(error).__name__}: {text}{where}"


def _places(error: Exception) -> list[str]:
    """Lists the lines of people's own files that an error went through."""
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
    """Notes in which call of Keras's an error arose."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {call}")
        raise

"""What became of a case or of a contract."""

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
    """

    name: str
    group: str
    outcome: str
    detail: str = ""
    cause: str = ""
    fix: str = ""
    builds_on: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the class is at fault."""
        return self.outcome in ("differs", "raises")


def raised(case, error: Exception) -> Verdict:
    """Returns the verdict on a case that ended with an error."""
    detail = f"{type(error).__name__}: {first_line(error)}"
    return Verdict(case.name, case.group, "raises", detail, *explain(case, detail))


def first_line(error: Exception) -> str:
    """Returns the first line of an error's text, cut where it is long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else ""

"""Groups failures by their causes: one report for each mistake."""

from typing import NamedTuple

from .causes import also, of_code


class Report(NamedTuple):
    """A cause, and the failures that it explains.

    Attributes:
        code: The code of the cause.
        cause: The cause.
        fix: What to do about it.
        verdicts: The verdicts that it explains. The first shows it best.
    """

    code: str
    cause: str
    fix: str
    verdicts: list[dict]


def reports(failures: list[dict]) -> list[Report]:
    """Returns the fewest causes that explain all failures, in the order of the checks.

    A failure can have several alternatives: the causes that would all give it. The one
    is chosen that explains most failures.

    Args:
        failures: Verdicts on checks that failed.
    """
    found, left = [], list(failures)
    chosen = set()
    while left:
        code = max(_candidates(left), key=lambda c: _explained_by(left, chosen | {c}))
        chosen.add(code)
        members = [v for v in left if _is_explained(v, chosen)]
        if not members:  # only together with another cause
            continue
        left = [v for v in left if v not in members]
        found.append(_report(code, members))
    return found


def _alternatives(verdict: dict) -> list[set[str]]:
    codes = verdict["explained_by"] or [[verdict["code"]]]
    return [set(together) for together in codes]


def _candidates(left: list[dict]) -> dict[str, None]:
    """Returns the codes of the alternatives, in order."""
    return dict.fromkeys(
        code
        for verdict in left
        for together in (verdict["explained_by"] or [[verdict["code"]]])
        for code in together
    )


def _explained_by(left: list[dict], chosen: set[str]) -> tuple[int, int]:
    """Returns how many failures causes explain, then how many they explain in part."""
    partly = sum(any(a & chosen for a in _alternatives(v)) for v in left)
    return sum(_is_explained(v, chosen) for v in left), partly


def _is_explained(verdict: dict, chosen: set[str]) -> bool:
    implied = chosen.union(*map(also, chosen))
    return any(together <= implied for together in _alternatives(verdict))


def _report(code: str, members: list[dict]) -> Report:
    """Returns the report of a cause, with the failure that shows it alone first."""
    own = [v for v in members if v["code"] == code]
    first = own[0] if own else members[0]
    members = [first, *(v for v in members if v is not first)]
    if own:
        return Report(code, first["cause"], first["fix"], members)
    explanation = of_code(code)
    return Report(code, explanation.cause, explanation.fix, members)

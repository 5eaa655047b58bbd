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
    """Returns the fewest causes that explain all failures, the widest first.

    A failure can have several alternatives: the causes that would all give it. The one
    is chosen that explains most failures. A failure of two causes is in both reports.

    Args:
        failures: Verdicts on checks that failed.
    """
    chosen = _fewest_causes(failures)
    found = []
    for code in chosen:
        members = [v for v in failures if code in _causes(v, chosen)]
        alone = [v for v in members if len(_causes(v, chosen)) == 1]
        if members:
            found.append(_report(code, alone, members))
    return found


def _fewest_causes(failures: list[dict]) -> dict[str, None]:
    """Returns codes that explain all failures, in the order in which they are found."""
    left, chosen = list(failures), {}
    while left:
        candidates = [code for code in _candidates(left) if code not in chosen]
        code = max(candidates, key=lambda c: _explained_by(left, {*chosen, c}))
        chosen[code] = None
        left = [v for v in left if not _is_explained(v, chosen)]
    return chosen


def _causes(verdict: dict, chosen: dict[str, None]) -> set[str]:
    """Returns the chosen causes that explain a failure together."""
    brought = {other: code for code in chosen for other in also(code)}
    for together in _alternatives(verdict):
        if together <= {*chosen, *brought}:
            return {c if c in chosen else brought[c] for c in together}
    return set()


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
    implied = {*chosen}.union(*map(also, chosen))
    return any(together <= implied for together in _alternatives(verdict))


def _report(code: str, alone: list[dict], members: list[dict]) -> Report:
    """Returns the report of a cause, with a failure that shows it alone first."""
    own = [v for v in alone if v["code"] == code]
    members = [*alone, *(v for v in members if v not in alone)]
    first = own[0] if own else members[0]
    members = [first, *(v for v in members if v is not first)]
    if own:
        return Report(code, first["cause"], first["fix"], members)
    explanation = of_code(code)
    return Report(code, explanation.cause, explanation.fix, members)

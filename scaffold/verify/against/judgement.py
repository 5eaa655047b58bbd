"""Turns the numbers of two implementations into a verdict."""

from typing import NamedTuple

from ..parity.differences import FACTOR
from .comparison import Comparison, compare
from .differences import excess
from .measurement import Measurement, decoded, without_evaluation


class Reference(NamedTuple):
    """What a class is compared with.

    Attributes:
        label: Its short name, such as `HEAD~1`.
        source: Its whole name, such as `model.py of HEAD~1 (commit 0123456789)`.
    """

    label: str
    source: str


def judge(
    new: Measurement, old: Measurement | None, noise: dict, reference: Reference
) -> tuple[dict, bool]:
    """Compares the class with the reference in one check.

    Args:
        new: What was measured of the class.
        old: What was measured of the reference, or `None` if nothing was.
        noise: How far rounding may change values, by key.
        reference: The reference.

    Returns:
        The fields of the verdict, and whether rounding could explain a difference, so
        that a control is needed.
    """
    if old is None or not new.is_compared:
        return dict(new.verdict), False
    a, b = decoded(old.answer), decoded(new.answer)
    if a is None:
        reason = old.verdict["detail"]
        if old.outcome == "raises":
            reason = f"{reference.label} fails: {reason}"
        return {**new.verdict, "outcome": "not applicable", "detail": reason}, False
    if b is None:
        return dict(new.verdict), False
    if "raises" in (old.outcome, new.outcome):
        # Only the evaluation fails, or there would be no numbers.
        a, b = without_evaluation(a), without_evaluation(b)
    found = compare(a, b, noise, reference.label)
    if new.outcome == "raises" and old.outcome != "raises":
        if found.outcome != "differs":
            return dict(new.verdict), False
        more = f"{found.detail} evaluate() raises {new.verdict['detail']}."
        found = found._replace(detail=more)
    return _verdict(new.verdict, found, reference), found.unsure


def _verdict(verdict: dict, found: Comparison, reference: Reference) -> dict:
    """Returns the fields of the verdict that a comparison gives."""
    cause, fix, code = found.explanation or ("", "", "")
    return {
        **verdict,
        "outcome": found.outcome,
        "detail": found.detail,
        "cause": cause,
        "fix": fix,
        "code": code,
        "explained_by": [(code,)] if code else [],
        "compared_with": reference.source,
    }


def rounding(base: dict, rounded: dict) -> dict[str, dict[str, float]]:
    """Returns how far rounding changes each value, where it exceeds the tolerance.

    Args:
        base: What was measured, by the name of the check.
        rounded: The same, from weights that differ by rounding errors.
    """
    noise = {}
    for name, measured in base.items():
        found = noise[name] = {}
        a = decoded(measured.answer)
        b = name in rounded and decoded(rounded[name].answer)
        for key in (a.values.keys() & b.values.keys()) if a and b else ():
            if a.values[key].shape == b.values[key].shape:
                change = excess(a.values[key], b.values[key])
                if change:
                    found[key] = float(f"{min(FACTOR * change, 1e300):.2g}")
    return noise

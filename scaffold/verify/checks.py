"""Every check of `kscaffold verify`: the parity cases, then the invariants."""

from fnmatch import fnmatchcase

from ..errors import SpecError
from .against.measure import measure
from .class_under_test import ClassUnderTest
from .contract.invariant import Invariant, check_invariant
from .contract.invariant_list import INVARIANTS
from .parity.case_list import CASES
from .parity.check import check_case
from .verdict import Verdict
from .watched_steps import watched

CHECKS = (*CASES, *INVARIANTS)


def run(check, tested: ClassUnderTest) -> Verdict:
    """Checks a class against a parity case or an invariant."""
    run_check = check_invariant if isinstance(check, Invariant) else check_case
    return run_check(check, watched(tested))


def collect(check, tested: ClassUnderTest, rounded: bool) -> tuple[Verdict, dict]:
    """Runs a parity case and collects its numbers. An invariant has none.

    Args:
        check: The case or the invariant.
        tested: The class.
        rounded: Whether to train from weights that differ by rounding errors.
    """
    if isinstance(check, Invariant):
        return run(check, tested), {}
    return measure(check, watched(tested), rounded)


def select(pattern: str = "", quick: bool = False, checks: tuple = CHECKS) -> list:
    """Selects checks by name.

    Args:
        pattern: A part of `group: name`, case-insensitive; `*` matches anything. Empty
            for all checks.
        quick: Whether to select only the checks that catch most mistakes.
        checks: The checks to select from.

    Raises:
        SpecError: If no check matches.
    """
    form = f"*{pattern.lower()}*"
    named = [c for c in checks if fnmatchcase(f"{c.group}: {c.name}".lower(), form)]
    if not named:
        raise SpecError(
            f"No check matches {pattern!r}.",
            "List the checks with `kscaffold verify --list`.",
            code="check-unknown",
        )
    found = [check for check in named if check.quick or not quick]
    if not found:
        raise SpecError(
            f"No check that matches {pattern!r} is part of --quick.",
            "Omit --quick, or list its checks with `kscaffold verify --list --quick`.",
            code="check-unknown",
        )
    return found

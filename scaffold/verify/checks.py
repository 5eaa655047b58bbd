"""Every check of `kscaffold verify`: the parity cases, then the invariants."""

from fnmatch import fnmatchcase

from ..errors import SpecError
from .class_under_test import ClassUnderTest
from .contract.invariant import Invariant, check_invariant
from .contract.invariant_list import INVARIANTS
from .parity import own_model
from .parity.case_list import CASES
from .parity.check import check_case
from .verdict import Verdict
from .watched_steps import watched

CHECKS = (*CASES, *INVARIANTS)

#: The checks that two implementations are compared in.
COMPARED = (*CASES, *own_model.CASES)


def run(check, tested: ClassUnderTest) -> Verdict:
    """Checks a class against a parity case or an invariant."""
    run_check = check_invariant if isinstance(check, Invariant) else check_case
    return run_check(check, watched(tested))


def select(pattern: str = "", quick: bool = False, checks=CHECKS) -> list:
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
        )
    found = [check for check in named if check.quick or not quick]
    if not found:
        raise SpecError(
            f"No check that matches {pattern!r} is part of --quick.",
            "Omit --quick, or list its checks with `kscaffold verify --list --quick`.",
        )
    return found

"""All that `kscaffold verify` can check: the cases, and the contracts."""

from fnmatch import fnmatchcase

from ..errors import SpecError
from . import contract, harness
from .cases import CASES
from .contract import Contract
from .contracts import CONTRACTS
from .subject import Subject
from .verdict import Verdict

CHECKS = (*CASES, *CONTRACTS)


def run(check, subject: Subject) -> Verdict:
    """Runs a case or a contract with a class."""
    how = contract.check if isinstance(check, Contract) else harness.check
    return how(check, subject)


def select(pattern: str = "", quick: bool = False) -> list:
    """Chooses cases and contracts.

    Args:
        pattern: A part of `group: name`, in any case, with `*` for anything; or nothing
            for all.
        quick: Whether to choose among those alone that catch most mistakes.

    Raises:
        SpecError: If there is none.
    """
    form = f"*{pattern.lower()}*"
    named = [c for c in CHECKS if fnmatchcase(f"{c.group}: {c.name}".lower(), form)]
    if not named:
        raise SpecError(
            f"No case is called {pattern!r}.", "`kscaffold verify --list` names them."
        )
    found = [check for check in named if check.quick or not quick]
    if not found:
        raise SpecError(
            f"No case called {pattern!r} is one of --quick.", "Leave out --quick."
        )
    return found

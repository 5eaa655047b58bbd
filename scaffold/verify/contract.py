"""What every step must keep, whatever it computes: checks that need no reference.

They run on small models of the class under test, or on what `--build` makes, and so
hold for algorithms that `keras.Model` does not have.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from .bench import Bench, NotApplicable
from .subject import Subject
from .verdict import Verdict, raised


@dataclass(frozen=True)
class Contract:
    """A promise that a step makes.

    Attributes:
        name: The promise, as a sentence.
        check: Takes a `Bench`; returns what is wrong, one line each.
        cause: What usually breaks it.
        fix: What to do about it.
        weighted: Whether it is about sample weights.
        quick: Whether it is one of those that catch most mistakes.
        group: The same for all.
    """

    name: str
    check: Callable
    cause: str
    fix: str
    weighted: bool = False
    quick: bool = False
    group: str = "contract"


def check(contract: Contract, subject: Subject) -> Verdict:
    """Checks that the class keeps a promise."""
    if contract.weighted and not subject.weighted:
        reason = "it refuses weights: generate it with --sample-weight"
        return Verdict(contract.name, contract.group, "not applicable", reason)
    # Names start anew. To free memory as well would take longer with every program.
    keras.utils.clear_session(free_memory=False)
    try:
        problems = contract.check(Bench(subject))
    except NotApplicable as reason:
        return Verdict(contract.name, contract.group, "not applicable", str(reason))
    except Exception as error:
        return raised(contract, error)
    if not problems:
        return Verdict(contract.name, contract.group, "holds")
    shown = "; ".join(problems[:3])
    more = f"; {len(problems) - 3} more" if len(problems) > 3 else ""
    texts = contract.cause, contract.fix
    return Verdict(contract.name, contract.group, "differs", shown + more, *texts)

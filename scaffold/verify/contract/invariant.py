"""What every step must keep, whatever it computes: checks that need no reference.

They run on small models of the class under test, or on what `--build` makes, and so
hold for algorithms that `keras.Model` does not have.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from ..class_under_test import ClassUnderTest
from ..verdict import Verdict, raised
from .model_factory import ModelFactory, NotApplicable


@dataclass(frozen=True)
class Invariant:
    """A promise that a step makes.

    Attributes:
        name: The promise, as a sentence.
        check: Takes a `ModelFactory`; returns what is wrong, one line each.
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


def check_invariant(invariant: Invariant, tested: ClassUnderTest) -> Verdict:
    """Checks that the class keeps a promise."""
    if invariant.weighted and not tested.weighted:
        reason = "it refuses weights: generate it with --sample-weight"
        return Verdict(invariant.name, invariant.group, "not applicable", reason)
    # Names start anew. To free memory as well would take longer with every program.
    keras.utils.clear_session(free_memory=False)
    try:
        problems = invariant.check(ModelFactory(tested))
    except NotApplicable as reason:
        return Verdict(invariant.name, invariant.group, "not applicable", str(reason))
    except Exception as error:
        return raised(invariant, error)
    if not problems:
        return Verdict(invariant.name, invariant.group, "holds")
    shown = "; ".join(problems[:3])
    more = f"; {len(problems) - 3} more" if len(problems) > 3 else ""
    texts = invariant.cause, invariant.fix
    return Verdict(invariant.name, invariant.group, "differs", shown + more, *texts)

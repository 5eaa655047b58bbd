"""An invariant: a check that needs no reference.

It runs on small models of the class under test, or on the models of `--build`, so it
also applies to algorithms that `keras.Model` lacks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from ..causes import of_invariant
from ..class_under_test import NO_WEIGHTS, ClassUnderTest
from ..verdict import Verdict, raised
from .model_factory import ModelFactory, NotApplicable


@dataclass(frozen=True)
class Invariant:
    """An invariant of every training step.

    `causes.toml` has its cause and its fix.

    Attributes:
        name: The invariant, as a sentence.
        find_problems: Takes a `ModelFactory`, and returns a list of problems.
        weighted: Whether it is about sample weights.
        quick: Whether `--quick` checks it.
        group: The group of all invariants.
    """

    name: str
    find_problems: Callable[[ModelFactory], list[str]]
    weighted: bool = False
    quick: bool = False
    group: str = "contract"


def check_invariant(invariant: Invariant, tested: ClassUnderTest) -> Verdict:
    """Checks an invariant of a class."""
    name, group = invariant.name, invariant.group
    if invariant.weighted and not tested.weighted:
        return Verdict(name, group, "not applicable", NO_WEIGHTS)
    # Reset Keras's name counters. Freeing memory as well would get slower each time.
    keras.utils.clear_session(free_memory=False)
    try:
        problems = invariant.find_problems(ModelFactory(tested))
    except NotApplicable as reason:
        return Verdict(name, group, "not applicable", str(reason))
    except Exception as error:
        return raised(invariant, error)
    if not problems:
        return Verdict(name, group, "holds")
    shown = "; ".join(problems[:3])
    more = f"; {len(problems) - 3} more" if len(problems) > 3 else ""
    return Verdict(name, group, "differs", shown + more, *of_invariant(name))

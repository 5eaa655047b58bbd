"""An invariant: a check that needs no reference.

It runs on small models of the class under test, or on the models of `--build`, so it
also applies to algorithms that `keras.Model` lacks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..causes import of_invariant, of_mistakes
from ..class_under_test import NO_WEIGHTS, ClassUnderTest
from ..parity.keras_steps import use_keras_steps, use_mistaken_steps
from ..parity.mistakes import EVALUATION, MISTAKES
from ..parity.own_steps import brings_more, replaceable
from ..user_lines import user_lines
from ..verdict import Verdict, describe, raised
from .model_factory import ModelFactory, NotApplicable


@dataclass(frozen=True)
class Invariant:
    """An invariant of every training step.

    `causes.toml` has its cause and its fix.

    Attributes:
        name: The invariant, as a sentence.
        find_problems: Takes a `ModelFactory`, and returns a list of problems.
        weighted: Whether it is about sample weights.
        excused: What a class may override for its steps not to be blamed if Keras's own
            steps break the invariant as well. `None` if they are always blamed.
        quick: Whether `--quick` checks it.
        group: The group of all invariants.
    """

    name: str
    find_problems: Callable[[ModelFactory], list[str]]
    weighted: bool = False
    excused: tuple[str, ...] | None = ()
    quick: bool = False
    group: str = "contract"


def check_invariant(invariant: Invariant, tested: ClassUnderTest) -> Verdict:
    """Checks an invariant of a class."""
    name, group = invariant.name, invariant.group
    if invariant.weighted and not tested.weighted:
        return Verdict(name, group, "not applicable", NO_WEIGHTS)
    try:
        problems = invariant.find_problems(ModelFactory(tested))
    except NotApplicable as reason:
        return Verdict(name, group, "not applicable", str(reason))
    except Exception as error:
        if reason := _fails_without_the_steps(invariant, tested, error):
            return Verdict(name, group, "not applicable", reason)
        return raised(invariant, error)
    if not problems:
        return Verdict(name, group, "holds")
    if _is_of_keras(invariant, tested, problems):
        reason = f"with Keras's own steps as well, {problems[0]}"
        return Verdict(name, group, "not applicable", reason)
    shown = "; ".join(problems[:3])
    more = f"; {len(problems) - 3} more" if len(problems) > 3 else ""
    found = _proven(invariant, tested, problems)
    explanation = of_mistakes(found) if found else of_invariant(name)
    codes = (*found, (of_invariant(name).code,))
    return Verdict(
        name, group, "differs", shown + more, *explanation, explained_by=codes
    )


def _fails_without_the_steps(
    invariant: Invariant, tested: ClassUnderTest, error: Exception
) -> str:
    """Returns the error with which Keras's own steps fail as the class does, if any.

    An error in what else the class brings, such as its `call()`, is its own.
    """
    notes = getattr(error, "__notes__", ())
    model = replaceable(tested) if {*notes} & {"in fit()", "in evaluate()"} else None
    if model is None or (
        brings_more(tested.load()) & {line.function for line in user_lines(error)}
    ):
        return ""
    try:
        invariant.find_problems(ModelFactory(model, use_keras_steps))
    except Exception as other:
        if type(other) is type(error):
            return f"Keras's own trainer fails: {describe(other)}"
    return ""


def _is_of_keras(
    invariant: Invariant, tested: ClassUnderTest, problems: list[str]
) -> bool:
    """Whether Keras's own steps have the same problems with the same model.

    What the class itself brings, such as its loss, must then not be the cause.
    """
    if invariant.excused is None or brings_more(tested.load()) - {*invariant.excused}:
        return False
    model = replaceable(tested)
    if model is None:
        return False
    try:
        found = invariant.find_problems(ModelFactory(model, use_keras_steps))
    except Exception:
        return False
    return len(found) == len(problems)


def _proven(
    invariant: Invariant, tested: ClassUnderTest, problems: list[str]
) -> list[tuple[str, ...]]:
    """Returns the codes of the mistakes with which Keras's own steps have the problems.

    Several mistakes can break an invariant in the same way.
    """
    model = replaceable(tested)
    if model is None:
        return []
    found = []
    for mistake in MISTAKES:
        if invariant.name not in mistake.explains or (mistake.code,) in found:
            continue
        changes = mistake.changes
        training = frozenset() if mistake in EVALUATION else changes
        change = partial(use_mistaken_steps, training=training, evaluation=changes)
        try:
            same = invariant.find_problems(ModelFactory(model, change)) == problems
        except Exception:
            continue
        found += [(mistake.code,)] * same
    return found
